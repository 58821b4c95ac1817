//! How many statements a batch takes, counted at the driver.
//!
//! Goal: the number of statements does not depend on the size of the batch. Method: so many messages are
//! in the log before a reactor starts, which takes all of them in one batch; a subscriber counts what the
//! driver says it has executed on the thread of the connection that writes.

use crate::conformance::pairs::Folder;
use ballet::broker::{Broker, TopicSpec};
use ballet::message::Outgoing;
use ballet::message::{Envelope, Kind};
use ballet::sqlite::Sqlite;
use ballet::store::{LaneId, Store};
use ballet::{App, Fault, Key, Message, Reactions, Reactor, Settings, Table, Tx, react};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Doubled {
    id: String,
}

ballet::topic! { COUNTS = "count.in", key id { Counted = "count.counted" } }
ballet::topic! { DOUBLES = "count.out", key id { Doubled = "count.doubled" } }

const SUMS: Table<String, u64> = Table::new("sums");
const TOTALS: Table<String, u64> = Table::new("totals");

/// Reads and writes two rows for each message, and sends one.
struct Counter;

impl Reactor for Counter {
    const NAME: &'static str = "counter";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Counted>(react(Self::count))
    }
}

impl Counter {
    async fn count(&self, tx: &mut Tx, counted: &Counted) -> Result<Doubled, Fault> {
        let sum = tx.get(SUMS, &counted.id).await?.unwrap_or(0);
        tx.put(SUMS, &counted.id, &(sum + 1))?;
        let total = tx.get(TOTALS, &"all".to_owned()).await?.unwrap_or(0);
        tx.put(TOTALS, &"all".to_owned(), &(total + 1))?;
        Ok(Doubled { id: counted.id.clone() })
    }
}

/// What was executed, by the name of the thread.
static EXECUTED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Notes what the driver logs.
struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let mut executed = EXECUTED.lock().unwrap_or_else(PoisonError::into_inner);
        executed.entry(thread).or_default().push(text.sql());
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The driver tells short texts as a summary, and long ones as a statement too.
#[derive(Default)]
struct Text {
    summary: String,
    statement: String,
}

impl Text {
    fn sql(self) -> String {
        if self.statement.is_empty() { self.summary } else { self.statement }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// What one batch took.
#[derive(Debug, PartialEq, Eq)]
struct Took {
    /// How many times the driver was asked to execute something.
    calls: usize,
    /// How many statements that were.
    statements: usize,
}

/// What the thread of this file has executed so far.
fn executed(file: &str) -> Vec<String> {
    let executed = EXECUTED.lock().unwrap_or_else(PoisonError::into_inner);
    executed.get(&format!("writes {file}")).cloned().unwrap_or_default()
}

fn message(n: usize) -> Outgoing {
    let id = n.to_string();
    let envelope = Envelope {
        id: ballet::id::derived(&["count", &id]),
        kind: Kind::Event,
        name: "count.counted".into(),
        version: 1,
        key: Key::new(&*id),
        correlation: id.clone(),
        causation: None,
        hop: 0,
        occurred_at: ballet::clock::Time::default(),
        traceparent: None,
        stamp: None,
        step: None,
    };
    let body = serde_json::to_vec(&Counted { id }).unwrap().into();
    Outgoing { topic: "count.in".into(), partition: 0, message: Message { envelope, body } }
}

/// Has a reactor take so many messages in one batch, and counts what the writer executes for it.
async fn batch_of(size: usize) -> Took {
    let folder = Folder::new();
    let file = format!("statements-{size}.db");
    let store = Sqlite::open(folder.file(&file)).await.unwrap();
    let spec = TopicSpec { name: "count.in".into(), partitions: 1, compacted: false };
    store.ensure(&spec).await.unwrap();
    let settings = Settings { poll: Duration::from_secs(3600), ..Settings::default() };
    let app = App::new(store.clone()).lanes(1).settings(settings);
    let app = app.reactor_from_the_beginning(Counter).start().await.unwrap();
    let lane = LaneId::new("counter", 0);
    // The first batches make statements, and let the lane come to rest.
    let warm: Vec<Outgoing> = (1_000_000..1_000_003).map(message).collect();
    store.produce(&warm).await.unwrap();
    settled(&app, 3).await;
    let before = executed(&file).len();

    store.produce(&(0..size).map(message).collect::<Vec<_>>()).await.unwrap();
    settled(&app, size as u64 + 3).await;
    app.stop().await;
    let batches = store.take(&lane).await.unwrap().batch;
    let executed = executed(&file)[before..].to_vec();
    store.close().await;
    // Between the two: producing the messages, and taking the lane.
    let first = executed.iter().position(|sql| sql.contains("SAVEPOINT batch")).unwrap();
    let last = executed.iter().rposition(|sql| sql.contains("RELEASE batch")).unwrap();
    let batch = &executed[first - 1..=last + 1];
    let advanced = batch.iter().filter(|sql| sql.contains("UPDATE lanes")).count();
    assert_eq!(advanced, 1, "{size} messages are one batch: {batch:#?}, {batches} in all");
    let statements = batch.iter().map(|sql| statements(sql)).sum();
    Took { calls: batch.len(), statements }
}

fn statements(sql: &str) -> usize {
    sql.split(';').filter(|statement| !statement.trim().is_empty()).count()
}

/// Waits until so many messages were taken.
async fn settled(app: &ballet::Running, total: u64) {
    let all = "all".to_owned();
    let waited = Duration::from_secs(30);
    let seen = app.watch::<Counter, _, u64>(TOTALS, &all, waited, |found| *found == total).await;
    assert_eq!(seen.unwrap(), Some(total));
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_size_of_a_batch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Counting).unwrap());
    let mut all = Vec::new();
    for size in [1, 10, 100, 500] {
        let took = batch_of(size).await;
        println_for_people(size, &took);
        all.push(took);
    }
    assert!(all.iter().all(|took| *took == all[0]), "{all:?}");
    assert!(all[0].statements < 20, "{all:?}");
}

/// The numbers are shown by `cargo test -- --nocapture`.
#[allow(clippy::print_stdout)]
fn println_for_people(size: usize, took: &Took) {
    println!("{size:>4} messages: {} statements in {} calls", took.statements, took.calls);
}
