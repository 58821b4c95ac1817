//! What the facts add up to.

use crate::clock::Time;
use crate::message::Way;
use crate::mistake::Mistake;
use crate::saga::journal::{End, Fact, Journal, Signal, What};
use crate::saga::shape::{Back, Head, Shape, StepShape};
use std::collections::{BTreeMap, BTreeSet};

/// What a late answer says that is written down and heeded no more.
pub(super) const DONE: &str = "done";

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // The fields are what their names say.
pub enum Progress {
    /// Its turn has not come.
    Waiting,
    /// This run does not need it.
    Skipped,
    /// Begun and not answered. `faulted`: the last attempt is over, without an answer. `overdue`: its
    /// time is up, and it goes on all the same.
    InFlight {
        round: u32,
        attempts: u32,
        last: Time,
        until: Option<Time>,
        faulted: bool,
        overdue: bool,
    },
    /// Done.
    Done,
    /// Refused; there is nothing to take back.
    Refused { round: u32 },
    /// It is not awaited any more: a signal, or what leaves nothing.
    Dropped,
    /// Nobody knows whether it was done; it may be taken back from `ready` on.
    Unknown { ready: Time },
    /// Being taken back.
    Compensating { round: u32, attempts: u32, last: Time, faulted: bool },
    /// Taken back; `made` says whether there was anything.
    Compensated { made: bool },
}

impl Progress {
    /// Whether the run may go on to the next group.
    #[must_use]
    pub const fn is_passed(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }
}

/// The state of a run.
#[derive(Debug, Clone)]
pub struct State {
    /// How far each step is.
    pub steps: Vec<Progress>,
    /// Since when it runs.
    pub began: Time,
    /// Whether it is being taken back.
    pub turned: bool,
    /// Whether somebody wants it to be taken back.
    pub cancelled: bool,
    /// Whether its time is up.
    pub late: bool,
    /// The last round in which each step was taken back.
    pub rounds: BTreeMap<usize, u32>,
    /// From when on no earlier runner of a step is still calling, for steps whose time was up.
    pub quiet: BTreeMap<usize, Time>,
    /// The steps of which it is known that they were done, whatever became of them.
    pub done: BTreeSet<usize>,
    /// Signals that came before their steps.
    pub signals: BTreeMap<usize, Signal>,
    /// The steps that need a person, and why.
    pub attention: BTreeMap<usize, String>,
    /// How it ended.
    pub ended: Option<End>,
}

impl State {
    /// Folds the facts of a journal.
    #[must_use]
    pub fn fold(shape: &Shape, journal: &Journal) -> Self {
        let begun = |step: &StepShape| match step.head {
            Head::Begun => Progress::Done,
            _ => Progress::Waiting,
        };
        let mut state = Self {
            steps: shape.steps.iter().map(begun).collect(),
            began: journal.facts.first().map_or(Time::default(), |fact| fact.at),
            turned: false,
            cancelled: false,
            late: false,
            rounds: BTreeMap::new(),
            quiet: BTreeMap::new(),
            done: BTreeSet::new(),
            signals: BTreeMap::new(),
            attention: BTreeMap::new(),
            ended: None,
        };
        for fact in &journal.facts {
            state.apply(shape, fact);
        }
        state
    }

    /// Whether the pivot was done, so that there is no way back.
    #[must_use]
    pub fn is_committed(&self, shape: &Shape) -> bool {
        shape.pivot().is_some_and(|pivot| self.steps[pivot] == Progress::Done)
    }

    /// Whether the pivot was sent and has not answered.
    #[must_use]
    pub fn is_deciding(&self, shape: &Shape) -> bool {
        shape.pivot().is_some_and(|pivot| matches!(self.steps[pivot], Progress::InFlight { .. }))
    }

    pub(super) fn apply(&mut self, shape: &Shape, fact: &Fact) {
        match &fact.what {
            What::Begun => self.began = fact.at,
            What::Cancelled { .. } => self.cancelled = true,
            What::Late => self.late = true,
            What::Turned => self.turned = true,
            What::Ended(end) => self.ended = Some(*end),
            What::Signalled { step, signal } => {
                self.signals.insert(*step, signal.clone());
            }
            What::Attention { step, why } => {
                self.attention.insert(*step, why.clone());
            }
            What::Stray { step, way: Way::Forward, text } if text == DONE => {
                self.done.insert(*step);
            }
            What::TooLate { .. } | What::Stray { .. } | What::Operated { .. } => {}
            what => self.apply_to_step(shape, what),
        }
    }

