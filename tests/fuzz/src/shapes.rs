//! Plan shapes, drawn from bytes as the types allow them, and runs that follow them.

use crate::journal::{decided, empty};
use crate::mutate::Dice;
use crate::{sentence, texts};
use ballet::Refusal;
use ballet::clock::Time;
use ballet::message::{Reply, Way};
use ballet::saga::decide::{Decision, Input, Ran, State};
use ballet::saga::journal::{Journal, Signal, Verb, What};
use ballet::saga::{Back, Head, Shape, StepShape};
use ballet::{Retry, story};
use serde_json::value::RawValue;
use std::time::Duration;

/// The longest run that is followed, in inputs.
const LONGEST: usize = 60;

/// Bytes that are taken one by one; zeros when there are no more.
struct Drawn<'a>(&'a [u8]);

impl Drawn<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn is(&mut self) -> bool {
        self.next() % 2 == 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.next()) % all.len()]
    }
}

/// The same shape has the same digest, another one another; faults are sentences; and a run that follows a
/// shape without faults is at every moment one that is read back as it was written, and fits.
pub fn check(bytes: &[u8]) {
    let mut drawn = Drawn(bytes);
    let shape = shape(&mut drawn);
    let faults = shape.faults();
    faults.iter().for_each(|fault| sentence(fault));
    assert_eq!(shape.digest(), shape.clone().digest());
    if faults.is_empty() {
        other_digests(&shape);
        follow(&shape, &mut drawn);
    }
}

const NAMES: [&str; 8] =
    ["pack", "pay", "reserve-stock", "ship", "tell-2", "wrap", "a b", "Pack\n0 pay"];
const TYPES: [&str; 6] = ["()", "Held", "Receipt", "Parcel", "Label", "Vec<(A, B)>"];
const COMMANDS: [(&str, &str); 3] =
    [("stock.reserve", "inventory"), ("money.charge", "till"), ("a \" b", "c\nd")];
const RETRIES: [Retry; 3] =
    [Retry::PATIENT, Retry::QUICK, Retry::every(Duration::from_secs(1)).at_most(2)];

/// A shape as a builder could make it: names may be wrong, for types do not hold those.
fn shape(drawn: &mut Drawn<'_>) -> Shape {
    let within = drawn.is().then_some(Duration::from_secs(60));
    let mut steps = Vec::new();
    if drawn.is() {
        let (command, to) = drawn.of(&COMMANDS);
        let back = Back::Ask { command, to };
        steps.push(StepShape { back, ..line("begin", 0, Head::Begun) });
    }
    let (mut is_after, mut alone) = (false, true);
    for _ in 0..drawn.next() % 7 {
        let group = steps.last().map_or(0, |last| last.group + 1);
        let (step, pivot) = step(drawn, group, is_after);
        // A pivot stands alone, and nobody stands beside what began the run.
        let beside = !pivot && !alone && drawn.is();
        let group = if beside { group - 1 } else { group };
        steps.push(StepShape { group, ..step });
        (is_after, alone) = (is_after || pivot, pivot);
    }
    Shape { saga: "buy", version: 1, within, margin: Duration::from_secs(1), steps }
}

fn step(drawn: &mut Drawn<'_>, group: usize, is_after: bool) -> (StepShape, bool) {
    let (command, to) = drawn.of(&COMMANDS);
    let ask = Back::Ask { command, to };
    let heads = [Head::Act, Head::Ask { command, to }, Head::Tell { command, to }, Head::Hear];
    let head = drawn.of(&heads);
    let back = match head {
        Head::Act if !is_after => drawn.of(&[Back::Nothing, Back::Act, ask]),
        Head::Ask { .. } if !is_after => drawn.of(&[Back::Nothing, Back::Act, ask]),
        _ => Back::Nothing,
    };
    let decides = matches!(head, Head::Act | Head::Ask { .. }) && back == Back::Nothing;
    let pivot = decides && !is_after && drawn.is();
    let step = StepShape {
        back,
        pivot,
        sometimes: !pivot && drawn.is(),
        skippable: is_after && drawn.is(),
        retry: drawn.of(&RETRIES),
        patience: drawn.of(&RETRIES),
        within: drawn.is().then_some(Duration::from_secs(30)),
        makes: drawn.of(&TYPES),
        ..line(drawn.of(&NAMES), group, head)
    };
    (step, pivot)
}

fn line(name: &'static str, group: usize, head: Head) -> StepShape {
    StepShape {
        name,
        group,
        head,
        back: Back::Nothing,
        pivot: false,
        sometimes: false,
        skippable: false,
        retry: Retry::PATIENT,
        patience: Retry::COMPENSATION,
        within: None,
        makes: "()",
    }
}

