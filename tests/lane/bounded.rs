//! A file whose work is steady stops growing (H6, H28).
//!
//! Goal: what the framework writes for a purchase is gone some time after it. Method: fifty thousand
//! purchases in five rounds on the SQLite pair, with ages of moments, and the same few rows of the services;
//! after each round everything grows old, and the file is measured.

use crate::conformance::pairs::Folder;
use ballet::sqlite::Sqlite;
use ballet::{
    And, App, Fault, Plan, Reactions, Reactor, Retention, Running, Saga, Settings, StepError,
    Table, Tx, answer, ask, react,
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use std::path::Path;
use std::time::Duration;

#[derive(Debug, Serialize, Deserialize)]
pub struct Sale {
    id: u64,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct Take {
    shelf: String,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct PutBack {
    shelf: String,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct Bill {
    shelf: String,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct Took {
    left: u64,
}
#[derive(Debug, Serialize, Deserialize)]
pub struct Billed {
    shelf: String,
}
ballet::service! { pub STORE_ROOM = "store-room" { Take = "room.take" -> Took, PutBack = "room.put-back" -> () } }
ballet::service! { pub DESK = "bills" { Bill = "desk.bill" -> () } }
ballet::topic! { pub BILLS = "bounded.bills", key shelf { Billed = "desk.billed" } }

const LEFT: Table<String, u64> = Table::new("left");
const BILLS_OF: Table<String, u64> = Table::new("bills");

/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How old everything else becomes.
const MOMENT: Duration = Duration::from_millis(300);

struct Selling;

impl Saga for Selling {
    const NAME: &'static str = "selling";
    type Input = Sale;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("take", ask(Self::take).compensate(Self::put_back).within(PATIENCE))
            .step("bill", ask(Self::bill).pivot().within(PATIENCE))
            .end()
    }
}

impl Selling {
    fn shelf(sale: &Sale) -> String {
        format!("shelf {}", sale.id % 50)
    }
    fn take(sale: &Sale) -> Take {
        Take { shelf: Self::shelf(sale) }
    }
    fn put_back(sale: &Sale) -> PutBack {
        PutBack { shelf: Self::shelf(sale) }
    }
    fn bill(sale: &Sale, _took: &Took) -> Bill {
        Bill { shelf: Self::shelf(sale) }
    }
}

struct Room;
impl Reactor for Room {
    const NAME: &'static str = "store-room";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Take>(answer(Self::take).compensate_by::<PutBack>(Self::put_back))
    }
}
impl Room {
    async fn take(&self, tx: &mut Tx, c: &Take) -> Result<Took, StepError> {
        let left = tx.get(LEFT, &c.shelf).await?.unwrap_or(1_000_000) - 1;
        tx.put(LEFT, &c.shelf, &left)?;
        Ok(Took { left })
    }
    async fn put_back(&self, tx: &mut Tx, c: &PutBack, _: &Took) -> Result<(), Fault> {
        let left = tx.get(LEFT, &c.shelf).await?.unwrap_or(1_000_000) + 1;
        tx.put(LEFT, &c.shelf, &left)
    }
}

struct Bills;
impl Reactor for Bills {
    const NAME: &'static str = "bills";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Bill>(answer(Self::bill).leaves_nothing())
    }
}
impl Bills {
    async fn bill(&self, _: &mut Tx, c: &Bill) -> Result<And<(), Billed>, StepError> {
        Ok(And((), Billed { shelf: c.shelf.clone() }))
    }
}

/// Hears an event, so that a topic has a reader of another group.
struct Counting;
impl Reactor for Counting {
    const NAME: &'static str = "counting";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Billed>(react(Self::count))
    }
}
impl Counting {
    async fn count(&self, tx: &mut Tx, billed: &Billed) -> Result<(), Fault> {
        let count = tx.get(BILLS_OF, &billed.shelf).await?.unwrap_or(0) + 1;
        tx.put(BILLS_OF, &billed.shelf, &count)
    }
}

fn moments() -> Settings {
    let retention = Retention {
        log: MOMENT,
        archive: MOMENT,
        barriers: PATIENCE + MOMENT,
        every: Duration::from_millis(100),
        ..Retention::default()
    };
    Settings { retention, ..Settings::default() }
}

async fn open(path: &Path) -> Running {
    let app = App::new(Sqlite::open(path).await.unwrap()).settings(moments());
    app.saga(Selling).reactor(Room).reactor(Bills).reactor(Counting).start().await.unwrap()
}

/// A wave of purchases at once. On a machine that stands still for seconds one may be compensated.
async fn sell(app: &Running, ids: std::ops::Range<u64>) {
    let one = async |id: u64| {
        let run = app.begin::<Selling>(id.to_string(), &Sale { id }).await.unwrap();
        run.outcome().await.unwrap()
    };
    join_all(ids.map(one)).await;
}

/// How many rows a table of the file has.
async fn rows(path: &Path, table: &str) -> i64 {
    let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&mut db).await.unwrap()
}

const ROUNDS: u64 = 5;
const WAVES: u64 = 20;
const WAVE: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_stays_bounded_over_fifty_thousand_purchases() {
    let folder = Folder::new();
    let path = folder.file("bounded.db");
    let app = open(&path).await;
    let mut sizes = Vec::new();
    for round in 0..ROUNDS {
        for wave in 0..WAVES {
            let first = (round * WAVES + wave) * WAVE;
            sell(&app, first..first + WAVE).await;
        }
        ballet::clock::rest(PATIENCE + 4 * MOMENT).await;
        sizes.push(std::fs::metadata(&path).unwrap().len() / 1024);
    }
    println!("{} purchases; KiB after each round: {sizes:?}", ROUNDS * WAVES * WAVE);
    app.stop().await;
    for table in ["runs", "archive", "barriers", "inbox", "timers", "parked", "calls"] {
        assert_eq!(rows(&path, table).await, 0, "{table}");
    }
    // Of each of the four topics the newest message of its two partitions stays.
    assert!(rows(&path, "log").await <= 8);
    // How large it becomes depends on how much was young at once; fifty thousand would be far more.
    assert!(sizes[4] < 2 * sizes[0], "it grows with what it has forgotten: {sizes:?} KiB");
}
