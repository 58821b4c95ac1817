//! How many statements a batch takes and what they do to the tables, counted by the server itself.

use ballet::Key;
use ballet::edge::Edge;
use ballet::postgres::{Config, Postgres};
use ballet::store::{
    Advance, Calling, Held, Inboxed, LaneId, Lock, Parked, Slot, Space, Status, Store, Timer,
    Value, Writes,
};
use containers::servers::{self, Database, Postgres as Server};
use sentences::{NOON, at, begin, lane, next, outgoing};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SCHEMA: &str = "figures";

async fn fresh(server: &Server) -> (Database, Arc<Postgres>) {
    let database = server.database("figures").await;
    let app = database.role("app").await;
    super::pair::migrate(&database, SCHEMA).await;
    let store = Postgres::connect(Config::new(&app, SCHEMA).unwrap()).await.unwrap();
    (database, store)
}

fn slots(count: usize) -> BTreeMap<Slot, Lock> {
    let of = |number: usize| {
        let key = format!("{number:04}");
        [
            Slot::new(Space::Rows, "service.table", key.clone()),
            Slot::new(Space::Runs, "saga", key.clone()),
            Slot::new(Space::Barriers, "group", key),
        ]
    };
    (0..count).flat_map(of).map(|slot| (slot, Lock::Change)).collect()
}

/// Everything that a batch of so many messages may write, all kinds of it.
fn writes(count: usize, round: u64) -> Writes {
    let value = |slot: &Slot| {
        let status = match slot.space {
            Space::Runs => Some(Status::Running),
            Space::Rows | Space::Barriers => None,
        };
        Some(Value { body: vec![b'x'; 300].into(), status })
    };
    let names = || (0..count).map(|number| format!("{round} {number}"));
    let key = Key::new("k");
    let edge = |lane: u32| Edge { source: "s".into(), incarnation: 1, lane, topic: "t".into() };
    let entry = |id| (LaneId::new("other", 0), Inboxed { id, key: key.clone(), body: "x".into() });
    let timer = |id: String| (Timer { due: NOON, id }, key.clone());
    let parked = |number: usize| Parked {
        number: round * 1_000 + number as u64,
        key: key.clone(),
        held: Held::Fault,
        attempts: 1,
        since: NOON,
        due: None,
        reason: "no".into(),
        edge: None,
        body: "x".into(),
    };
    Writes {
        slots: slots(count).into_keys().map(|slot| (slot.clone(), value(&slot))).collect(),
        sent: (0..16).map(|partition| (("t".into(), partition), round)).collect(),
        taken: (0..16).map(|lane| (edge(lane), round)).collect(),
        seen: names().collect(),
        timers: names().map(timer).collect(),
        calls: names()
            .map(|id| Calling { id, key: key.clone(), holds: true, body: "x".into() })
            .collect(),
        parked: (0..count).map(parked).collect(),
        inbox: names().map(entry).collect(),
        outgoing: (0..count as u64).map(|seq| outgoing("t", 0, seq, vec![b'x'; 500])).collect(),
        ..Writes::default()
    }
}

/// One batch that reads all that it writes.
async fn batch(store: &dyn Store, advance: &Advance, count: usize) {
    let mut batch = begin(store, advance).await;
    batch.inbox(500).await.unwrap();
    batch.read(&slots(count), &BTreeSet::new()).await.unwrap();
    batch.flush(writes(count, advance.batch)).await.unwrap();
    batch.commit().await.unwrap();
}

/// How many statements the role of the app has said to this database.
pub(super) async fn said(database: &Database) -> i64 {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let asked = sqlx::query(
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s
         JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
         WHERE r.rolname = $1 AND d.datname = current_database()",
    );
    asked.bind(database.role_named("app")).fetch_one(&mut db).await.unwrap().get(0)
}

#[tokio::test]
async fn a_batch_of_any_size_takes_the_same_number_of_statements() {
    let (database, store) = fresh(servers::postgres().await).await;
    let taken = store.take(&lane()).await.unwrap();
    let mut advance = Advance { positions: at("t", 1), ..next(&lane(), &taken) };
    let mut counted = Vec::new();
    for count in [1, 10, 100, 500] {
        let before = said(&database).await;
        batch(&*store, &advance, count).await;
        counted.push(said(&database).await - before);
        advance.batch += 1;
    }
    // To begin, to advance, the inbox, the slots, to write, to commit.
    assert_eq!(counted, [6, 6, 6, 6]);
}

/// Updates of these tables, and how many of them stayed on their page.
async fn updates(database: &Database) -> BTreeMap<String, (i64, i64)> {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let asked = sqlx::query(
        "SELECT relname::text, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
         WHERE schemaname = $1 AND n_tup_upd > 0",
    );
    let rows = asked.bind(SCHEMA).fetch_all(&mut db).await.unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// On a server of its own: a transaction that stays open, in whatever database, keeps old versions of rows,
/// and other tests leave some open on purpose.
#[tokio::test]
async fn updates_stay_on_their_page() {
    let server = Server::alone().await;
    let (database, store) = fresh(&server).await;
    let taken = store.take(&lane()).await.unwrap();
    let mut advance = Advance { positions: at("t", 1), ..next(&lane(), &taken) };
    for _ in 0..20 {
        batch(&*store, &advance, 200).await;
        advance.batch += 1;
        advance.published = advance.batch;
    }
    // Sessions that end tell what they have done.
    store.close().await;
    let all = ["lanes", "edges", "rows", "runs", "barriers"];
    let updates = loop {
        let updates = updates(&database).await;
        if all.iter().all(|table| updates.contains_key(*table)) {
            break updates;
        }
        ballet::clock::rest(std::time::Duration::from_millis(50)).await;
    };
    for table in all {
        let (updated, hot) = updates[table];
        assert!(updated >= 19 && hot * 100 >= updated * 95, "{table}: {hot} of {updated}");
    }
}