    fn apply_to_step(&mut self, shape: &Shape, what: &What) {
        let (step, progress) = match *what {
            What::Skipped { step } => (step, Progress::Skipped),
            What::Started { step, round, attempts, last, until } => {
                let overdue = matches!(self.steps[step], Progress::InFlight { overdue: true, .. });
                let faulted = false;
                (step, Progress::InFlight { round, attempts, last, until, faulted, overdue })
            }
            What::Faulted { step, way, times, .. } => (step, self.faulted(step, way, times)),
            What::Done { step, .. } => {
                self.done.insert(step);
                (step, Progress::Done)
            }
            What::Refused { step, .. } => {
                let round = match self.steps[step] {
                    Progress::InFlight { round, .. } => round,
                    _ => 0,
                };
                (step, Progress::Refused { round })
            }
            What::Unknown { step, ready } => {
                self.quiet.insert(step, ready);
                (step, self.unknown(shape, step, ready))
            }
            What::Dropped { step } => (step, Progress::Dropped),
            What::Compensating { step, round, attempts, last } => {
                self.rounds.insert(step, round);
                (step, Progress::Compensating { round, attempts, last, faulted: false })
            }
            What::Compensated { step, made } => (step, Progress::Compensated { made }),
            What::Reopened { step } => (step, Progress::Done),
            _ => unreachable!("facts about a whole run are handled by `apply`"),
        };
        if self.is_settled_by(step, progress) {
            self.attention.remove(&step);
        }
        if matches!(progress, Progress::Done | Progress::Refused { .. }) {
            self.signals.remove(&step);
        }
        self.steps[step] = progress;
    }

    /// Whether a step that needed a person does not any more: it has answered, is not awaited, or is
    /// begun anew after a no. A no that needs a person says so itself, after the refusal.
    fn is_settled_by(&self, step: usize, progress: Progress) -> bool {
        match progress {
            Progress::Done
            | Progress::Compensated { .. }
            | Progress::Refused { .. }
            | Progress::Dropped => true,
            Progress::InFlight { .. } => matches!(self.steps[step], Progress::Refused { .. }),
            _ => false,
        }
    }

    /// Attempts are counted in place, so in a journal a fault may stand after an attempt that followed
    /// it: only the fault of the last attempt says that nothing runs any more.
    fn faulted(&self, step: usize, way: Way, times: u32) -> Progress {
        match (self.steps[step], way) {
            (Progress::InFlight { round, attempts, last, until, overdue, .. }, Way::Forward) => {
                let faulted = times >= attempts;
                Progress::InFlight { round, attempts, last, until, faulted, overdue }
            }
            (Progress::Compensating { round, attempts, last, .. }, Way::Back) => {
                Progress::Compensating { round, attempts, last, faulted: times >= attempts }
            }
            (other, _) => other,
        }
    }

    /// Before the pivot an asked step is resolved by its participant, and what leaves nothing need not
    /// be resolved at all; whatever else is overdue goes on until it answers.
    fn unknown(&self, shape: &Shape, step: usize, ready: Time) -> Progress {
        let line = &shape.steps[step];
        let goes_on = (line.is_act() && line.is_compensable())
            || shape.pivot().is_some_and(|pivot| pivot <= step);
        match self.steps[step] {
            Progress::InFlight { round, attempts, last, until, faulted, .. } if goes_on => {
                Progress::InFlight { round, attempts, last, until, faulted, overdue: true }
            }
            _ => Progress::Unknown { ready },
        }
    }

    /// When something is due if nothing else happens.
    #[must_use]
    pub fn wake(&self, shape: &Shape, now: Time) -> Option<Time> {
        if self.ended.is_some() {
            return None;
        }
        let steps = shape.steps.iter().zip(&self.steps);
        let due = steps.filter_map(|(step, progress)| due(step, *progress, now));
        let quiet = (0..shape.steps.len()).filter_map(|step| self.quiet_from(shape, step));
        let quiet = quiet.filter(|quiet| self.turned && *quiet > now);
        due.chain(quiet).chain(self.deadline(shape)).min()
    }

    /// From when on an action that was run here, and was done after its time was up, may be taken back.
    /// A participant that has answered is not calling any more; an earlier runner of a method may be.
    #[must_use]
    pub fn quiet_from(&self, shape: &Shape, step: usize) -> Option<Time> {
        let line = &shape.steps[step];
        let waits = self.steps[step] == Progress::Done && line.is_act() && line.is_compensable();
        self.quiet.get(&step).copied().filter(|_| waits)
    }

    /// When the whole run is late, as long as that would change anything.
    #[must_use]
    pub fn deadline(&self, shape: &Shape) -> Option<Time> {
        let open = !self.turned && !self.late && !self.is_committed(shape);
        shape.within.filter(|_| open).map(|within| self.began.after(within))
    }
}

/// When a step must be looked at again. One that may be taken back already waits for its siblings, and
/// for no clock.
fn due(step: &StepShape, progress: Progress, now: Time) -> Option<Time> {
    match progress {
        Progress::InFlight { attempts, last, until, faulted, overdue, .. } => {
            let again = match step.head {
                Head::Ask { .. } => Some(last.after(step.retry.delay(attempts))),
                Head::Act if faulted || Mistake::CallTwiceInALife.is_made() => {
                    Some(last.after(step.retry.delay(attempts)))
                }
                _ => None,
            };
            let until = until.filter(|_| !overdue);
            again.into_iter().chain(until).min()
        }
        Progress::Unknown { ready } => (step.is_compensable() && ready > now).then_some(ready),
        Progress::Compensating { attempts, last, faulted, .. } => {
            let again = last.after(step.patience.delay(attempts));
            (faulted || matches!(step.back, Back::Ask { .. })).then_some(again)
        }
        _ => None,
    }
}
