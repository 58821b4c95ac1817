//! What an operator may do to a run, each time with a fact that says who and why.

use crate::message::Way;
use crate::saga::decide::{Draft, Progress};
use crate::saga::journal::{Verb, What};
use crate::saga::shape::Head;
use serde_json::value::RawValue;

impl Draft<'_> {
    pub(super) fn operate(&mut self, verb: Verb, step: usize, by: String, reason: String) {
        let taken = match (&verb, self.state.steps[step]) {
            (Verb::Retry, Progress::InFlight { faulted, .. }) => {
                self.can_be_tried(step, Way::Forward, faulted)
            }
            (Verb::Retry, Progress::Compensating { faulted, .. }) => {
                self.can_be_tried(step, Way::Back, faulted)
            }
            (Verb::Retry, Progress::Refused { .. }) => self.is_after_the_pivot(step),
            (Verb::Skip, Progress::InFlight { .. } | Progress::Refused { .. }) => {
                self.is_after_the_pivot(step) && self.shape.steps[step].skippable
            }
            (Verb::Force(_), Progress::InFlight { .. } | Progress::Refused { .. }) => {
                self.is_after_the_pivot(step)
            }
            (Verb::MarkCompensated, Progress::Compensating { .. } | Progress::Unknown { .. }) => {
                true
            }
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
            Verb::MarkCompensated => self.note(What::Compensated { step, made: true }),
        }
    }

    /// A refusal stands under its command id, so asking again after a no is a new round.
    fn retry(&mut self, step: usize) {
        match self.state.steps[step] {
            Progress::Refused { round } => self.start(step, round + 1),
            Progress::InFlight { round, attempts, until, .. } => {
                self.again(step, round, attempts + 1, until);
            }
            Progress::Compensating { round, attempts, .. } => {
                self.compensate(step, round, attempts + 1)
            }
            _ => {}
        }
    }

    /// What runs here at this moment is not run beside itself, and nobody is asked for a signal.
    fn can_be_tried(&self, step: usize, way: Way, faulted: bool) -> bool {
        let is_heard = way == Way::Forward && self.shape.steps[step].head == Head::Hear;
        !is_heard && (faulted || !self.runs_here(step, way))
    }

    fn is_after_the_pivot(&self, step: usize) -> bool {
        self.shape.pivot().is_some_and(|pivot| pivot < step)
    }
}
