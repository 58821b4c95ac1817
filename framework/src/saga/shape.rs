//! What a plan is without its functions: plain data, for deciding, drawing, comparing.

use crate::id::derived;
use crate::saga::retry::Retry;
use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// How a step goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Head {
    /// What began the run; done already.
    Begun,
    /// An async method that the coordinator runs.
    Act,
    /// A command whose reply is awaited.
    Ask {
        /// Its name.
        command: &'static str,
        /// Who answers it.
        to: &'static str,
    },
    /// A command that nobody waits for.
    Tell {
        /// Its name.
        command: &'static str,
        /// Who is told.
        to: &'static str,
    },
    /// A signal that is awaited.
    Hear,
}

/// How a step is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Back {
    /// There is nothing to take back, or no way back.
    Nothing,
    /// An async method that the coordinator runs.
    Act,
    /// A command.
    Ask {
        /// Its name.
        command: &'static str,
        /// Who answers it.
        to: &'static str,
    },
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepShape {
    /// Its name, unique in the plan.
    pub name: &'static str,
    /// Steps of one group stand side by side; groups go one after the other.
    pub group: usize,
    /// How it goes forward.
    pub head: Head,
    /// How it is taken back.
    pub back: Back,
    /// Whether it is the step of no return.
    pub pivot: bool,
    /// Whether only some runs need it.
    pub sometimes: bool,
    /// Whether an operator may skip it.
    pub skippable: bool,
    /// The spacing of its attempts.
    pub retry: Retry,
    /// The spacing of the attempts to take it back.
    pub patience: Retry,
    /// How long the whole step may take; `None` for no bound.
    pub within: Option<Duration>,
    /// The type of what it makes.
    pub makes: &'static str,
}

impl StepShape {
    /// Whether it can be taken back.
    #[must_use]
    pub const fn is_compensable(&self) -> bool {
        !matches!(self.back, Back::Nothing)
    }

    /// Whether the coordinator itself runs the action.
    #[must_use]
    pub const fn is_act(&self) -> bool {
        matches!(self.head, Head::Act)
    }
}

/// Names a shape: equal shapes have equal digests.
pub type Digest = String;

/// A plan without its functions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The saga.
    pub saga: &'static str,
    /// The version of its plan.
    pub version: u32,
    /// How long a whole run may take before it is taken back; `None` for no bound.
    pub within: Option<Duration>,
    /// How long to wait, after the time of a step is up, before it is taken back without knowing
    /// whether it was done. By then no earlier runner is still calling.
    pub margin: Duration,
    /// The lines in order; those of a group stand together.
    pub steps: Vec<StepShape>,
}

impl Shape {
    /// The number of the step of this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// The name of a step; of one that the plan does not have, as in the journal of another one, its number.
    #[must_use]
    pub fn name_of(&self, step: usize) -> Cow<'static, str> {
        let line = self.steps.get(step);
        line.map_or_else(|| format!("step {step}").into(), |line| line.name.into())
    }

    /// The number of the pivot.
    #[must_use]
    pub fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.pivot)
    }

    /// The steps of a group.
    pub fn members(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        self.steps.iter().enumerate().filter(move |(_, step)| step.group == group).map(|(at, _)| at)
    }

    /// Whether a step may leave something behind when the run goes back. One before the pivot that
    /// cannot be taken back was planned as one that leaves nothing.
    #[must_use]
    pub fn may_leave_something(&self, step: usize) -> bool {
        let stays = self.pivot().is_some_and(|pivot| pivot <= step);
        stays || self.steps[step].is_compensable()
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.steps.last().map_or(0, |step| step.group + 1)
    }

    /// A digest of all that a journal depends on: names, order, heads, ways back, the pivot. Timing is
    /// not part of it, so that a policy may change under running sagas.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut text = format!("{} {}", self.saga, self.version);
        for step in &self.steps {
            let StepShape { name, group, head, back, pivot, sometimes, makes, .. } = step;
            let _ = write!(text, "\n{group} {name} {head:?} {back:?} {pivot} {sometimes} {makes}");
        }
        derived(&[&text]).simple().to_string()[..12].to_owned()
    }

    /// What is wrong with the plan, if anything: rules that types cannot hold.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let before = &self.steps[..at];
            if before.iter().any(|other| other.name == step.name) {
                faults.push(format!("saga `{}` has two steps `{}`", self.saga, step.name));
            }
            if !is_kebab(step.name) {
                faults.push(format!(
                    "step `{}` of saga `{}` is not in kebab case, as `reserve-stock`",
                    step.name, self.saga
                ));
            }
            let made_before = before.iter().find(|other| other.makes == step.makes);
            if let Some(other) = made_before.filter(|_| step.makes != "()") {
                faults.push(format!(
                    "steps `{}` and `{}` of saga `{}` both make `{}`; give each a type of its own",
                    other.name, step.name, self.saga, step.makes
                ));
            }
        }
        if self.steps.is_empty() {
            faults.push(format!("saga `{}` has no steps", self.saga));
        }
        faults
    }
}

/// Lower-case words joined by single hyphens.
fn is_kebab(name: &str) -> bool {
    name.split('-').all(|word| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}
