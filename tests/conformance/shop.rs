//! The lane's shop over the embedded pair: a saga and a choreography, with a process that ends in between.

use super::pairs::Folder;
use crate::lane::shop::{
    Buy, CHARGES, Cashier, Desk, HOLDS, Inventory, Placed, SHELF, STOCKED, Shelves, TOO_MUCH, Till,
    order,
};
use ballet::sqlite::Sqlite;
use ballet::{App, Key, Outcome, Running, Sources, View};
use std::path::Path;
use std::time::Duration;

/// How long a client waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn orchestrated(path: &Path) -> Running {
    let app = App::new(Sqlite::open(path).await.unwrap());
    app.saga(Buy).reactor(Inventory).reactor(Till).start().await.unwrap()
}

async fn choreographed(path: &Path) -> Running {
    let app = App::new(Sqlite::open(path).await.unwrap());
    app.reactor(Desk).reactor(Shelves).reactor(Cashier).start().await.unwrap()
}

/// Dropped, not stopped: as if it were killed, wherever it is. Only the file remains.
async fn killed(app: Running, after: Duration) {
    ballet::clock::rest(after).await;
    drop(app);
}

#[tokio::test]
async fn a_saga_goes_on_where_the_file_says() {
    for after in (0..10_u64).map(|n| Duration::from_micros(n * n * 300)) {
        let folder = Folder::new();
        let path = folder.file("it.db");
        let app = orchestrated(&path).await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1), ("3", 7)] {
            app.begin::<Buy>(id, &order(id, cents)).await.unwrap();
        }
        killed(app, after).await;

        let app = orchestrated(&path).await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1), ("3", 7)] {
            let outcome = app.run::<Buy>(id).outcome_within(PATIENCE).await.unwrap().unwrap();
            let (paid, id) = (cents <= TOO_MUCH, id.to_owned());
            assert_eq!(outcome == Outcome::Completed, paid, "{id} after {after:?}");
            let holds = app.row::<Inventory, _, _>(HOLDS, &id).await.unwrap();
            assert_eq!(holds, Some(u64::from(paid)), "{id} after {after:?}");
            let charged = app.row::<Till, _, _>(CHARGES, &id).await.unwrap();
            assert_eq!(charged, paid.then_some(cents), "{id} after {after:?}");
        }
        let shelf = app.row::<Inventory, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
        assert_eq!(shelf, Some(STOCKED - 2), "after {after:?}");
        assert_eq!(app.dead_letters(10).await.unwrap(), []);
        assert_eq!(app.runs("buy", None, 10).await.unwrap().len(), 3);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_choreography_goes_on_where_the_file_says() {
    for after in (0..10_u64).map(|n| Duration::from_micros(n * n * 200)) {
        let folder = Folder::new();
        let path = folder.file("it.db");
        let app = choreographed(&path).await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1)] {
            app.request(id, &Key::new(id), &order(id, cents)).await.unwrap();
        }
        killed(app, after).await;

        let app = choreographed(&path).await;
        let (paid, declined) = ("1".to_owned(), "2".to_owned());
        let charge = app.watch::<Cashier, _, u64>(CHARGES, &paid, PATIENCE, |_| true).await;
        assert_eq!(charge.unwrap(), Some(5), "after {after:?}");
        // It is held before it is given back, so both are waited for.
        let shelf =
            app.watch::<Shelves, _, u64>(HOLDS, &declined, PATIENCE, |holds| *holds == 0).await;
        assert_eq!(shelf.unwrap(), Some(0), "after {after:?}");
        let shelf = app.row::<Shelves, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
        assert_eq!(shelf, Some(STOCKED - 1), "after {after:?}");
        let asked = app.request("1", &Key::new("1"), &order("1", 5)).await.unwrap();
        assert_eq!(asked.reply(PATIENCE).await.unwrap(), Some(Ok(())));
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sagas_at_once_share_transactions() {
    let folder = Folder::new();
    let app = orchestrated(&folder.file("it.db")).await;
    for n in 0..150_u64 {
        let id = n.to_string();
        app.begin::<Buy>(&*id, &order(&id, 5)).await.unwrap();
    }
    let mut ends = (0, 0);
    for n in 0..150_u64 {
        match app.run::<Buy>(n.to_string()).outcome_within(PATIENCE).await.unwrap().unwrap() {
            Outcome::Completed => ends.0 += 1,
            Outcome::Compensated(_) => ends.1 += 1,
        }
    }
    assert_eq!(ends, (100, 50), "a hundred were on the shelf");
}

/// How often each id was ordered.
struct Placings;
impl View for Placings {
    const NAME: &'static str = "placings";
    type Key = String;
    type Row = u64;
    fn sources() -> Sources<Self> {
        Sources::new().on::<Placed>(|e| e.id.clone(), |row, _| Some(row.unwrap_or(0) + 1))
    }
}

async fn counted(path: &Path) -> Running {
    let app = App::new(Sqlite::open(path).await.unwrap());
    app.reactor(Desk).view::<Placings>().start().await.unwrap()
}

#[tokio::test]
async fn a_view_is_folded_anew_where_the_file_says() {
    for after in (0..8_u64).map(|n| Duration::from_micros(n * n * 300)) {
        let folder = Folder::new();
        let path = folder.file("it.db");
        let app = counted(&path).await;
        for id in ["1", "2", "3"] {
            app.request(id, &Key::new(id), &order(id, 5)).await.unwrap();
            let row = app.watch_view::<Placings>(&id.to_owned(), PATIENCE, |_| true).await;
            assert_eq!(row.unwrap(), Some(1), "{id}");
        }
        assert!(!app.rebuild::<Placings>(Duration::ZERO).await.unwrap());
        app.request("4", &Key::new("4"), &order("4", 5)).await.unwrap();
        killed(app, after).await;

        let app = counted(&path).await;
        assert!(app.rebuild::<Placings>(PATIENCE).await.unwrap(), "after {after:?}");
        for id in ["1", "2", "3", "4"] {
            let row = app.watch_view::<Placings>(&id.to_owned(), PATIENCE, |_| true).await;
            assert_eq!(row.unwrap(), Some(1), "{id} after {after:?}");
        }
        let verified = app.verify::<Placings>().await.unwrap();
        assert!(verified.is_clean() && verified.is_certain(), "{verified}");
        app.stop().await;
    }
}
