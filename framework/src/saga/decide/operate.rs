//! What an operator may do to a run, each time with a fact that says who and why.

use crate::message::Way;
use crate::saga::decide::{Draft, Progress};
use crate::saga::journal::{Verb, What};
use serde_json::value::RawValue;

impl Draft<'_> {
    pub(super) fn operate(&mut self, verb: Verb, step: usize, by: String, reason: String) {
        let taken = match (&verb, self.state.steps[step]) {
            (Verb::Retry, Progress::InFlight { .. } | Progress::Undoing { .. }) => true,
            (Verb::Retry, Progress::Refused { .. }) => self.is_after_the_pivot(step),
            (Verb::Skip, Progress::InFlight { .. } | Progress::Refused { .. }) => {
                self.is_after_the_pivot(step) && self.shape.steps[step].skippable
            }
            (Verb::Force(_), Progress::InFlight { .. } | Progress::Refused { .. }) => {
                self.is_after_the_pivot(step)
            }
            (Verb::MarkCompensated, Progress::Undoing { .. } | Progress::Unknown { .. }) => true,
            _ => false,
        };
        self.note(What::Operated { verb: verb.clone(), step, by, reason, taken });
        if taken {
            self.carry_out(verb, step);
        }
    }

    fn carry_out(&mut self, verb: Verb, step: usize) {
        match verb {
            Verb::Retry => self.retry(step),
            Verb::Skip => self.note(What::Done { step, made: RawValue::NULL.to_owned() }),
            Verb::Force(made) => self.note(What::Done { step, made }),
            Verb::MarkCompensated => self.note(What::Undone { step, made: true }),
        }
    }

    /// A refusal stands under its command id, so asking again after a no is a new round. What runs
    /// here at this moment is not run beside itself.
    fn retry(&mut self, step: usize) {
        match self.state.steps[step] {
            Progress::Refused { round } => self.start(step, round + 1),
            Progress::InFlight { round, attempts, until, faulted, .. } => {
                if faulted || !self.runs_here(step, Way::Forward) {
                    self.again(step, round, attempts + 1, until);
                }
            }
            Progress::Undoing { round, attempts, faulted, .. } => {
                if faulted || !self.runs_here(step, Way::Back) {
                    self.undo(step, round, attempts + 1);
                }
            }
            _ => {}
        }
    }

    fn is_after_the_pivot(&self, step: usize) -> bool {
        self.shape.pivot().is_some_and(|pivot| pivot < step)
    }
}
