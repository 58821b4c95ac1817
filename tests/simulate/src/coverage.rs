//! What happened how often: schedules, harm by kind, transitions of `decide`.
//!
//! A transition is told by how far its step was and by the fact that was written down then. It is derived from
//! the journals that were committed, so the engine is not watched.

use crate::scenario::Kind;
use ballet::saga::Shape;
use ballet::saga::decide::{Progress, State};
use ballet::saga::journal::{Fact, Journal, Verb, What};
use ballet::store::Space;
use checkers::History;
use std::collections::BTreeMap;

/// How far a step was, and what was written down.
pub type Transition = (&'static str, &'static str);

/// What happened how often.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Scenarios that were played.
    pub schedules: u64,
    /// Batches that were committed.
    pub commits: u64,
    /// Runs that were begun.
    pub runs: u64,
    /// What went wrong.
    pub harms: BTreeMap<Kind, u64>,
    /// What `decide` did.
    pub transitions: BTreeMap<Transition, u64>,
}

impl Counts {
    pub(crate) fn harm(&mut self, kind: Kind) {
        *self.harms.entry(kind).or_default() += 1;
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.commits += other.commits;
        self.runs += other.runs;
        for (kind, times) in &other.harms {
            *self.harms.entry(*kind).or_default() += times;
        }
        for (transition, times) in &other.transitions {
            *self.transitions.entry(*transition).or_default() += times;
        }
    }
}

/// Counts the transitions of every run, from one committed journal to the next.
pub(crate) fn transitions(history: &History, counts: &mut Counts) {
    let mut last: BTreeMap<(&str, &[u8]), Vec<Fact>> = BTreeMap::new();
    let slots = history.commits.iter().flat_map(|commit| &commit.writes.slots);
    for (slot, value) in slots.filter(|(slot, _)| slot.space == Space::Runs) {
        let Some(value) = value else { continue };
        let journal = Journal::decode(&value.body).expect("nobody damages journals here");
        let Some(shape) = history.shapes.get(&(slot.table.to_string(), journal.version)) else {
            continue;
        };
        let before = last.entry((&slot.table, &slot.key)).or_default();
        steps(shape, &journal, before, counts);
        before.clone_from(&journal.facts);
    }
}

fn steps(shape: &Shape, journal: &Journal, before: &[Fact], counts: &mut Counts) {
    let mut so_far = Journal { facts: before.to_vec(), ..journal.clone() };
    let text = |fact: &Fact| serde_json::to_string(fact).unwrap_or_default();
    // What only counts another attempt stands in the place of the fact that it repeats.
    for (at, fact) in journal.facts.iter().enumerate() {
        let is_known = before.get(at).is_some_and(|before| text(before) == text(fact));
        if is_known {
            continue;
        }
        let state = State::fold(shape, &so_far);
        let from = step_of(&fact.what).map_or("run", |step| word(&state.steps[step]));
        *counts.transitions.entry((from, name(&fact.what))).or_default() += 1;
        match so_far.facts.get_mut(at) {
            Some(old) => *old = fact.clone(),
            None => so_far.facts.push(fact.clone()),
        }
    }
}

fn step_of(what: &What) -> Option<usize> {
    match what {
        What::Skipped { step }
        | What::Started { step, .. }
        | What::Faulted { step, .. }
        | What::Done { step, .. }
        | What::Refused { step, .. }
        | What::Unknown { step, .. }
        | What::Dropped { step }
        | What::Signalled { step, .. }
        | What::Compensating { step, .. }
        | What::Compensated { step, .. }
        | What::Reopened { step }
        | What::Stray { step, .. }
        | What::Attention { step, .. }
        | What::Operated { step, .. } => Some(*step),
        What::Begun
        | What::Cancelled { .. }
        | What::Late
        | What::TooLate { .. }
        | What::Turned
        | What::Ended(_) => None,
    }
}

