//! Rows are looked up by their keys, whatever the server believes of the size of a table.
//!
//! It plans a statement once, from what it found when it last looked: an empty table, or one that had been full
//! and had next to nothing left. So the tables are looked at while they are so and then filled, and the server
//! itself counts how many entries of indexes it goes through for each of a few rows.

use super::pair::migrate;
use ballet::Key;
use ballet::clock::Time;
use ballet::postgres::{Config, Postgres};
use ballet::store::{
    Advance, Inboxed, Kept, Known, LaneId, Lock, Slot, Space, Status, Store, Taken, Timer, Value,
    Writes,
};
use containers::servers::{self, Database};
use sentences::{begin, lane, next};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SCHEMA: &str = "plans";

/// How many rows are in each table, and how many of them a batch has to do with.
const ROWS: usize = 3_000;
const TOUCHED: usize = 50;

/// What is in the tables: of the lane itself, of its saga and of its table of rows. The keys of some runs are so
/// long that the tree of all keys is higher than that of any other index, which is then cheaper to descend.
const FILL: &str = "
    INSERT INTO plans.runs (saga, key, status, begun, body)
    SELECT 'saga', convert_to('here ' || n, 'UTF8'), 'running', n, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.archive (saga, key, status, begun, ended, body)
    SELECT 'saga', convert_to('over ' || n, 'UTF8'), 'completed', n, n, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.rows (name, key, value)
    SELECT 'service.table', convert_to('here ' || n, 'UTF8'), '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.barriers (group_name, key, at, is_open, value)
    SELECT 'group', convert_to('here ' || n, 'UTF8'), 1, true, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.seen (group_name, id, at)
    SELECT 'group', convert_to('here ' || n, 'UTF8'), 9000000000000000 FROM generate_series(1, 3000) n;
    INSERT INTO plans.timers (group_name, lane, id, due, key)
    SELECT 'group', 0, convert_to('here ' || n, 'UTF8'), n, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.calls (group_name, lane, id, key, holds, body)
    SELECT 'group', 0, convert_to('here ' || n, 'UTF8'), '', false, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.parked (group_name, lane, number, key, held, attempts, since, reason, body)
    SELECT 'group', 0, n, '', 'fault', 1, 1, '', '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.inbox (group_name, lane, id, key, at, body)
    SELECT 'group', 0, convert_to('here ' || n, 'UTF8'), '', 1, '' FROM generate_series(1, 3000) n;
    INSERT INTO plans.runs (saga, key, status, begun, body)
    SELECT 'saga', convert_to(long.key, 'UTF8'), 'running', n, ''
    FROM generate_series(1, 1000) n CROSS JOIN LATERAL
    (SELECT string_agg(md5(n || ' ' || i), '') AS key FROM generate_series(1, 25) i) AS long;
    INSERT INTO plans.archive (saga, key, status, begun, ended, body)
    SELECT saga, key, 'completed', 5000 + begun, 5000 + begun, body FROM plans.runs WHERE length(key) > 100;";

/// What the tables were like when they were looked at.
#[derive(Debug, Clone, Copy)]
enum Before {
    Empty,
    /// Of what was there, only the last row is left.
    NearlyEmpty,
}

const TABLES: [&str; 9] =
    ["runs", "archive", "rows", "barriers", "seen", "timers", "calls", "parked", "inbox"];

/// A lane of a schema whose tables were looked at before, and are full now.
struct Scene {
    database: Database,
    store: Arc<Postgres>,
    taken: Taken,
}

