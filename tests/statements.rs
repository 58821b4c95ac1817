//! How many statements a batch takes, counted at the driver.
//!
//! Goal: the number of statements does not depend on the size of the batch, for a small reactor and for
//! the services of the shop. Method: so many messages are appended at once to the log of a reactor that
//! has come to rest, which takes all of them in one batch; a subscriber counts what the driver says it
//! has executed on the thread of the connection that writes.

mod purchase;
mod shop;

use crate::conformance::pairs::Folder;
use ballet::broker::Broker;
use ballet::clock::{Clock, SystemClock};
use ballet::message::Outgoing;
use ballet::message::{Envelope, Kind};
use ballet::sqlite::Sqlite;
use ballet::{App, Fault, Key, Message, Reactions, Reactor, Running, Settings, Table, Tx, react};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
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

/// An event, on its way to its topic.
fn event<E: ballet::Event>(event: &E, correlation: &str) -> Outgoing {
    let envelope = envelope(Kind::Event, E::NAME, event.key(), correlation);
    let body = serde_json::to_vec(event).unwrap();
    Outgoing { topic: E::TOPIC.name.into(), partition: 0, message: Message::new(envelope, body) }
}

fn envelope(kind: Kind, name: &str, key: Key, correlation: &str) -> Envelope {
    Envelope {
        id: ballet::id::derived(&["count", name, correlation]),
        kind,
        name: name.into(),
        version: 1,
        key,
        correlation: correlation.into(),
        causation: None,
        hop: 0,
        // What strangers say must not be older than what is remembered of them.
        occurred_at: SystemClock.now(),
        traceparent: None,
        stamp: None,
        step: None,
    }
}

/// Somebody whose statements are counted.
trait Subject {
    /// By what the numbers are told.
    const NAME: &'static str;
    /// What is served last, if that is a saga.
    type Last;
    /// Serves it.
    fn serve(app: App) -> App<Self::Last>;
    /// Sees to all that `messages` need to be there.
    async fn prepare(app: &Running, store: &Sqlite, messages: usize);
    /// One of the messages that are counted.
    fn message(n: usize) -> Outgoing;
    /// Waits until the first so many of them were taken.
    async fn settled(app: &Running, taken: usize, messages: usize);
}

/// How many messages go first: they make statements, and let the lane come to rest.
const WARM: usize = 3;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has somebody take so many messages in one batch, and counts what the writer executes for it.
async fn batch_of<S: Subject>(size: usize) -> Took {
    let folder = Folder::new();
    let file = format!("{}-{size}.db", S::NAME);
    let store = Sqlite::open(folder.file(&file)).await.unwrap();
    let settings = Settings { poll: Duration::from_secs(3600), ..Settings::default() };
    let app = S::serve(App::new(store.clone()).lanes(1).settings(settings)).start().await.unwrap();
    let all = WARM + size;
    S::prepare(&app, &store, all).await;
    store.produce(&[&(0..WARM).map(S::message).collect::<Vec<_>>()]).await.unwrap();
    S::settled(&app, WARM, all).await;
    let before = executed(&file).len();

    store.produce(&[&(WARM..all).map(S::message).collect::<Vec<_>>()]).await.unwrap();
    S::settled(&app, all, all).await;
    app.stop().await;
    let executed = executed(&file)[before..].to_vec();
    store.close().await;
    // Between the two: producing the messages, and taking the lane.
    let first = executed.iter().position(|sql| sql.contains("SAVEPOINT batch")).unwrap();
    let last = executed.iter().rposition(|sql| sql.contains("RELEASE batch")).unwrap();
    let batch = &executed[first - 1..=last + 1];
    let advanced = batch.iter().filter(|sql| sql.contains("UPDATE lanes")).count();
    let told = format!("{} takes {size} messages in one batch: {batch:#?}", S::NAME);
    assert_eq!(advanced, 1, "{told}");
    let statements = batch.iter().map(|sql| statements(sql)).sum();
    Took { calls: batch.len(), statements }
}

fn statements(sql: &str) -> usize {
    sql.split(';').filter(|statement| !statement.trim().is_empty()).count()
}

impl Subject for Counter {
    const NAME: &'static str = "counter";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(Self)
    }

    async fn prepare(_: &Running, _: &Sqlite, _: usize) {}

    fn message(n: usize) -> Outgoing {
        event(&Counted { id: n.to_string() }, &n.to_string())
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        let all = "all".to_owned();
        let is_all = |found: &u64| *found == taken as u64;
        let seen = app.watch::<Self, _, u64>(TOTALS, &all, PATIENCE, is_all).await;
        assert_eq!(seen.unwrap(), Some(taken as u64));
    }
}

/// Batches of all sizes take the same.
async fn the_same_for_all_sizes<S: Subject>() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Counting).unwrap());
    let mut all = Vec::new();
    for size in [1, 10, 100, 500] {
        let took = batch_of::<S>(size).await;
        say(S::NAME, size, &took);
        all.push(took);
    }
    assert!(all.iter().all(|took| *took == all[0]), "{}: {all:?}", S::NAME);
    assert!(all[0].statements < 20, "{}: {all:?}", S::NAME);
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_size_of_a_batch() {
    the_same_for_all_sizes::<Counter>().await;
}

/// At once, for whoever watches: what tests print is kept back until they fail.
fn say(name: &str, size: usize, took: &Took) {
    let Took { calls, statements } = took;
    let _ = writeln!(
        std::io::stderr(),
        "{name:>22}, {size:>3} messages in a batch: {statements} statements in {calls} calls"
    );
}
