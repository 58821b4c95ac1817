//! Small histories for the tests of the checkers.

use crate::{Commit, History, Run};
use ballet::clock::Time;
use ballet::message::{Envelope, Kind, Message, Stamp};
use ballet::saga::journal::{End, Fact, Journal, What};
use ballet::saga::{Back, Head, Retry, Shape, StepShape};
use ballet::store::{LaneId, Status, Writes};
use ballet::{Key, id};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Number `seq` of what a talker says.
pub(crate) fn said(seq: u64) -> Message {
    let stamp = Stamp { source: "talker".into(), incarnation: 1, lane: 0, seq };
    let envelope = Envelope {
        id: id::derived(&["said", &seq.to_string()]),
        kind: Kind::Event,
        name: "word.said".into(),
        version: 1,
        key: Key::new("k"),
        correlation: "k".into(),
        causation: None,
        hop: 0,
        occurred_at: Time::default(),
        traceparent: None,
        stamp: Some(stamp),
        step: None,
    };
    Message::new(envelope, Bytes::from_static(b"{}"))
}

/// A log of one partition.
pub(crate) fn log(messages: Vec<Message>) -> History {
    History { partitions: [(("words".to_owned(), 0), messages)].into(), ..History::default() }
}

/// Commits of one lane, each by its epoch and the number of the batch before it.
pub(crate) fn commits(of: &[(u64, u64)]) -> History {
    let commit = |(epoch, after): &(u64, u64)| Commit {
        lane: LaneId::new("words", 0),
        epoch: *epoch,
        after: *after,
        positions: BTreeMap::new(),
        writes: Writes::default(),
    };
    History { commits: of.iter().map(commit).collect(), ..History::default() }
}

/// Run `7` of saga `move`.
pub(crate) fn run(status: Status, facts: Vec<What>) -> Run {
    let fact = |what| Fact { at: Time::default(), what };
    let journal = Journal {
        version: 1,
        digest: String::new(),
        input: RawValue::NULL.to_owned(),
        correlation: "7".into(),
        causation: None,
        hop: 0,
        traceparent: None,
        armed: None,
        facts: facts.into_iter().map(fact).collect(),
    };
    Run { saga: "move".to_owned(), run: "7".to_owned(), status, journal }
}

/// The same run, over, with both of its steps done.
pub(crate) fn ended(end: End) -> Run {
    let done = |step| What::Done { step, made: RawValue::NULL.to_owned() };
    let status = match end {
        End::Completed => Status::Completed,
        End::Compensated => Status::Compensated,
    };
    run(status, vec![What::Begun, done(0), done(1), What::Ended(end)])
}

/// The plan of saga `move`: it asks, and then acts.
pub(crate) fn shape() -> Shape {
    let line = |group: usize, name, head, back| StepShape {
        name,
        group,
        head,
        back,
        pivot: false,
        sometimes: false,
        skippable: false,
        retry: Retry::QUICK,
        patience: Retry::COMPENSATION,
        within: None,
        makes: "()",
    };
    let ask = Head::Ask { command: "do", to: "till" };
    let back = Back::Ask { command: "undo", to: "till" };
    let steps = vec![line(0, "ask", ask, back), line(1, "act", Head::Act, Back::Act)];
    let margin = std::time::Duration::from_secs(1);
    Shape { saga: "move", version: 1, within: None, margin, steps }
}