impl Scene {
    async fn new(before: Before) -> Self {
        let database = servers::postgres().await.database("plans").await;
        let app = database.role("app").await;
        migrate(&database, SCHEMA).await;
        let store = Postgres::connect(Config::new(&app, SCHEMA).unwrap()).await.unwrap();
        let taken = store.take(&lane()).await.unwrap();
        let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
        let mut run = async |text: &str| {
            db.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(text))).await.unwrap();
        };
        let fill = FILL.replace(';', " ON CONFLICT DO NOTHING;");
        if let Before::NearlyEmpty = before {
            run(&fill).await;
            for table in TABLES.map(|table| format!("plans.{table}")) {
                let last = format!("(SELECT max(ctid) FROM {table})");
                run(&format!("DELETE FROM {table} WHERE ctid < {last}")).await;
            }
        }
        for table in TABLES {
            run(&format!("VACUUM (ANALYZE) plans.{table}")).await;
        }
        run(&fill).await;
        Self { database, store, taken }
    }

    /// How many entries of indexes and rows of tables the server goes through while the store does
    /// something, in all sessions that have ended.
    async fn walked(self, does: impl AsyncFn(&dyn Store, Advance)) -> u64 {
        let Self { database, store, taken } = self;
        let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
        let before = walked(&mut db).await;
        does(&*store, next(&lane(), &taken)).await;
        store.close().await;
        settled(&mut db).await - before
    }
}

async fn walked(db: &mut PgConnection) -> u64 {
    let asked = sqlx::query(
        "SELECT ((SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE schemaname = $1)
               + (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE schemaname = $1))::bigint",
    );
    let row = asked.bind(SCHEMA).fetch_one(db).await.unwrap();
    row.get::<i64, _>(0).try_into().unwrap()
}

/// Sessions tell what they have done when they end, which takes them a moment.
async fn settled(db: &mut PgConnection) -> u64 {
    let mut last = u64::MAX;
    loop {
        ballet::clock::rest(Duration::from_millis(700)).await;
        let now = walked(db).await;
        if now == last {
            return now;
        }
        last = now;
    }
}

fn names() -> impl Iterator<Item = String> {
    (1..=TOUCHED).map(|number| format!("here {number}"))
}

fn slots(space: Space, table: &'static str, word: &str) -> Vec<Slot> {
    let key = |number| format!("{word} {number}");
    (1..=TOUCHED).map(|number| Slot::new(space, table, key(number))).collect()
}

/// Writes a run that goes on, or has ended.
fn run(slot: Slot, status: Status) -> (Slot, Option<Value>) {
    (slot, Some(Value { body: "x".into(), status: Some(status) }))
}

fn timer((due, id): (i64, String)) -> Timer {
    Timer { due: Time::from_micros(due), id }
}

/// One batch that locks nothing and changes something in every table.
async fn everything(store: &dyn Store, advance: Advance) {
    let mut batch = begin(store, &advance).await;
    let (new, ended) = (slots(Space::Runs, "saga", "new"), slots(Space::Runs, "saga", "short"));
    let here = slots(Space::Runs, "saga", "here");
    let mut writes = Writes {
        known: new.iter().chain(&ended).map(|slot| (slot.clone(), Known::Absent)).collect(),
        seen: names().collect(),
        timers_gone: (1..).zip(names()).map(timer).collect(),
        called: names().collect(),
        released: (1..=TOUCHED as u64).collect(),
        ..Writes::default()
    };
    writes.known.extend(here.iter().map(|slot| (slot.clone(), Known::Here)));
    writes.slots.extend(new.into_iter().map(|slot| run(slot, Status::Running)));
    writes.slots.extend(ended.into_iter().map(|slot| run(slot, Status::Completed)));
    let half = here.len() / 2;
    let end = |(at, slot)| run(slot, if at < half { Status::Running } else { Status::Completed });
    writes.slots.extend(here.into_iter().enumerate().map(end));
    writes
        .slots
        .extend(slots(Space::Rows, "service.table", "here").into_iter().map(|at| (at, None)));
    writes.slots.extend(slots(Space::Barriers, "group", "here").into_iter().map(|at| (at, None)));
    let inbox = batch.inbox(TOUCHED as u32).await.unwrap();
    writes.inbox_taken = inbox.iter().map(|row| row.number).collect();
    batch.flush(writes).await.unwrap();
    batch.commit().await.unwrap();
}