/// Patience is no part of what a journal depends on; everything else is.
fn other_digests(shape: &Shape) {
    let digest = shape.digest();
    let is_same = |change: &dyn Fn(&mut Shape)| {
        let mut other = shape.clone();
        change(&mut other);
        other.digest() == digest
    };
    assert!(is_same(&|other| other.within = Some(Duration::from_secs(7))));
    assert!(!is_same(&|other| other.version += 1));
    for at in 0..shape.steps.len() {
        assert!(is_same(&|other| other.steps[at].patience = Retry::QUICK));
        assert!(is_same(&|other| other.steps[at].within = None));
        assert!(!is_same(&|other| other.steps[at].name = "another"));
        assert!(!is_same(&|other| other.steps[at].makes = "Another"));
        assert!(!is_same(&|other| other.steps[at].sometimes ^= true));
        assert!(!is_same(&|other| {
            other.steps.remove(at);
        }));
        assert!(at == 0 || !is_same(&|other| other.steps.swap(at, at - 1)));
    }
}

/// Follows a run for as long as there are bytes.
fn follow(shape: &Shape, drawn: &mut Drawn<'_>) {
    let mut journal = empty(shape);
    let mut now = Time::from_micros(1_700_000_000_000_000);
    take(shape, &mut journal, Input::Begin, now);
    for _ in 0..LONGEST {
        if drawn.0.is_empty() {
            break;
        }
        now = now.after(Duration::from_millis(u64::from(drawn.next()).pow(2)));
        let input = input(drawn, shape);
        take(shape, &mut journal, input, now);
    }
    assert!(story::tell(shape, &journal).lines().count() <= journal.facts.len());
}

fn input(drawn: &mut Drawn<'_>, shape: &Shape) -> Input {
    let step = usize::from(drawn.next()) % shape.steps.len();
    let (way, round) = (drawn.of(&[Way::Forward, Way::Back]), u32::from(drawn.next() % 3));
    let null = || RawValue::NULL.to_owned();
    let no = || Refusal::new("no", "it cannot be");
    let (by, reason) = ("somebody".to_owned(), "a wish".to_owned());
    let verb = |drawn: &mut Drawn<'_>| match drawn.next() % 5 {
        0 => Verb::Retry,
        1 => Verb::Skip,
        2 => Verb::MarkCompensated,
        3 => Verb::MarkNotDone,
        _ => Verb::Force(null()),
    };
    match drawn.next() % 12 {
        0 | 1 => Input::Tick,
        2..=4 => Input::Replied { step, way, round, reply: Reply::Done(null()) },
        5 => Input::Replied { step, way, round, reply: Reply::Refused(no()) },
        6 => Input::Replied { step, way, round, reply: Reply::Compensated { made: drawn.is() } },
        7 => Input::Ran { step, way, round, ran: Ran::Done(null()) },
        8 => Input::Ran { step, way, round, ran: Ran::Fault("it broke".to_owned()) },
        9 if shape.steps[step].head == Head::Hear => Input::Signalled {
            step,
            signal: if drawn.is() { Signal::Yes(null()) } else { Signal::No(no()) },
        },
        9 | 10 => Input::Operate { verb: verb(drawn), step, by, reason },
        _ => Input::Cancel { by, reason },
    }
}

/// One decision, upon the journal and upon what it is read back as.
fn take(shape: &Shape, journal: &mut Journal, input: Input, now: Time) {
    let read = Journal::decode(&journal.encode()).expect("it is read as it was written");
    let told = |decision: &Decision| format!("{decision:?}");
    let decision = decided(shape, journal, input.clone(), now);
    assert_eq!(told(&decision), told(&decided(shape, &read, input, now)), "it is read otherwise");
    let before = State::fold(shape, journal);
    for fact in &decision.facts {
        let is_late = matches!(fact.what, What::TooLate { .. });
        assert!(before.ended.is_none() || is_late, "after its end: {fact:?}");
        let goes_back = matches!(fact.what, What::Compensating { .. } | What::Turned);
        assert!(!before.is_committed(shape) || !goes_back, "after its pivot: {fact:?}");
    }
    journal.extend(decision.facts);
    assert!(journal.fits(shape).is_ok(), "{:?}", journal.fits(shape));
}

/// Bytes that draw plans of several kinds and runs of them.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let drawn = |seed| {
        let mut dice = Dice::new(seed);
        let byte = |_| u8::try_from(dice.below(256)).unwrap_or(0);
        (0..160).map(byte).collect::<Vec<u8>>()
    };
    texts([
        ("nothing", Vec::new()),
        ("one", drawn(1)),
        ("two", drawn(2)),
        ("three", drawn(3)),
        ("four", drawn(4)),
    ])
}
