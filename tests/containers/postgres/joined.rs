//! A caller's own transaction on the database of the app: its rows and the entry, both or neither.

use super::pair::{database, schema};
use ballet::Key;
use ballet::clock::rest;
use ballet::postgres::{Config, Postgres};
use ballet::store::{Batch, Entered, Inboxed, Joined, LaneId, Lock, Slot, Space, Store, Writes};
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

/// A batch that begins something of which nothing was ever in the inbox.
async fn begins(store: &dyn Store, id: &str, is_within: bool) -> Box<dyn Batch> {
    let (_, mut batch) = sentences::open(store, &lane()).await;
    if is_within {
        let locked = BTreeMap::from([(Slot::new(Space::Rows, "t", "k"), Lock::Change)]);
        batch.read(&locked, &BTreeSet::new()).await.unwrap();
    }
    let slots = BTreeMap::from([(Slot::new(Space::Runs, "saga", id.to_owned()), plain("run"))]);
    let not_entered = vec![id.to_owned()];
    batch.flush(Writes { slots, not_entered, ..Writes::default() }).await.unwrap();
    batch
}

/// Its entry is in, and it has looked for the run before the batch was committed that had not seen the entry.
#[tokio::test]
async fn whoever_enters_waits_for_a_batch_that_is_being_committed_and_begins_without_an_entry() {
    let (store, _, _) = both().await;
    let run = Slot::new(Space::Runs, "saga", "1");
    let batch = begins(&*store, "1", true).await;
    let (lane, again) = (lane(), entry("1", "y"));
    let mut entering = std::pin::pin!(store.enter(&lane, &again, Some(&run)));
    tokio::select! {
        entered = &mut entering => panic!("it waits for the batch: {entered:?}"),
        () = rest(Duration::from_millis(300)) => {}
    }
    batch.commit().await.unwrap();
    assert_eq!(entering.await.unwrap(), Entered::Exists("run".into()));
    assert!(store.waiting().await.unwrap().is_empty());
}

/// Somebody has put the entry in since that batch looked, and waits; or has lost his connection meanwhile.
#[tokio::test]
async fn whoever_finds_an_entry_there_waits_for_such_a_batch_too() {
    let (store, _, mut db) = both().await;
    let run = Slot::new(Space::Runs, "saga", "1");
    let batch = begins(&*store, "1", true).await;
    let put =
        "INSERT INTO inbox (group_name, lane, id, key, at, body) VALUES ($1, 0, '1', '', 0, 'y')";
    sqlx::query(put).bind(lane().group.as_str()).execute(&mut db).await.unwrap();
    let (lane, again) = (lane(), entry("1", "y"));
    let mut entering = std::pin::pin!(store.enter(&lane, &again, Some(&run)));
    tokio::select! {
        entered = &mut entering => panic!("it waits for the batch: {entered:?}"),
        () = rest(Duration::from_millis(300)) => {}
    }
    batch.commit().await.unwrap();
    assert_eq!(entering.await.unwrap(), Entered::Exists("run".into()));
}

#[tokio::test]
async fn a_batch_is_not_held_up_by_those_who_wait_for_a_batch_of_another_lane() {
    let (store, _, mut db) = both().await;
    let busy = LaneId::new(lane().group, 1);
    let mut tx = db.begin().await.unwrap();
    let held = sqlx::query("SELECT pg_advisory_xact_lock(lane_key($1, 1, 1))");
    held.bind(busy.group.as_str()).execute(&mut *tx).await.unwrap();
    let entering = (10..30).map(|n| {
        let (store, id) = (Arc::clone(&store), n.to_string());
        let lane = if n % 2 == 0 { lane() } else { busy.clone() };
        async move {
            let slot = Slot::new(Space::Runs, "saga", id.clone());
            store.enter(&lane, &entry(&id, "y"), Some(&slot)).await.unwrap()
        }
    });
    let mut entering = std::pin::pin!(futures::future::join_all(entering));
    tokio::select! {
        entered = &mut entering => panic!("they wait for the batch: {entered:?}"),
        () = rest(Duration::from_millis(300)) => {}
    }
    tokio::select! {
        told = async { begins(&*store, "1", false).await.commit().await } => told.unwrap(),
        () = rest(Duration::from_secs(3)) => panic!("it waits"),
    }
    tx.commit().await.unwrap();
    assert!(entering.await.iter().all(|entered| *entered == Entered::New));
}

#[tokio::test]
async fn several_who_enter_wait_for_it_too() {
    let (store, _, _) = both().await;
    let run = |id: &str| Slot::new(Space::Runs, "saga", id.to_owned());
    let batch = begins(&*store, "0", true).await;
    let entering = (0..20).map(|n| {
        let (store, slot, entry) =
            (Arc::clone(&store), run(&n.to_string()), entry(&n.to_string(), "y"));
        async move { store.enter(&lane(), &entry, Some(&slot)).await.unwrap() }
    });
    let mut entering = std::pin::pin!(futures::future::join_all(entering));
    tokio::select! {
        entered = &mut entering => panic!("they wait for the batch: {entered:?}"),
        () = rest(Duration::from_millis(300)) => {}
    }
    batch.commit().await.unwrap();
    let entered = entering.await;
    assert_eq!(entered[0], Entered::Exists("run".into()));
    assert!(entered[1..].iter().all(|entered| *entered == Entered::New), "{entered:?}");
}

/// What it has put in nobody else sees, so it is not known whether it is the same; and it may be open for long.
#[tokio::test]
async fn a_batch_does_not_wait_for_an_open_transaction_by_which_something_enters() {
    let (store, _, mut db) = both().await;
    let run = Slot::new(Space::Runs, "saga", "1");
    let mut tx = db.begin().await.unwrap();
    Joined::enter(&mut *tx, &lane(), &entry("1", "x"), Some(&run)).await.unwrap();
    let failed = async { begins(&*store, "2", false).await.commit().await };
    tokio::select! {
        failed = failed => {
            let told = failed.unwrap_err();
            assert_eq!(told.kind(), ballet::ErrorKind::Store);
            assert!(told.to_string().contains("by a transaction that is open"), "{told}");
        }
        () = rest(Duration::from_secs(3)) => panic!("it waits"),
    }
    tx.rollback().await.unwrap();
    begins(&*store, "2", false).await.commit().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let run = Slot::new(Space::Runs, "saga", "2");
    let entered = Joined::enter(&mut *tx, &lane(), &entry("2", "x"), Some(&run)).await.unwrap();
    assert_eq!(entered, Entered::Exists("run".into()));
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
