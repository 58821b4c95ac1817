//! How many instructions the pure core executes: `decide`, the rule of edges, and the codecs.
//!
//! Counted by valgrind's callgrind, so that it does not depend on how busy or how fast the machine is. It depends
//! on the compiler and on the allocator of the system: see `docs/internals/budgets.md`.

use ballet::clock::Time;
use ballet::edge::{Arrival, Beginning, Edge, judge};
use ballet::id::derived;
use ballet::message::{Envelope, Kind, Reply, Stamp, StepRef, Way, replies_of, wire};
use ballet::saga::decide::{Decision, Input, decide};
use ballet::saga::journal::Journal;
use ballet::saga::{Plan, Shape};
use ballet::{Command, Key, Message, Saga};
use bench::saga::{FiveSteps, Orders, WORKER, Work};
use budgets::INSTRUCTIONS;
use bytes::Bytes;
use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;

const NOON: Time = Time::from_micros(1_700_049_600_000_000);

/// How many streams a lane reads: so many edges it remembers.
const EDGES: u32 = 16;

/// The budget of so many instructions.
fn within(what: &str) -> LibraryBenchmarkConfig {
    let budgets = budgets::of(INSTRUCTIONS);
    let what = format!("instructions {what}");
    let budget = budgets.iter().find(|budget| budget.what == what);
    let most = budget.unwrap_or_else(|| panic!("there is no budget of {what}")).most;
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, most as u64)]));
    config
}

/// A run that is told something. It is handed back, so that nobody counts how it is thrown away.
struct Told {
    plan: Plan<FiveSteps>,
    journal: Journal,
    input: Input,
}

fn done(step: usize) -> Input {
    let reply = Reply::Done(RawValue::NULL.to_owned());
    Input::Replied { step, way: Way::Forward, round: 0, reply }
}

fn decided(shape: &Shape, journal: &Journal, input: Input) -> Decision {
    let Ok(decision) = decide(shape, journal, input, NOON, &mut |_, _| Ok::<_, Infallible>(true));
    decision
}

/// A run after it was begun and so many steps have answered, to which this is said next.
fn after(heard: &[Input], input: Input) -> Told {
    let plan = FiveSteps::plan();
    let mut journal = Journal {
        version: FiveSteps::VERSION,
        digest: plan.shape().digest(),
        input: to_raw_value(&Orders { failing: 0 }.of(7)).unwrap(),
        correlation: "7".into(),
        causation: Some(derived(&["begin"])),
        hop: 1,
        traceparent: None,
        armed: None,
        facts: Vec::new(),
    };
    for input in heard {
        journal.extend(decided(plan.shape(), &journal, input.clone()).facts);
    }
    Told { plan, journal, input }
}

fn begin() -> Told {
    after(&[], Input::Begin)
}

fn middle() -> Told {
    after(&[Input::Begin, done(0), done(1)], done(2))
}

fn last() -> Told {
    after(&[Input::Begin, done(0), done(1), done(2), done(3)], done(4))
}

#[library_benchmark]
#[bench::begin(args = (begin()), config = within("to decide on a begin"))]
#[bench::middle(args = (middle()), config = within("to decide on the third of five replies"))]
#[bench::last(args = (last()), config = within("to decide on the last of five replies"))]
fn decides(told: Told) -> (Decision, Plan<FiveSteps>, Journal) {
    let Told { plan, journal, input } = told;
    let decision = black_box(decided(plan.shape(), &journal, input));
    (decision, plan, journal)
}

/// A lane that has heard seven messages of each of its streams, and hears this one.
struct Hears {
    seen: BTreeMap<Edge, u64>,
    stamp: Stamp,
    topic: ballet::Text,
}

fn hears(seq: u64) -> Hears {
    let stamp = |lane, seq| Stamp { source: WORKER.into(), incarnation: 1, lane, seq };
    let topic = ballet::Text::from(replies_of(FiveSteps::NAME));
    let seen = (0..EDGES).map(|lane| (Edge::of(&stamp(lane, 0), topic.clone()), 7));
    Hears { seen: seen.collect(), stamp: stamp(11, seq), topic }
}

