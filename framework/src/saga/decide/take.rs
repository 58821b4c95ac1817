//! Taking an input: what it means to the step it is about.

use crate::message::{Reply, Way};
use crate::mistake::Mistake;
use crate::saga::decide::state::DONE;
use crate::saga::decide::{Draft, Effect, Input, Progress, Ran};
use crate::saga::journal::{Signal, What};
use crate::saga::shape::Head;
use crate::saga::step::Json;

/// What an answer says, whoever gave it.
enum Answer {
    Done(Json),
    Refused(crate::error::Refusal),
    Fault(String),
}

impl Draft<'_> {
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Begin => self.note(What::Begun),
            Input::Replied { step, way: Way::Forward, round, reply } => match reply {
                Reply::Done(made) => self.take_forward(step, round, Answer::Done(made)),
                Reply::Refused(no) => self.take_forward(step, round, Answer::Refused(no)),
                Reply::Compensated { .. } => self.stray(step, Way::Forward, "compensated"),
            },
            Input::Replied { step, way: Way::Back, round, reply } => match reply {
                Reply::Compensated { made } => self.take_back(step, round, made),
                Reply::Done(_) => self.take_back(step, round, true),
                Reply::Refused(no) => self.refused_to_go_back(step, round, &no.to_string()),
            },
            Input::Ran { step, way: Way::Forward, round, ran } => match ran {
                Ran::Done(made) => self.take_forward(step, round, Answer::Done(made)),
                Ran::Refused(no) => self.take_forward(step, round, Answer::Refused(no)),
                Ran::Fault(text) => self.take_forward(step, round, Answer::Fault(text)),
            },
            Input::Ran { step, way: Way::Back, round, ran } => match ran {
                Ran::Done(_) => self.take_back(step, round, true),
                Ran::Refused(no) => self.refused_to_go_back(step, round, &no.to_string()),
                Ran::Fault(text) => self.refused_to_go_back(step, round, &text),
            },
            Input::Signalled { step, signal } => self.take_signal(step, signal),
            Input::Cancel { by, reason } => self.cancel(by, reason),
            Input::Tick => self.tick(),
            Input::Operate { verb, step, by, reason } => self.operate(verb, step, by, reason),
        }
    }

    /// The table of F27: what an answer to an action means, by how far its step is.
    fn take_forward(&mut self, step: usize, asked: u32, answer: Answer) {
        let step = if Mistake::AnyReply.is_made() { self.first_open(step) } else { step };
        match (self.state.steps[step], answer) {
            (Progress::InFlight { round, .. }, Answer::Done(_)) if round != asked => {
                self.done_late(step);
            }
            (Progress::InFlight { round, .. }, _) if round != asked => {}
            (Progress::InFlight { .. } | Progress::Unknown { .. }, Answer::Done(made)) => {
                self.note(What::Done { step, made });
            }
            (Progress::InFlight { .. } | Progress::Unknown { .. }, Answer::Refused(refusal)) => {
                self.refuse(step, refusal);
            }
            (Progress::InFlight { attempts, .. }, Answer::Fault(text)) => {
                self.fault(step, Way::Forward, attempts, text);
            }
            (Progress::Compensated { .. }, Answer::Done(made))
                if Mistake::ReplyToAnEndedStep.is_made() =>
            {
                self.reopen(step, made);
            }
            (
                Progress::Compensating { .. } | Progress::Compensated { made: true },
                Answer::Done(_),
            ) => {
                self.done_late(step);
            }
            (Progress::Compensated { made: false }, _)
                if Mistake::LateSuccessIsDropped.is_made() => {}
            (Progress::Compensated { made: false }, Answer::Done(made)) => {
                self.reopen(step, made);
                self.attend(step, "it was done after it had been answered that it was not");
            }
            (Progress::Refused { round }, Answer::Done(made)) if round == asked => {
                self.contradict(step, made);
            }
            (
                Progress::Waiting
                | Progress::Skipped
                | Progress::Dropped
                | Progress::Refused { .. },
                Answer::Done(_),
            ) => {
                self.done_late(step);
            }
            _ => {}
        }
    }

    /// The first step that waits for an answer, whichever was asked.
    fn first_open(&self, asked: usize) -> usize {
        let is_open = |progress: &Progress| matches!(progress, Progress::InFlight { .. });
        self.state.steps.iter().position(is_open).unwrap_or(asked)
    }

    pub(super) fn refuse(&mut self, step: usize, refusal: crate::error::Refusal) {
        let late = self.state.is_committed(self.shape).then(|| refusal.to_string());
        self.note(What::Refused { step, refusal });
        if let Some(no) = late {
            self.attend(step, format!("it was refused after the pivot: {no}"));
        }
    }

    /// It said no, and then that it was done: the second counts, because it may have left something.
    fn contradict(&mut self, step: usize, made: Json) {
        if self.state.turned && self.shape.steps[step].is_compensable() {
            self.reopen(step, made);
        } else {
            self.done_late(step);
        }
        if self.shape.may_leave_something(step) {
            self.attend(step, "it was done after it had been refused");
        }
    }

    /// It was done after all; what it made is known to its compensation.
    fn reopen(&mut self, step: usize, made: Json) {
        self.note(What::Reopened { step });
        self.note(What::Done { step, made });
    }

    /// That a step was done is written down once, when it changes nothing any more.
    fn done_late(&mut self, step: usize) {
        if !self.state.done.contains(&step) {
            self.stray(step, Way::Forward, DONE);
        }
    }

    /// "There was nothing" is not believed of a step that is known to be done: its effect may still be
    /// there.
    fn take_back(&mut self, step: usize, asked: u32, made: bool) {
        let Progress::Compensating { round, attempts, .. } = self.state.steps[step] else { return };
        if round != asked {
            return;
        }
        if made || !self.state.done.contains(&step) {
            return self.note(What::Compensated { step, made });
        }
        let told = "it says that there was nothing to take back, and it had been done";
        self.fault(step, Way::Back, attempts, told.to_owned());
        self.attend(step, told);
    }

    /// A compensation cannot refuse; one that could not be done is tried again.
    fn refused_to_go_back(&mut self, step: usize, asked: u32, text: &str) {
        if let Progress::Compensating { round, attempts, .. } = self.state.steps[step]
            && round == asked
        {
            self.fault(step, Way::Back, attempts, text.to_owned());
            if self.shape.steps[step].patience.is_spent(attempts) {
                self.attend(step, format!("it cannot be taken back: {text}"));
            }
        }
    }

    fn fault(&mut self, step: usize, way: Way, times: u32, text: String) {
        self.note(What::Faulted { step, way, times, text });
    }

    /// A signal is for a step that waits for one: nobody else's step is settled by it.
    fn take_signal(&mut self, step: usize, signal: Signal) {
        match (self.state.steps[step], signal) {
            _ if self.shape.steps[step].head != Head::Hear => {
                self.stray(step, Way::Forward, "signal");
            }
            (Progress::Waiting, signal) if !self.state.signals.contains_key(&step) => {
                self.note(What::Signalled { step, signal });
            }
            (Progress::InFlight { .. }, signal) => self.heard(step, signal),
            _ => self.stray(step, Way::Forward, "signal"),
        }
    }

    /// What a signal says, when its step waits for it.
    pub(super) fn heard(&mut self, step: usize, signal: Signal) {
        match signal {
            Signal::Yes(made) => self.note(What::Done { step, made }),
            Signal::No(refusal) => self.refuse(step, refusal),
        }
    }

    /// Before the pivot was sent a cancel turns the run; while it decides the cancel waits for its
    /// answer; after it, it is too late.
    fn cancel(&mut self, by: String, reason: String) {
        if self.state.is_committed(self.shape) {
            self.note(What::TooLate { by, reason });
        } else if !self.state.cancelled {
            self.note(What::Cancelled { by, reason });
        }
    }

    pub(super) fn stray(&mut self, step: usize, way: Way, text: &str) {
        self.note(What::Stray { step, way, text: text.to_owned() });
    }

    /// A run that is over changes no more. Answers that only repeat what it knew are normal.
    pub(super) fn take_after_the_end(&mut self, input: &Input) {
        let (step, way, says_done) = match input {
            Input::Replied { step, way, reply, .. } => {
                (*step, *way, matches!(reply, Reply::Done(_)))
            }
            Input::Ran { step, way, ran, .. } => (*step, *way, matches!(ran, Ran::Done(_))),
            Input::Cancel { by, reason } => {
                self.note(What::TooLate { by: by.clone(), reason: reason.clone() });
                return;
            }
            _ => return,
        };
        let known = self.state.done.contains(&step)
            || matches!(
                self.state.steps[step],
                Progress::Done | Progress::Compensated { made: true }
            );
        if way == Way::Forward && says_done && !known && self.shape.may_leave_something(step) {
            self.effect(Effect::Contradicted { step, way });
        }
    }

    /// Whether the coordinator itself runs the way of this step.
    pub(super) fn runs_here(&self, step: usize, way: Way) -> bool {
        let shape = &self.shape.steps[step];
        match way {
            Way::Forward => matches!(shape.head, Head::Act),
            Way::Back => matches!(shape.back, crate::saga::shape::Back::Act),
        }
    }
}
