//! What is said, and what the coordinator says next.

use crate::five::saga::{Order, STEPS};
use serde::{Deserialize, Serialize};

/// A message. Its id is the same whenever it is said again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub saga: u64,
    pub said: Said,
}

impl Message {
    pub fn new(saga: u64, said: Said) -> Self {
        let id = match &said {
            Said::Begin(_) => format!("{saga} begin"),
            Said::Do { step, .. } => format!("{saga} do {step}"),
            Said::Done { step } => format!("{saga} done {step}"),
            Said::Refused { step } => format!("{saga} refused {step}"),
            Said::Undo { step } => format!("{saga} undo {step}"),
            Said::Undone { step } => format!("{saga} undone {step}"),
        };
        Self { id, saga, said }
    }
}

/// What it says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Said {
    Begin(Order),
    Do { step: u32, amount: u64, fails: bool },
    Done { step: u32 },
    Refused { step: u32 },
    Undo { step: u32 },
    Undone { step: u32 },
}

/// What the coordinator knows of a saga.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub order: Order,
    /// The step that is under way.
    pub step: u32,
    pub status: Status,
    /// What was heard of each step.
    pub heard: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Running,
    Compensating,
    Completed,
    Compensated,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
        }
    }
}

impl State {
    pub const fn new(order: Order) -> Self {
        Self { order, step: 1, status: Status::Running, heard: Vec::new() }
    }

    /// The command of the step that is under way; none if all is over.
    pub fn next(&self) -> Option<Said> {
        let Self { order, step, status, .. } = self;
        match status {
            Status::Running => Some(Said::Do {
                step: *step,
                amount: order.amount,
                fails: order.fails && *step == STEPS,
            }),
            Status::Compensating => Some(Said::Undo { step: *step }),
            Status::Completed | Status::Compensated => None,
        }
    }

    /// Goes on by a reply.
    pub fn hear(&mut self, said: Said) {
        self.heard.push(format!("{said:?}"));
        match said {
            Said::Done { step } if step < STEPS => self.step = step + 1,
            Said::Done { .. } => self.status = Status::Completed,
            Said::Refused { step } | Said::Undone { step } if step > 1 => {
                (self.step, self.status) = (step - 1, Status::Compensating);
            }
            Said::Refused { .. } | Said::Undone { .. } => self.status = Status::Compensated,
            Said::Begin(_) | Said::Do { .. } | Said::Undo { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, State, Status};
    use crate::five::saga::Order;

    /// Answers every command, and says how it ended and how many messages it took.
    fn play(fails: bool) -> (Status, usize) {
        let mut state = State::new(Order { saga: 1, amount: 1, fails });
        let mut messages = 1;
        while let Some(said) = state.next() {
            messages += 2;
            state.hear(match said {
                Said::Do { step, fails: true, .. } => Said::Refused { step },
                Said::Do { step, .. } => Said::Done { step },
                Said::Undo { step } => Said::Undone { step },
                other => panic!("{other:?} is no command"),
            });
        }
        (state.status, messages)
    }

    #[test]
    fn a_saga_takes_as_many_messages_as_over_the_engine() {
        assert_eq!(play(false), (Status::Completed, 11));
        assert_eq!(play(true), (Status::Compensated, 19));
    }
}
