//! A caller's own transaction on the file of the embedded pair: its rows and the run, both or neither.

use super::pairs::Folder;
use crate::lane::shop::{Buy, CHARGES, Inventory, Till, order};
use ballet::sqlite::Sqlite;
use ballet::{App, ErrorKind, Outcome, Run, Running, Settings};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, Row, Sqlite as Driver, SqliteConnection};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a client waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn serve(path: &Path) -> Running {
    serve_with(path, Settings::default()).await
}

async fn serve_with(path: &Path, settings: Settings) -> Running {
    let app = App::new(Sqlite::open(path).await.unwrap()).settings(settings);
    app.saga(Buy).reactor(Inventory).reactor(Till).start().await.unwrap()
}

/// A connection of the caller's own, to a file that holds a table of its own.
async fn caller(path: &Path) -> SqliteConnection {
    let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    db.execute("CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY)").await.unwrap();
    db
}

type Own<'a> = sqlx::Transaction<'a, Driver>;

/// A transaction that has put a cart into the caller's own table.
async fn with_cart<'a>(db: &'a mut SqliteConnection, id: &str) -> Own<'a> {
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let put = sqlx::query("INSERT INTO carts (id) VALUES ($1)").bind(id);
    put.execute(&mut *tx).await.unwrap();
    tx
}

async fn carts(db: &mut SqliteConnection) -> Vec<String> {
    let rows = db.fetch_all("SELECT id FROM carts ORDER BY id").await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn completes(run: &Run<'_, Buy>) {
    assert_eq!(run.outcome_within(PATIENCE).await.unwrap(), Some(Outcome::Completed), "{run:?}");
}

#[tokio::test]
async fn a_run_that_is_begun_in_a_transaction_is_finished_after_its_commit() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    let mut db = caller(&folder.file("it.db")).await;
    let mut tx = with_cart(&mut db, "1").await;
    app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap();
    tx.commit().await.unwrap();
    // Nobody tells the lane: it looks by itself.
    completes(&app.run::<Buy>("1")).await;
    assert_eq!(carts(&mut db).await, ["1"]);
    let charged = app.row::<Till, _, _>(CHARGES, &"1".to_owned()).await.unwrap();
    assert_eq!(charged, Some(5));
    app.stop().await;
}

#[tokio::test]
async fn a_run_that_is_begun_in_a_transaction_that_is_rolled_back_never_begins() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    let mut db = caller(&folder.file("it.db")).await;
    let mut tx = with_cart(&mut db, "1").await;
    let run = app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap();
    tx.rollback().await.unwrap();
    run.wake();
    completes(&app.begin::<Buy>("2", &order("2", 5)).await.unwrap()).await;
    assert!(run.journal().await.unwrap().is_none());
    assert_eq!(carts(&mut db).await, [""; 0]);
    // Nothing of it is left that another beginning could contradict.
    completes(&app.begin::<Buy>("1", &order("1", 6)).await.unwrap()).await;
    app.stop().await;
}

/// Nobody looks into an inbox by himself here for an hour.
async fn slow(path: &Path) -> Running {
    let poll = Duration::from_secs(3_600);
    let app = serve_with(path, Settings { poll, ..Settings::default() }).await;
    // Both lanes of the saga have looked once, and will not again.
    for id in ["a", "b", "c", "d"] {
        completes(&app.begin::<Buy>(id, &order(id, 5)).await.unwrap()).await;
    }
    app
}