/// How far a step is, in a word.
#[must_use]
pub const fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Waiting => "waiting",
        Progress::Skipped => "skipped",
        Progress::InFlight { overdue: true, .. } => "overdue",
        Progress::InFlight { .. } => "in flight",
        Progress::Done => "done",
        Progress::Refused { .. } => "refused",
        Progress::Dropped => "dropped",
        Progress::Unknown { .. } => "unknown",
        Progress::Compensating { .. } => "compensating",
        Progress::Compensated { made: true } => "taken back",
        Progress::Compensated { made: false } => "shut",
    }
}

/// What was written down, in a word.
#[must_use]
pub const fn name(what: &What) -> &'static str {
    match what {
        What::Begun => "begun",
        What::Skipped { .. } => "skipped",
        What::Started { attempts: 1, .. } => "started",
        What::Started { .. } => "tried again",
        What::Faulted { .. } => "faulted",
        What::Done { .. } => "done",
        What::Refused { .. } => "refused",
        What::Unknown { .. } => "unknown",
        What::Dropped { .. } => "dropped",
        What::Signalled { .. } => "signalled early",
        What::Cancelled { .. } => "cancelled",
        What::Late => "late",
        What::TooLate { .. } => "cancelled too late",
        What::Turned => "turned",
        What::Compensating { attempts: 1, .. } => "compensating",
        What::Compensating { .. } => "compensating again",
        What::Compensated { made: true, .. } => "taken back",
        What::Compensated { made: false, .. } => "nothing to take back",
        What::Reopened { .. } => "reopened",
        What::Stray { .. } => "stray",
        What::Attention { .. } => "attention",
        What::Operated { taken: false, .. } => "verb in vain",
        What::Operated { verb, .. } => match verb {
            Verb::Retry => "retry",
            Verb::Skip => "skip",
            Verb::MarkCompensated => "mark compensated",
            Verb::MarkNotDone => "mark not done",
            Verb::Force(_) => "force",
        },
        What::Ended(ballet::saga::journal::End::Completed) => "completed",
        What::Ended(ballet::saga::journal::End::Compensated) => "compensated",
    }
}

/// From so many schedules on a run must have met everything.
pub const SCHEDULES_TO_MEET_ALL: u64 = 10_000;
/// How often each kind of harm must have happened then.
pub const KINDS_LEAST: u64 = 100;

/// The transitions that must have happened then: those that happened at least 150 times in 39,496 schedules. The
/// exhaustive check of the protocol meets the rarer ones too.
pub const TRANSITIONS: &[Transition] = &[
    ("compensating", "attention"),
    ("compensating", "compensating again"),
    ("compensating", "faulted"),
    ("compensating", "nothing to take back"),
    ("compensating", "stray"),
    ("compensating", "taken back"),
    ("done", "compensating"),
    ("done", "stray"),
    ("done", "verb in vain"),
    ("dropped", "stray"),
    ("in flight", "done"),
    ("in flight", "dropped"),
    ("in flight", "faulted"),
    ("in flight", "refused"),
    ("in flight", "stray"),
    ("in flight", "tried again"),
    ("in flight", "unknown"),
    ("in flight", "verb in vain"),
    ("overdue", "attention"),
    ("overdue", "done"),
    ("overdue", "faulted"),
    ("overdue", "refused"),
    ("overdue", "stray"),
    ("overdue", "tried again"),
    ("refused", "attention"),
    ("refused", "done"),
    ("refused", "force"),
    ("refused", "retry"),
    ("refused", "started"),
    ("refused", "stray"),
    ("refused", "verb in vain"),
    ("run", "begun"),
    ("run", "cancelled"),
    ("run", "cancelled too late"),
    ("run", "compensated"),
    ("run", "completed"),
    ("run", "late"),
    ("run", "turned"),
    ("skipped", "stray"),
    ("taken back", "stray"),
    ("unknown", "compensating"),
    ("unknown", "done"),
    ("unknown", "refused"),
    ("unknown", "stray"),
    ("waiting", "signalled early"),
    ("waiting", "skipped"),
    ("waiting", "started"),
    ("waiting", "stray"),
    ("waiting", "verb in vain"),
];
