//! Documents in a store: rows, barriers, requests, waits, generations of views, journals, inbox entries,
//! what is set aside, calls, dead letters; and messages in the log. An input is a line with the kind, then
//! the document. It is put where an app in memory will read it, and then everything is done that reads it.

mod keeper;
mod logged;
mod samples;

pub use samples::samples;

use ballet::clock::{RuntimeClock, Time, rest};
use ballet::memory::{Node, World};
use ballet::message::Kind as MessageKind;
use ballet::saga::journal::{Journal, Verb};
use ballet::store::{
    Advance, Begun, Calling, DeadLetter, Held, Inboxed, LaneId, Parked, Slot, Space, Timer, Value,
    Writes,
};
use ballet::{Command, Envelope, Error, Event, Key, Message, Running, TableKey};
use bytes::Bytes;
use keeper::{
    Asked, Buy, Dropped, HEARD, KEEPER, Keeper, LANES, LEVELS, Last, Place, Placed, Said, WORDS,
    start,
};
use logged::Logged;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// The key that every damaged document is about.
const ID: &str = "a";
/// The kinds, and what a complaint about one names.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("row", "row `a\\x00\\x01` of table `keeper.heard`"),
    ("barrier", "what `keeper` remembers of `order.placed/a`"),
    ("request", "what `keeper` remembers of `request/a`"),
    ("wait", "what `keeper` remembers of `wait/patience/a`"),
    ("generations", "row `last` of table `views`"),
    ("view", "row `a\\x00\\x01` of table `view.last`"),
    ("journal", "the journal of run `a` of saga `buy`"),
    ("inbox", "an inbox entry is damaged"),
    ("set-aside", "message 1 of key `a` that was set aside is damaged"),
    ("call", "call `called` of key `a` is damaged"),
    ("method", "call `a/1/forward/0/1` is damaged"),
    ("dead-letter", "is damaged"),
    ("log", "this is not a message"),
];