/// One batch that looks for things, with each lock, and finds half of them.
async fn looks(store: &dyn Store, advance: Advance) {
    for lock in [Lock::Peek, Lock::Own, Lock::Change] {
        let wanted: BTreeMap<Slot, Lock> = ["here", "over", "nowhere"]
            .into_iter()
            .flat_map(|word| {
                let runs = slots(Space::Runs, "saga", word);
                let rows = slots(Space::Rows, "service.table", word);
                runs.into_iter().chain(rows).chain(slots(Space::Barriers, "group", word))
            })
            .map(|slot| (slot, lock))
            .collect();
        let mut batch = begin(store, &advance).await;
        let found = batch.read(&wanted, &BTreeSet::new()).await.unwrap();
        assert_eq!(found.slots.len(), TOUCHED * 4);
        let due = batch.due(TOUCHED as u32).await.unwrap();
        assert_eq!((due.timers.len(), due.next.map(Time::micros)), (TOUCHED, Some(51)));
        let seen = batch.seen(&names().chain(["nobody".to_owned()]).collect()).await.unwrap();
        assert_eq!(seen.len(), TOUCHED);
        batch.roll_back().await;
    }
}

/// Entries that come at once, each unless something is there.
async fn enters(store: &dyn Store, _: Advance) {
    let all =
        slots(Space::Runs, "saga", "here").into_iter().chain(slots(Space::Runs, "saga", "none"));
    let put = all.enumerate().map(|(at, slot)| async move {
        let entry = Inboxed { id: format!("new {at}"), key: Key::new(""), body: "x".into() };
        store.enter(&LaneId::new("group", 1), &entry, Some(&slot)).await.unwrap();
    });
    futures::future::join_all(put).await;
}

/// Runs are listed of which the archive has none, and of which it has all.
async fn lists(store: &dyn Store, _: Advance) {
    for status in [Status::Running, Status::Completed] {
        let listed = store.runs("saga", Some(status), TOUCHED as u32).await.unwrap();
        assert_eq!(listed.len(), TOUCHED);
        assert!(listed.iter().all(|run| run.status == status));
    }
}

/// What is too old goes, a little at a time.
async fn prunes(store: &dyn Store, _: Advance) {
    let gone = store.prune(Kept::Archive, Duration::from_secs(1), TOUCHED as u32).await.unwrap();
    assert_eq!(gone.deleted, TOUCHED as u64);
    for walked in [Kept::Barriers, Kept::Seen] {
        let gone = store.prune(walked, Duration::from_secs(1), TOUCHED as u32).await.unwrap();
        assert_eq!((gone.deleted, gone.is_done), (0, false), "all are too young, or open");
    }
    let gone = store.forget("service.table", TOUCHED as u32).await.unwrap();
    assert_eq!(gone.deleted, TOUCHED as u64);
}

/// Whoever walks through a table for each row, or through all of a lane, goes through `ROWS` at least.
async fn is_looked_up(does: impl AsyncFn(&dyn Store, Advance)) {
    for before in [Before::Empty, Before::NearlyEmpty] {
        let walked = Scene::new(before).await.walked(&does).await;
        let told = format!("{walked} entries of indexes for {TOUCHED} rows of each kind");
        assert!(walked < ROWS as u64, "{before:?}: {told}");
    }
}

#[tokio::test]
async fn what_a_batch_writes_is_looked_up() {
    is_looked_up(everything).await;
}

#[tokio::test]
async fn what_a_batch_reads_is_looked_up() {
    is_looked_up(looks).await;
}

#[tokio::test]
async fn what_entries_ask_for_is_looked_up() {
    is_looked_up(enters).await;
}

#[tokio::test]
async fn runs_of_a_status_are_looked_up() {
    is_looked_up(lists).await;
}

#[tokio::test]
async fn what_is_too_old_is_looked_up() {
    is_looked_up(prunes).await;
}
