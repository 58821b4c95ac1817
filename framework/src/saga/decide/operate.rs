//! What an operator may do to a run, each time with a fact that says who and why.

use crate::error::Refusal;
use crate::message::Way;
use crate::saga::decide::{Draft, Progress};
use crate::saga::journal::{Verb, What};
use crate::saga::shape::Head;
use serde_json::value::RawValue;

impl Draft<'_> {
    pub(super) fn operate(&mut self, verb: Verb, step: usize, by: String, reason: String) {
        let taken = self.may_be_taken(&verb, step);
        let refusal = Refusal::new("not_done", format!("by {by}: {reason}"));
        self.note(What::Operated { verb: verb.clone(), step, by, reason, taken });
        if !taken {
            return;
        }
        match verb {
            Verb::Retry => self.retry(step),
            Verb::Skip => self.note(What::Done { step, made: RawValue::NULL.to_owned() }),
            Verb::Force(made) => self.note(What::Done { step, made }),
            Verb::MarkCompensated => self.note(What::Compensated { step, made: true }),
            Verb::MarkNotDone => self.refuse(step, refusal),
        }
    }

    /// Whatever a run waits for, a person may settle: what has not answered may be forced, or marked as
    /// one of which nothing is left as long as there is a way back. So an operator can bring every run
    /// to an end, whoever keeps silent.
    fn may_be_taken(&self, verb: &Verb, step: usize) -> bool {
        let line = &self.shape.steps[step];
        let after = self.is_after_the_pivot(step);
        match (verb, self.state.steps[step]) {
            (Verb::Retry, Progress::InFlight { faulted, .. }) => {
                self.can_be_tried(step, Way::Forward, faulted)
            }
            (Verb::Retry, Progress::Compensating { faulted, .. }) => {
                self.can_be_tried(step, Way::Back, faulted)
            }
            (Verb::Retry, Progress::Refused { .. }) => after,
            (Verb::Skip, Progress::InFlight { .. } | Progress::Refused { .. }) => {
                after && line.skippable
            }
            (Verb::Force(_), Progress::Refused { .. }) => after,
            (Verb::Force(_), Progress::InFlight { .. } | Progress::Unknown { .. }) => true,
            (Verb::MarkNotDone, Progress::InFlight { .. } | Progress::Unknown { .. }) => !after,
            (Verb::MarkCompensated, Progress::InFlight { .. }) => !after && line.head != Head::Hear,
            (Verb::MarkCompensated, Progress::Compensating { .. } | Progress::Unknown { .. }) => {
                true
            }
            _ => false,
        }
    }

    /// A refusal stands under its command id, so asking again after a no is a new round.
    fn retry(&mut self, step: usize) {
        match self.state.steps[step] {
            Progress::Refused { round } => self.start(step, round.saturating_add(1)),
            Progress::InFlight { round, attempts, until, .. } => {
                self.again(step, round, attempts.saturating_add(1), until);
            }
            Progress::Compensating { round, attempts, .. } => {
                self.compensate(step, round, attempts.saturating_add(1));
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