#[tokio::test]
async fn whoever_waits_for_the_outcome_or_says_so_wakes_the_lane() {
    let folder = Folder::new();
    let app = slow(&folder.file("it.db")).await;
    let mut db = caller(&folder.file("it.db")).await;
    for id in ["1", "2"] {
        let mut tx = with_cart(&mut db, id).await;
        let run = app.begin_in::<Buy>(&mut *tx, id, &order(id, 5)).await.unwrap();
        tx.commit().await.unwrap();
        match id {
            "1" => completes(&run).await,
            _ => {
                run.wake();
                completes(&app.run::<Buy>(id)).await;
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn the_same_id_begins_once_and_another_input_is_a_conflict() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    let mut db = caller(&folder.file("it.db")).await;
    let mut tx = with_cart(&mut db, "1").await;
    for _ in 0..2 {
        app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap();
    }
    let told = app.begin_in::<Buy>(&mut *tx, "1", &order("1", 6)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Conflict);
    tx.commit().await.unwrap();
    let told = app.begin::<Buy>("1", &order("1", 6)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Conflict);
    completes(&app.begin::<Buy>("1", &order("1", 5)).await.unwrap()).await;

    let mut tx = with_cart(&mut db, "2").await;
    app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap();
    let told = app.begin_in::<Buy>(&mut *tx, "1", &order("1", 6)).await.unwrap_err();
    assert_eq!(told.to_string(), "run `1` of saga `buy` was begun with another input");
    tx.commit().await.unwrap();
    let charged = app.row::<Till, _, _>(CHARGES, &"1".to_owned()).await.unwrap();
    assert_eq!(charged, Some(5));
    app.stop().await;
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    let other = Sqlite::open(folder.file("other.db")).await.unwrap();
    for path in [folder.file("other.db"), folder.file("carts.db")] {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut db = options.connect().await.unwrap();
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let told = app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Definition);
        assert_eq!(
            told.to_string(),
            "the transaction does not find the app's store: begin it on the database that the app was \
             started with, and name its schema in `search_path` if it has one"
        );
    }
    other.close().await;
    app.stop().await;
}

#[tokio::test]
async fn a_transaction_that_read_before_others_wrote_is_told_to_begin_anew() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    let mut db = caller(&folder.file("it.db")).await;
    let mut tx = db.begin().await.unwrap();
    tx.fetch_all("SELECT * FROM carts").await.unwrap();
    completes(&app.begin::<Buy>("1", &order("1", 5)).await.unwrap()).await;
    let told = app.begin_in::<Buy>(&mut *tx, "2", &order("2", 5)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Store);
    assert!(told.to_string().ends_with("begin it anew, with `BEGIN IMMEDIATE`"), "{told}");
    tx.rollback().await.unwrap();
    app.stop().await;
}

async fn owners(db: &mut SqliteConnection) -> Vec<(String, u32, i64)> {
    let asked = "SELECT group_name, lane, epoch FROM lanes ORDER BY group_name, lane";
    let rows = db.fetch_all(asked).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn a_transaction_that_stays_open_delays_lanes_and_clients_and_fails_nothing() {
    let folder = Folder::new();
    let app = serve(&folder.file("it.db")).await;
    completes(&app.begin::<Buy>("0", &order("0", 5)).await.unwrap()).await;
    let mut db = caller(&folder.file("it.db")).await;
    let before = owners(&mut db).await;
    // Under way when the file is locked: its lanes meet the lock in the middle.
    let under_way = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    let mut tx = with_cart(&mut db, "2").await;
    let joined = app.begin_in::<Buy>(&mut *tx, "2", &order("2", 5)).await.unwrap();
    let (input, waited) = (order("3", 5), Duration::from_millis(200));
    let mut delayed = Box::pin(app.begin::<Buy>("3", &input));
    tokio::select! {
        _ = delayed.as_mut() => panic!("the file is locked"),
        () = ballet::clock::rest(waited) => {}
    }
    tx.commit().await.unwrap();
    for run in [under_way, joined, delayed.await.unwrap()] {
        completes(&run).await;
    }
    assert_eq!(owners(&mut db).await, before, "no lane was lost");
    assert!(app.health().values().all(|lane| lane.told.is_none()));
    app.stop().await;
}

/// Names the file, and whether the process dies before or after the commit.
const DIE: &str = "BALLET_TESTS_DIE_IN_A_TRANSACTION";

/// Not a test of its own: the body of the process that dies.
#[tokio::test]
async fn dies_when_told() {
    let Ok(told) = std::env::var(DIE) else { return };
    let (when, path) = told.split_once(' ').unwrap();
    let app = serve(Path::new(path)).await;
    let mut db = caller(Path::new(path)).await;
    let mut tx = with_cart(&mut db, "1").await;
    app.begin_in::<Buy>(&mut *tx, "1", &order("1", 5)).await.unwrap();
    if when == "after" {
        tx.commit().await.unwrap();
    }
    std::process::abort();
}

#[tokio::test]
async fn the_callers_rows_and_the_run_are_both_there_or_neither_when_the_process_dies() {
    for when in ["before", "after"] {
        let folder = Folder::new();
        let path = folder.file("it.db");
        let mut process = Command::new(std::env::current_exe().unwrap());
        let this = concat!(module_path!(), "::dies_when_told");
        let (_, this) = this.split_once("::").unwrap();
        process.args(["--exact", this]).env(DIE, format!("{when} {}", path.display()));
        let ended = process.output().unwrap();
        // It was aborted; a test that only fails ends with a code.
        assert!(!ended.status.success() && ended.status.code() != Some(101), "{ended:?}");

        let app = serve(&path).await;
        let mut db = caller(&path).await;
        let is_there = when == "after";
        assert_eq!(carts(&mut db).await == ["1"], is_there, "{when}");
        if is_there {
            completes(&app.run::<Buy>("1")).await;
        } else {
            // What was in an inbox would have been taken with it.
            completes(&app.begin::<Buy>("2", &order("2", 5)).await.unwrap()).await;
            completes(&app.begin::<Buy>("1", &order("1", 6)).await.unwrap()).await;
        }
        app.stop().await;
    }
}