#[library_benchmark]
#[bench::next(args = (hears(8)), config = within("to take the next of an edge"))]
#[bench::duplicate(args = (hears(7)), config = within("to drop a duplicate of an edge"))]
fn judges(hears: Hears) -> (Arrival, Hears) {
    let Hears { mut seen, stamp, topic } = hears;
    let edge = Edge::of(&stamp, topic.clone());
    let arrival = judge(seen.get(&edge).copied(), stamp.seq, Beginning::Whole, false);
    if arrival == Arrival::Next {
        seen.insert(edge, stamp.seq);
    }
    black_box((arrival, Hears { seen, stamp, topic }))
}

/// What goes to and fro between coordinator and worker, of this kind.
fn message(kind: Kind, source: &'static str, body: Vec<u8>) -> Message {
    let step = StepRef {
        saga: FiveSteps::NAME.into(),
        run: "123456".into(),
        step: "three".into(),
        way: Way::Forward,
        round: 0,
        attempt: 1,
        reply_to: (kind == Kind::Command).then(|| replies_of(FiveSteps::NAME).into()),
        deadline: None,
    };
    let envelope = Envelope {
        id: derived(&[source]),
        kind,
        name: Work::NAME.into(),
        version: 1,
        key: Key::new("123456"),
        correlation: "123456".into(),
        causation: Some(derived(&["cause"])),
        hop: 5,
        occurred_at: NOON,
        traceparent: None,
        stamp: Some(Stamp { source: source.into(), incarnation: 1, lane: 1, seq: 4_711 }),
        step: Some(step),
    };
    Message::new(envelope, body)
}

fn command() -> Message {
    let work = Work { saga: 123_456, step: 3, amount: 456, fails: false };
    message(Kind::Command, FiveSteps::NAME, serde_json::to_vec(&work).unwrap())
}

fn reply() -> Message {
    let done = Reply::Done(RawValue::NULL.to_owned());
    message(Kind::Reply, WORKER, serde_json::to_vec(&done).unwrap())
}

#[library_benchmark]
#[bench::command(args = (command()), config = within("to encode a command"))]
#[bench::reply(args = (reply()), config = within("to encode a reply"))]
fn encodes(message: Message) -> (Bytes, Message) {
    (black_box(message.encode()), message)
}

#[library_benchmark]
#[bench::command(args = (command().encode()), config = within("to decode a command"))]
#[bench::reply(args = (reply().encode()), config = within("to decode a reply"))]
fn decodes(bytes: Bytes) -> (Message, Bytes) {
    (black_box(Message::decode(&bytes).unwrap()), bytes)
}

#[library_benchmark]
#[bench::command(args = (command()), config = within("to write the headers of a command"))]
fn heads(message: Message) -> (usize, Message) {
    let mut bytes = 0;
    wire::each_header(&message.envelope, |name, value| bytes += name.len() + value.len());
    (black_box(bytes), message)
}

/// A record of Kafka: its headers and its body.
type Record = (Vec<(&'static str, String)>, Bytes);

fn record(message: &Message) -> Record {
    let headers = wire::headers(&message.envelope).into_iter();
    (headers.collect(), message.body.clone())
}

#[library_benchmark]
#[bench::command(args = (record(&command())), config = within("to read the headers of a command"))]
fn reads(record: Record) -> (Message, Record) {
    let headers = record.0.iter().map(|(name, value)| (*name, value.as_bytes()));
    let read = wire::read(Some(b"123456"), headers, record.1.clone(), NOON);
    (black_box(read.unwrap()), record)
}

library_benchmark_group!(name = saga, benchmarks = decides);
library_benchmark_group!(name = edge, benchmarks = judges);
library_benchmark_group!(name = codec, benchmarks = [encodes, decodes, heads, reads]);

main!(library_benchmark_groups = [saga, edge, codec]);
