//! A caller's own transaction on the database of the app: its rows and the entry, both or neither.

use super::pair::{database, schema};
use ballet::Key;
use ballet::clock::rest;
use ballet::postgres::{Config, Postgres};
use ballet::store::{Entered, Inboxed, Joined, Lock, Slot, Space, Store, Writes};
use containers::servers::own_name;
use sentences::slots::plain;
use sentences::{lane, write};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn entry(id: &str, body: &'static str) -> Inboxed {
    Inboxed { id: id.into(), key: Key::new("k"), body: body.into() }
}

/// The store, and a session of the caller's own that finds its tables and a table of its own.
async fn both() -> (Arc<Postgres>, Config, PgConnection) {
    let config = schema().await;
    let (database, app) = database().await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    let carts = format!(
        "CREATE TABLE {0}.carts (id text); GRANT ALL ON {0}.carts TO {1}",
        config.schema(),
        database.role_named("app")
    );
    owner.execute(sqlx::raw_sql(AssertSqlSafe(carts))).await.unwrap();
    let mut db = PgConnection::connect(app).await.unwrap();
    let path = format!("SET search_path TO {}", config.schema());
    db.execute(AssertSqlSafe(path)).await.unwrap();
    (Postgres::connect(config.clone()).await.unwrap(), config, db)
}

async fn carts(db: &mut PgConnection) -> i64 {
    sqlx::query("SELECT count(*) FROM carts").fetch_one(db).await.unwrap().get(0)
}

#[tokio::test]
async fn an_entry_is_there_if_and_only_if_the_callers_transaction_commits() {
    let (store, _, mut db) = both().await;
    for (commits, id) in [(false, "1"), (true, "2")] {
        let mut tx = db.begin().await.unwrap();
        tx.execute("INSERT INTO carts VALUES ('x')").await.unwrap();
        assert_eq!(tx.incarnation().await.unwrap(), Some(store.incarnation()));
        let entered = Joined::enter(&mut *tx, &lane(), &entry(id, "x"), None).await.unwrap();
        assert_eq!(entered, Entered::New);
        assert!(store.waiting().await.unwrap().is_empty(), "nobody sees it yet");
        if commits {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(store.waiting().await.unwrap().contains(&lane()), commits);
        assert_eq!(carts(&mut db).await, i64::from(commits));
    }
}

#[tokio::test]
async fn the_same_id_enters_once_and_not_when_its_run_is_there() {
    let (store, _, mut db) = both().await;
    let run = Slot::new(Space::Runs, "saga", "1");
    let mut tx = db.begin().await.unwrap();
    let said = [Entered::New, Entered::Waiting("x".into())];
    for expected in said {
        let entered = Joined::enter(&mut *tx, &lane(), &entry("1", "x"), Some(&run)).await;
        assert_eq!(entered.unwrap(), expected);
    }
    tx.commit().await.unwrap();
    let slots = BTreeMap::from([(run.clone(), plain("run"))]);
    write(&*store, &lane(), Writes { slots, ..Writes::default() }).await;
    let mut tx = db.begin().await.unwrap();
    let entered = Joined::enter(&mut *tx, &lane(), &entry("2", "x"), Some(&run)).await.unwrap();
    assert_eq!(entered, Entered::Exists("run".into()));
    tx.commit().await.unwrap();
}

/// A batch takes the entry and writes the run while a client enters it once more. The client's statement
/// has seen neither; the id is free only after the batch.
#[tokio::test]
async fn an_entry_that_is_taken_meanwhile_does_not_enter_again() {
    let (store, _, _) = both().await;
    let run = Slot::new(Space::Runs, "saga", "1");
    store.enter(&lane(), &entry("1", "x"), Some(&run)).await.unwrap();
    let (_, mut batch) = sentences::open(&*store, &lane()).await;
    let number = batch.inbox(1).await.unwrap()[0].number;
    // A batch that has locked something writes before it commits.
    let locked = BTreeMap::from([(Slot::new(Space::Rows, "t", "k"), Lock::Change)]);
    batch.read(&locked, &BTreeSet::new()).await.unwrap();
    let slots = BTreeMap::from([(run.clone(), plain("run"))]);
    let inbox_taken = vec![number];
    batch.flush(Writes { slots, inbox_taken, ..Writes::default() }).await.unwrap();
    let (lane, again) = (lane(), entry("1", "y"));
    let mut entering = std::pin::pin!(store.enter(&lane, &again, Some(&run)));
    let waits = ballet::clock::rest(std::time::Duration::from_millis(100));
    tokio::select! {
        entered = &mut entering => panic!("it waits for the batch: {entered:?}"),
        () = waits => {}
    }
    batch.commit().await.unwrap();
    assert_eq!(entering.await.unwrap(), Entered::Exists("run".into()));
    assert!(store.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_enters_what_an_open_transaction_has_entered_holds_up_nobody_else() {
    let (store, _, mut db) = both().await;
    let mut tx = db.begin().await.unwrap();
    Joined::enter(&mut *tx, &lane(), &entry("1", "x"), None).await.unwrap();
    let same = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.enter(&lane(), &entry("1", "y"), None).await }
    });
    // Until its statement waits for the transaction.
    rest(Duration::from_millis(100)).await;
    for other in ["2", "3", "4"] {
        let (lane, entry) = (lane(), entry(other, "x"));
        let entering = store.enter(&lane, &entry, None);
        tokio::select! {
            entered = entering => assert_eq!(entered.unwrap(), Entered::New),
            () = rest(Duration::from_secs(3)) => panic!("`{other}` is held up"),
        }
    }
    assert!(!same.is_finished());
    tx.commit().await.unwrap();
    assert_eq!(same.await.unwrap().unwrap(), Entered::Waiting("x".into()));
}

#[tokio::test]
async fn a_transaction_of_another_schema_is_known_and_lives_on() {
    let (store, _, mut db) = both().await;
    let (other, _, _) = both().await;
    let mut tx = db.begin().await.unwrap();
    assert_ne!(tx.incarnation().await.unwrap(), Some(other.incarnation()));
    tx.execute("SET LOCAL search_path TO public").await.unwrap();
    assert_eq!(tx.incarnation().await.unwrap(), None);
    tx.commit().await.unwrap();
    write(&*store, &lane(), Writes::default()).await;

    let (database, _) = database().await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    let songs = own_name("songs");
    let songs = format!(
        "BEGIN; CREATE SCHEMA {songs}; SET search_path TO {songs};
         CREATE TABLE meta (value text); CREATE TABLE inbox (id int)"
    );
    owner.execute(sqlx::raw_sql(AssertSqlSafe(songs))).await.unwrap();
    assert_eq!(owner.incarnation().await.unwrap(), None, "it is somebody else's");
    owner.execute("COMMIT").await.unwrap();
}
