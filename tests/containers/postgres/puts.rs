//! Rows that are put without having been read: taken for new, until they are not.

use super::faults::connected;
use super::pair::migrate;
use ballet::ErrorKind;
use ballet::postgres::{Config, Postgres};
use ballet::store::{Known, Slot, Space, Status, Store, Value, Writes};
use containers::servers::{self, Database};
use sentences::slots::plain;
use sentences::{lane, open, write};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

async fn fresh() -> (Database, Arc<Postgres>) {
    let database = servers::postgres().await.database("puts").await;
    let app = database.role("app").await;
    migrate(&database, "puts").await;
    let store = connected(Config::new(&app, "puts").unwrap()).await;
    (database, store)
}

fn at(table: &'static str, key: &'static str) -> Slot {
    Slot::new(Space::Rows, table, key)
}

/// One batch that puts these rows, and has read none of them.
async fn put(store: &dyn Store, rows: &[(&'static str, &'static str, &'static str)]) {
    let slots = rows.iter().map(|(table, key, value)| (at(table, key), plain(*value))).collect();
    write(store, &lane(), Writes { slots, ..Writes::default() }).await;
}

async fn value(store: &dyn Store, slot: Slot) -> Option<String> {
    let found = store.find(&BTreeSet::from([slot.clone()]), &BTreeSet::new()).await.unwrap();
    found.slots.get(&slot).map(|body| String::from_utf8_lossy(body).into_owned())
}

/// How many statements have failed in all sessions, once they have ended and have told.
async fn failed(database: &Database) -> i64 {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let (mut last, mut still) = (-1, 0);
    while still < 3 {
        ballet::clock::rest(Duration::from_millis(300)).await;
        let told = sqlx::query(
            "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()",
        );
        let now = told.fetch_one(&mut db).await.unwrap().get(0);
        (last, still) = if now == last { (now, still + 1) } else { (now, 0) };
    }
    last
}

#[tokio::test]
async fn a_row_that_is_there_is_put_over_and_its_table_is_not_taken_for_new_again() {
    let (database, store) = fresh().await;
    let before = failed(&database).await;
    put(&*store, &[("shop.stock", "ipad", "1"), ("shop.sales", "1", "ipad")]).await;
    for (count, sale) in [("2", "2"), ("3", "3"), ("4", "4")] {
        put(&*store, &[("shop.stock", "ipad", count), ("shop.sales", sale, "ipad")]).await;
    }
    assert_eq!(value(&*store, at("shop.stock", "ipad")).await.unwrap(), "4");
    for sale in ["1", "2", "3", "4"] {
        assert_eq!(value(&*store, at("shop.sales", sale)).await.unwrap(), "ipad");
    }
    // The other table has only got new ones.
    put(&*store, &[("shop.sales", "1", "iphone")]).await;
    assert_eq!(value(&*store, at("shop.sales", "1")).await.unwrap(), "iphone");
    store.close().await;
    assert_eq!(failed(&database).await - before, 2, "one for each table");
}

#[tokio::test]
async fn what_was_taken_away_is_new_when_it_is_put_again() {
    let (database, store) = fresh().await;
    let before = failed(&database).await;
    for value in ["1", "2"] {
        put(&*store, &[("shop.stock", "ipad", value)]).await;
        let slots = BTreeMap::from([(at("shop.stock", "ipad"), None)]);
        write(&*store, &lane(), Writes { slots, ..Writes::default() }).await;
    }
    assert_eq!(value(&*store, at("shop.stock", "ipad")).await, None);
    store.close().await;
    assert_eq!(failed(&database).await, before);
}

/// The run of this key comes to this, of which so much is known.
fn run(key: &'static str, known: Known, status: Status) -> Writes {
    let slot = Slot::new(Space::Runs, "saga", key);
    let value = Value { body: status.name().into(), status: Some(status) };
    let (slots, known) = ([(slot.clone(), Some(value))].into(), [(slot, known)].into());
    Writes { slots, known, ..Writes::default() }
}

/// As when a part of a backup was put back.
#[tokio::test]
async fn a_run_ends_though_the_archive_has_one_of_its_name() {
    let (database, store) = fresh().await;
    write(&*store, &lane(), run("k", Known::Absent, Status::Running)).await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    db.execute(
        "INSERT INTO puts.archive (saga, key, status, begun, ended, body)
         VALUES ('saga', 'k', 'compensated', 1, 2, 'x')",
    )
    .await
    .unwrap();
    write(&*store, &lane(), run("k", Known::Here, Status::Completed)).await;
    let slot = Slot::new(Space::Runs, "saga", "k");
    assert_eq!(value(&*store, slot).await.unwrap(), "completed");
    let left =
        sqlx::query("SELECT (SELECT count(*) FROM puts.runs), (SELECT count(*) FROM puts.archive)");
    let left = left.fetch_one(&mut db).await.unwrap();
    assert_eq!((left.get::<i64, _>(0), left.get::<i64, _>(1)), (0, 1));
}

/// What its owner remembers is not there any more, and what it makes of it would be nowhere.
#[tokio::test]
async fn a_run_that_was_deleted_while_it_goes_on_is_not_lost_in_silence() {
    let (database, store) = fresh().await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    for status in [Status::Running, Status::Completed] {
        for key in ["a", "b"] {
            write(&*store, &lane(), run(key, Known::Absent, Status::Running)).await;
        }
        db.execute("DELETE FROM puts.runs WHERE key = 'a'").await.unwrap();
        let (_, mut batch) = open(&*store, &lane()).await;
        let (mut both, b) = (run("a", Known::Here, status), run("b", Known::Here, status));
        both.slots.extend(b.slots);
        both.known.extend(b.known);
        batch.flush(both).await.unwrap();
        let told = batch.commit().await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Store);
        assert!(told.to_string().contains("a run that goes on was deleted"), "{told}");
        assert_eq!(value(&*store, Slot::new(Space::Runs, "saga", "b")).await.unwrap(), "running");
        db.execute("DELETE FROM puts.runs").await.unwrap();
    }
}