/// Nothing panics, others go on, and what cannot be read at all is told by where it is.
///
/// # Panics
///
/// If it is not so.
pub fn check(bytes: &[u8]) {
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let kind = KINDS.iter().find(|(kind, _)| kind.as_bytes() == &bytes[..line]);
    let Some((kind, place)) = kind else { return };
    let document = Bytes::copy_from_slice(bytes.get(line + 1..).unwrap_or_default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime starts");
    let logged = Logged::default();
    let guard = tracing::subscriber::set_default(logged.clone());
    let told = runtime.block_on(lived_through(kind, document.clone()));
    drop(guard);
    let told = told + &logged.text();
    if is_damaged(kind, &document) {
        assert!(told.contains(place), "`{place}` is nowhere in:\n{told}");
    }
    // What was set aside must not be passed over; for all else somebody is called, and the lane goes on.
    assert!(*kind == "set-aside" || !told.contains("stands still"), "{told}");
    assert!(!told.contains("panicked") && !told.contains("the process died"), "{told}");
}

/// Whether something must come of it, whatever else is in it.
fn is_damaged(kind: &str, document: &[u8]) -> bool {
    // Of some kinds only the first line is JSON.
    let head = document.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match kind {
        "log" => false,
        "journal" => Journal::decode(document).is_err(),
        _ => serde_json::from_slice::<serde_json::Value>(head).is_err(),
    }
}

/// Does everything that reads the document, and says all that was complained of.
async fn lived_through(kind: &str, document: Bytes) -> String {
    let clock = RuntimeClock::starting_at(Time::from_micros(1_700_000_000_000_000));
    let world = World::new(Arc::new(clock));
    let node = world.node();
    if kind != "log" {
        put(&node, kind, document.clone()).await;
    }
    let app = start(&node).await;
    if kind == "log" {
        world.append(WORDS.name, lane_of(ID), document.clone());
        world.append(LEVELS.name, lane_of(ID), document);
    }
    let mut told = Told::default();
    rest(Duration::from_secs(1)).await;
    say(&world);
    ask(&app, &mut told).await;
    // Whatever cannot be handled was given up by then.
    rest(Duration::from_secs(60)).await;
    look(&app, &mut told).await;
    app.stop().await;
    told.0
}

/// Everything that was complained of, a line each.
#[derive(Default)]
struct Told(String);

impl Told {
    fn take<T>(&mut self, done: Result<T, Error>) {
        if let Err(told) = done {
            let mut next: Option<&dyn std::error::Error> = Some(&told);
            while let Some(cause) = next {
                self.say(cause);
                next = cause.source();
            }
        }
    }

    fn say(&mut self, told: impl Display) {
        self.0 = format!("{}{told}\n", self.0);
    }
}

fn lane_of(id: &str) -> u32 {
    Key::new(id).partition(LANES)
}

/// Somebody whom nothing of it concerns: his lane is another.
fn other() -> String {
    let mut ids = (0..).map(|n| format!("other-{n}"));
    ids.find(|id| lane_of(id) != lane_of(ID)).unwrap_or_default()
}

/// Puts a document where the app will find it. The lanes are taken as by an earlier process.
async fn put(node: &Node, kind: &str, document: Bytes) {
    let slot = |space, table: &str, key: Vec<u8>| {
        BTreeMap::from([(Slot::new(space, table, key), Some(Value::plain(document.clone())))])
    };
    let (key, id) = (Key::new(ID), ID.to_owned());
    let mut writes = Writes::default();
    let mut group = KEEPER;
    let call = |id: &str, holds| {
        vec![Calling { id: id.to_owned(), key: key.clone(), holds, body: document.clone() }]
    };
    match kind {
        "row" => writes.slots = slot(Space::Rows, "keeper.heard", id.to_bytes()),
        "barrier" => writes.slots = slot(Space::Barriers, KEEPER, b"order.placed/a".into()),
        "request" => writes.slots = slot(Space::Barriers, KEEPER, b"request/a".into()),
        "wait" => {
            writes.slots = slot(Space::Barriers, KEEPER, b"wait/patience/a".into());
            let (due, id) = (Time::from_micros(1), "wait/patience/a".to_owned());
            writes.timers.insert(Timer { due, id }, key);
        }
        "generations" => writes.slots = slot(Space::Rows, "views", b"last".into()),
        "view" => writes.slots = slot(Space::Rows, "view.last", id.to_bytes()),
        "journal" => writes.slots = slot(Space::Runs, "buy", ID.into()),
        "inbox" => {
            for group in [KEEPER, "buy", "view.last"] {
                let entry = Inboxed { id: id.clone(), key: key.clone(), body: document.clone() };
                writes.inbox.push((LaneId::new(group, lane_of(ID)), entry));
            }
        }
        "set-aside" => writes.parked.push(parked(key, document)),
        "call" => writes.calls = call("called", true),
        "method" => {
            group = "buy";
            // Of a run that is not there nobody hears what a method of it brought.
            let journal = Some(Value::plain(samples::journal().encode()));
            writes.slots.insert(Slot::new(Space::Runs, "buy", ID), journal);
            writes.calls = call("a/1/forward/0/1", false);
        }
        _ => writes.dead.push(dead_letter(key, document)),
    }
    write(node, &LaneId::new(group, lane_of(ID)), writes).await;
}

fn parked(key: Key, body: Bytes) -> Parked {
    let (since, due) = (Time::from_micros(1), Some(Time::from_micros(2)));
    let reason = "it broke".to_owned();
    Parked { number: 1, key, held: Held::Fault, attempts: 1, since, due, reason, edge: None, body }
}

fn dead_letter(key: Key, body: Bytes) -> DeadLetter {
    let (id, lane) = (ballet::id::derived(&["dead"]), LaneId::new(KEEPER, lane_of(ID)));
    let reason = "it broke".to_owned();
    DeadLetter { id, lane, key, reason, at: Time::from_micros(1), attempts: 10, body }
}

async fn write(node: &Node, lane: &LaneId, writes: Writes) {
    let store = node.store();
    store.register(lane, &BTreeMap::new()).await.expect("a lane is registered");
    let taken = store.take(lane).await.expect("a lane is taken");
    let (epoch, batch) = (taken.epoch, taken.batch);
    let (lane, positions) = (lane.clone(), BTreeMap::new());
    let advance = Advance {
        lane,
        epoch,
        batch,
        positions,
        published: batch,
        said: ballet::clock::Time::default(),
    };
    match store.begin(&advance).await.expect("a batch begins") {
        Begun::Open(mut open) => {
            open.flush(writes).await.expect("it is written");
            open.commit().await.expect("it is committed");
        }
        Begun::Lost { .. } => panic!("nobody else has the lane"),
    }
}

/// Says to both lanes all that anybody hears.
fn say(world: &World) {
    for (number, id) in (1..).zip([ID.to_owned(), other()]) {
        let append = |message: Message| world.append(WORDS.name, lane_of(&id), message.encode());
        append(message(&Said { id: id.clone(), n: number }));
        append(message(&Asked { id: id.clone() }));
        append(message(&Placed { id: id.clone() }));
        append(message(&Dropped { id: id.clone() }));
    }
}

/// An event of a stranger.
pub(crate) fn message<E: Event>(event: &E) -> Message {
    let key = event.key();
    let envelope = Envelope {
        id: ballet::id::derived(&["stored", E::NAME, key.as_str()]),
        kind: MessageKind::Event,
        name: E::NAME.into(),
        version: 1,
        correlation: key.as_str().into(),
        key,
        causation: None,
        hop: 0,
        occurred_at: Time::from_micros(1_700_000_000_000_000),
        traceparent: None,
        stamp: None,
        step: None,
    };
    Message::new(envelope, serde_json::to_vec(event).expect("plain data"))
}

/// All that clients and operators may ask.
async fn ask(app: &Running, told: &mut Told) {
    let soon = Duration::from_secs(5);
    let place = Place { id: ID.to_owned() };
    match app.request::<Place>(ID, &Key::new(ID), &place).await {
        Ok(asked) => told.take(asked.reply(soon).await),
        Err(no) => told.take::<()>(Err(no)),
    }
    told.take(app.begin::<Buy>(ID, &place).await.map(drop));
    let run = app.run::<Buy>(ID);
    told.take(app.operate("buy", ID, Verb::Retry, "pay", "somebody", "a wish").await);
    told.take(run.cancel("somebody", "a wish").await);
    told.take(run.outcome_within(soon).await);
    told.take(app.rebuild::<Last>(soon).await);
    for letter in app.dead_letters(10).await.expect("a store in memory is there") {
        told.take(app.replay(letter.id).await);
    }
}

/// All that can be looked at; and whether others went on.
async fn look(app: &Running, told: &mut Told) {
    let id = ID.to_owned();
    told.take(app.row::<Keeper, _, _>(HEARD, &id).await);
    told.take(app.rows::<Keeper, _, _>(HEARD).await);
    told.take(app.range::<Keeper, _, _>(HEARD, &id, None, 10).await);
    told.take(app.view::<Last>(&id).await);
    told.take(app.run::<Buy>(ID).journal().await);
    told.take(app.verify::<Last>().await);
    for (lane, health) in app.health() {
        let halted = health.told.iter().map(|text| format!("lane {lane} stands still: {text}"));
        halted.chain(health.broken).for_each(|text| told.say(text));
    }
    for letter in app.dead_letters(100).await.expect("a store in memory is there") {
        told.say(letter.reason);
    }
    let other = app.row::<Keeper, _, u64>(HEARD, &other()).await.expect("it is not damaged");
    assert_eq!(other, Some(2), "another lane does not go on:\n{}", told.0);
}

/// The name of the command that is asked, for what is remembered of it.
pub(crate) const PLACE: &str = <Place as Command>::NAME;
