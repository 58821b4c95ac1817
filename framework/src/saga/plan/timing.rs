//! How patient an instance of a saga is: what its plan says, and what it says itself.

use crate::error::Fault;
use crate::saga::Saga;
use crate::saga::plan::Plan;
use crate::saga::retry::Retry;
use crate::saga::shape::{Head, Shape, StepShape};
use serde_json::value::RawValue;
use std::fmt;
use std::time::Duration;

/// Deadlines and retries of a plan, to be set by an instance of its saga: see [`Saga::timing`].
pub struct Timing<'a> {
    shape: &'a mut Shape,
    faults: Vec<String>,
}

impl fmt::Debug for Timing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the timing of saga `{}`", self.shape.saga)
    }
}

impl Timing<'_> {
    /// How long a whole run may take, as [`Steps::within`](crate::saga::Steps::within) says it for all.
    pub const fn run(&mut self, within: Duration) -> &mut Self {
        self.shape.within = Some(within);
        self
    }

    /// How long a step may take, attempts and all.
    pub fn within(&mut self, step: &str, within: Duration) -> &mut Self {
        self.set(step, |step| step.within = Some(within))
    }

    /// The spacing of the attempts of a step.
    pub fn retry(&mut self, step: &str, retry: Retry) -> &mut Self {
        self.set(step, |step| step.retry = retry)
    }

    /// The spacing of the attempts to take a step back.
    pub fn patience(&mut self, step: &str, patience: Retry) -> &mut Self {
        self.set(step, |step| step.patience = patience)
    }

    fn set(&mut self, name: &str, change: impl FnOnce(&mut StepShape)) -> &mut Self {
        let saga = self.shape.saga;
        match self.shape.steps.iter_mut().find(|step| step.name == name) {
            None => self.faults.push(format!("saga `{saga}` sets the time of no step `{name}`")),
            Some(step) if matches!(step.head, Head::Tell { .. } | Head::Begun) => {
                let told = format!("step `{name}` of saga `{saga}` waits for nobody: set no time");
                self.faults.push(told);
            }
            Some(step) => change(step),
        }
        self
    }
}

impl<S: Saga> Plan<S> {
    /// The plan as this instance follows it, and what is wrong about the times that it sets.
    pub(crate) fn of(saga: &S) -> (Self, Vec<String>) {
        let mut plan = S::plan();
        let mut timing = Timing { shape: &mut plan.shape, faults: Vec::new() };
        saga.timing(&mut timing);
        let faults = timing.faults;
        (plan, faults)
    }

    /// Whether a step can have made this.
    ///
    /// # Errors
    ///
    /// A fault that says why not.
    pub fn reads(&self, step: usize, made: &RawValue) -> Result<(), Fault> {
        (self.lines[step].revive)(Some(made)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Plan, Retry, Saga, Timing};
    use crate::saga::{act, tell};
    use serde::{Deserialize, Serialize};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    struct Say {}

    crate::service! { SAYER = "sayer" { Say = "sayer.say" -> () } }

    const FIRST: Duration = Duration::from_secs(3);

    /// Sets what it is told to.
    struct Patient(fn(&mut Timing<'_>));

    impl Saga for Patient {
        const NAME: &'static str = "patient";
        type Input = Say;
        fn plan() -> Plan<Self> {
            let plan = Plan::begin().step("wait", act(Self::wait).leaves_nothing());
            plan.step("say", tell(Self::say)).end()
        }
        fn timing(&self, timing: &mut Timing<'_>) {
            self.0(timing);
        }
    }

    impl Patient {
        fn say(_: &Say) -> Say {
            Say {}
        }
        async fn wait(&self, _: &Say) -> Result<(), crate::StepError> {
            Ok(())
        }
    }

    #[test]
    fn an_instance_sets_the_times_of_its_own_plan() {
        let (plan, faults) = Plan::of(&Patient(|timing| {
            let retry = Retry::every(FIRST);
            timing.run(FIRST).within("wait", 2 * FIRST).retry("wait", retry);
            timing.patience("wait", retry.at_most(4));
        }));
        let step = &plan.shape().steps[0];
        assert_eq!(faults, [""; 0]);
        assert_eq!((plan.shape().within, step.within), (Some(FIRST), Some(2 * FIRST)));
        assert_eq!((step.retry.delay(1), step.patience.most()), (FIRST, Some(4)));
    }

    #[test]
    fn what_has_no_time_is_told() {
        let (plan, faults) = Plan::of(&Patient(|timing| {
            timing.within("sleep", FIRST).within("say", FIRST);
        }));
        assert!(matches!(plan.shape().steps[1].head, Head::Tell { to, .. } if to == SAYER));
        assert_eq!(
            faults,
            [
                "saga `patient` sets the time of no step `sleep`",
                "step `say` of saga `patient` waits for nobody: set no time",
            ]
        );
    }
}
