//! Journals of runs as they are stored. An input is given to the plan of the purchase.

use crate::{sentence, texts};
use ballet::Refusal;
use ballet::clock::Time;
use ballet::message::{Reply, Way};
use ballet::saga::decide::{Decision, Input, Ran, State, decide};
use ballet::saga::journal::{Journal, Signal, Verb};
use ballet::saga::{Saga, Shape};
use ballet::story::tell;
use orchestrated::Purchase;
use serde_json::value::RawValue;
use std::convert::Infallible;

/// A journal that is read is written as one that reads the same and can be told to people, whatever plan it
/// is of. If it fits the plan, whatever comes next can be decided; if not, that is said.
pub fn check(bytes: &[u8]) {
    let journal = match Journal::decode(bytes) {
        Ok(journal) => journal,
        Err(told) => return sentence(&told.to_string()),
    };
    let written = journal.encode();
    let again = Journal::decode(&written).expect("it is read as it was written");
    assert_eq!(again.encode(), written);
    in_json(&journal, &written);
    let shape = Purchase::plan().shape().clone();
    assert!(tell(&shape, &journal).lines().count() >= journal.facts.len().min(1) / 2);
    let _ = (journal.why(&shape).to_string(), journal.end(), journal.made(usize::MAX));
    match journal.fits(&shape) {
        Ok(()) => every_input(&shape, &journal),
        Err(told) => sentence(&told.to_string()),
    }
}

/// As JSON it is shown to people, and goes out with calls.
fn in_json(journal: &Journal, written: &[u8]) {
    let shown = serde_json::to_string(journal).expect("a journal is plain data");
    let read: Journal = serde_json::from_str(&shown).expect("it is read as it was shown");
    assert_eq!(read.encode(), written);
}

/// Everything that may happen to a run can be decided, and what was decided still fits.
fn every_input(shape: &Shape, journal: &Journal) {
    for input in (0..shape.steps.len()).flat_map(of_step).chain(of_run()) {
        for now in [Time::from_micros(0), Time::from_micros(i64::MAX)] {
            let decided = decided(shape, journal, input.clone(), now);
            let mut longer = journal.clone();
            longer.extend(decided.facts);
            assert!(longer.fits(shape).is_ok(), "{input:?}: {longer:?}");
            let _ = State::fold(shape, &longer).wake(shape, now);
        }
    }
}

fn of_run() -> [Input; 3] {
    let (by, reason) = ("somebody".to_owned(), "a wish".to_owned());
    [Input::Begin, Input::Tick, Input::Cancel { by, reason }]
}

fn of_step(step: usize) -> Vec<Input> {
    let null = || RawValue::NULL.to_owned();
    let no = || Refusal::new("no", "it cannot be");
    let by = |verb| {
        let (by, reason) = ("somebody".to_owned(), "a wish".to_owned());
        Input::Operate { verb, step, by, reason }
    };
    let mut inputs = vec![
        by(Verb::Retry),
        by(Verb::Skip),
        by(Verb::MarkCompensated),
        by(Verb::MarkNotDone),
        by(Verb::Force(null())),
        Input::Signalled { step, signal: Signal::Yes(null()) },
        Input::Signalled { step, signal: Signal::No(no()) },
    ];
    for (way, round) in [(Way::Forward, 0), (Way::Back, 0), (Way::Back, u32::MAX)] {
        let replies =
            [Reply::Done(null()), Reply::Refused(no()), Reply::Compensated { made: false }];
        let ran = [Ran::Done(null()), Ran::Refused(no()), Ran::Fault("it broke".to_owned())];
        inputs.extend(replies.map(|reply| Input::Replied { step, way, round, reply }));
        inputs.extend(ran.map(|ran| Input::Ran { step, way, round, ran }));
    }
    inputs
}

/// What a run that needs every step does next.
pub(crate) fn decided(shape: &Shape, journal: &Journal, input: Input, now: Time) -> Decision {
    let decided = decide(shape, journal, input, now, &mut |_, _| Ok::<_, Infallible>(true));
    decided.unwrap_or_else(|never| match never {})
}

/// A journal that nothing has happened to yet.
pub(crate) fn empty(shape: &Shape) -> Journal {
    Journal {
        version: shape.version,
        digest: shape.digest(),
        input: RawValue::NULL.to_owned(),
        correlation: "1041".into(),
        causation: None,
        hop: 1,
        traceparent: None,
        armed: None,
        facts: Vec::new(),
    }
}

/// The journal of a purchase to which this happened, a second apart.
fn of(inputs: Vec<Input>) -> Vec<u8> {
    let shape = Purchase::plan().shape().clone();
    let mut journal = empty(&shape);
    for (second, input) in (1_700_000_000..).zip(inputs) {
        let decided = decided(&shape, &journal, input, Time::from_micros(second * 1_000_000));
        journal.extend(decided.facts);
    }
    journal.encode()
}

/// Journals of purchases that went well, were taken back, are under way, or need somebody.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let shape = Purchase::plan().shape().clone();
    let at = |name: &str| shape.position(name).expect("a step of the plan");
    let done = |name: &str| {
        let reply = Reply::Done(RawValue::NULL.to_owned());
        Input::Replied { step: at(name), way: Way::Forward, round: 0, reply }
    };
    let refused = |name: &str| {
        let reply = Reply::Refused(Refusal::new("declined", "no money"));
        Input::Replied { step: at(name), way: Way::Forward, round: 0, reply }
    };
    let back = |name: &str| {
        let reply = Reply::Compensated { made: true };
        Input::Replied { step: at(name), way: Way::Back, round: 0, reply }
    };
    let checks = ["check-details", "assess-fraud", "check-limit", "reserve-stock"];
    let checked = || std::iter::once(Input::Begin).chain(checks.map(done));
    let paid = ["authorize", "prepare-shipment", "capture"];
    let parcel = ["dispatch", "commit-stock", "complete-order"];
    let cancel = || of_run()[2].clone();
    let declined = checked().chain([refused("authorize"), back("reserve-stock"), back("begin")]);
    let no = checked().chain(paid.map(done)).chain([refused("dispatch"), cancel()]);
    texts([
        ("begun", of(vec![Input::Begin, Input::Tick])),
        ("cancelled", of(checked().chain([cancel(), Input::Tick]).collect())),
        ("completed", of(checked().chain(paid.map(done)).chain(parcel.map(done)).collect())),
        ("compensated", of(declined.collect())),
        ("needs-somebody", of(no.collect())),
    ])
}
