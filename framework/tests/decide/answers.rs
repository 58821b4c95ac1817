//! The laws of what comes in: what is awaited counts, and nothing else does.

use crate::laws::{Broken, TurnLaw, broken};
use crate::node::Turn;
use ballet::message::{Reply, Way};
use ballet::saga::decide::{Input, Progress, Ran};
use ballet::saga::journal::{Fact, Signal, What};
use ballet::saga::{Head, Shape};

pub const OF_ANSWERS: &[(&str, TurnLaw)] = &[
    ("an awaited answer counts", an_awaited_answer_counts),
    ("an answer that nobody awaits changes nothing", an_answer_that_nobody_awaits_changes_nothing),
    ("a cancel is written down", a_cancel_is_written_down),
    ("an early signal is kept", an_early_signal_is_kept),
    ("what need not speak is not awaited", what_need_not_speak_is_not_awaited),
];

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Done,
    Refused,
    Compensated,
    Broken,
}

/// The step, the way and the round that an answer is about, and what it says.
fn answer(input: &Input) -> Option<(usize, Way, u32, Says)> {
    match input {
        Input::Replied { step, way, round, reply } => {
            let says = match reply {
                Reply::Done(_) => Says::Done,
                Reply::Refused(_) => Says::Refused,
                Reply::Compensated { .. } => Says::Compensated,
            };
            Some((*step, *way, *round, says))
        }
        Input::Ran { step, way, round, ran } => {
            let says = match (ran, way) {
                (Ran::Done(_), Way::Forward) => Says::Done,
                (Ran::Done(_), Way::Back) => Says::Compensated,
                (Ran::Refused(_), _) => Says::Refused,
                (Ran::Fault(_), _) => Says::Broken,
            };
            Some((*step, *way, *round, says))
        }
        _ => None,
    }
}

/// Whether the run waits for such an answer of this round. Of what is unknown it takes a yes and a no,
/// and that it broke says nothing new. What was unknown to the end is not waited for.
fn is_awaited(turn: &Turn, step: usize, way: Way, asked: u32, says: Says) -> bool {
    if turn.before.ended.is_some() {
        return false;
    }
    match (turn.before.steps[step], way) {
        (Progress::InFlight { round, .. }, Way::Forward)
        | (Progress::Compensating { round, .. }, Way::Back) => round == asked,
        (Progress::Unknown { .. }, Way::Forward) => says != Says::Broken,
        _ => false,
    }
}

/// What was answered to the round that is under way is written down for what it says, however late.
pub fn an_awaited_answer_counts(_: &Shape, turn: &Turn) -> Broken {
    let (step, way, round, says) = answer(&turn.input)?;
    if !is_awaited(turn, step, way, round, says) {
        return None;
    }
    let is_it = |fact: &Fact| match (&fact.what, says) {
        (What::Done { step: at, .. }, Says::Done)
        | (What::Refused { step: at, .. }, Says::Refused)
        | (What::Compensated { step: at, .. }, Says::Compensated)
        | (What::Faulted { step: at, .. }, Says::Broken) => *at == step,
        _ => false,
    };
    let counts = turn.decision.facts.iter().any(is_it);
    broken(!counts, || format!("step {step}, {}: {says:?} was not written down", way.name()))
}

/// An answer to an earlier round, or to what is settled, changes no step and does nothing: as long as
/// participants keep their word it says nothing new. What was due anyway may happen with it.
pub fn an_answer_that_nobody_awaits_changes_nothing(_: &Shape, turn: &Turn) -> Broken {
    let (step, way, round, says) = answer(&turn.input)?;
    let is_due = turn.wake.is_some_and(|wake| wake <= turn.now);
    if is_due || is_awaited(turn, step, way, round, says) {
        return None;
    }
    let quiet = turn.before.steps == turn.kept.steps && turn.decision.effects.is_empty();
    broken(!quiet, || format!("step {step}, {} in round {round}: {says:?}", way.name()))
}

/// A cancel is written down: as one while there is a way back or there may be one, and as too late
/// when there is none.
pub fn a_cancel_is_written_down(shape: &Shape, turn: &Turn) -> Broken {
    if !matches!(turn.input, Input::Cancel { .. }) {
        return None;
    }
    let over = turn.before.ended.is_some() || turn.before.is_committed(shape);
    let is_right = |fact: &Fact| match fact.what {
        What::Cancelled { .. } => !over,
        What::TooLate { .. } => over,
        _ => false,
    };
    let told = turn.decision.facts.iter().any(is_right);
    broken(!told && !turn.before.cancelled, || format!("over: {over}"))
}

/// A signal that comes before its step is kept, and its step takes it as soon as it begins.
pub fn an_early_signal_is_kept(shape: &Shape, turn: &Turn) -> Broken {
    let early = match &turn.input {
        Input::Signalled { step, signal } => Some((*step, matches!(signal, Signal::Yes(_)))),
        _ => None,
    };
    let lost = early.filter(|(step, _)| {
        turn.before.ended.is_none()
            && turn.before.steps[*step] == Progress::Waiting
            && !turn.kept.signals.contains_key(step)
    });
    let heard = |step: &usize| {
        let known = turn.before.signals.contains_key(step);
        known && matches!(turn.kept.steps[*step], Progress::InFlight { .. })
    };
    let deaf = (0..shape.steps.len()).find(heard);
    let deaf = deaf.map(|step| format!("step {step} waits for a signal that has come"));
    deaf.or_else(|| lost.map(|(step, yes)| format!("step {step} forgot the signal {yes}")))
}

/// On the way back nobody waits for a signal, and nobody who called the run off for what leaves
/// nothing: there is nothing that it could change.
pub fn what_need_not_speak_is_not_awaited(shape: &Shape, turn: &Turn) -> Broken {
    let called_off = turn.kept.cancelled || turn.kept.late;
    let awaited = |step: &usize| {
        let in_flight = matches!(turn.kept.steps[*step], Progress::InFlight { .. });
        let is_signal = shape.steps[*step].head == Head::Hear;
        in_flight && (is_signal || (called_off && !shape.may_leave_something(*step)))
    };
    let deaf = (0..shape.steps.len()).filter(|_| turn.kept.turned).find(awaited);
    deaf.map(|step| format!("step {step} is still awaited"))
}
