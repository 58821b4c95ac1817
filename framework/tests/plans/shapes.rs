//! A plan as data: the order of its steps, its digest, and what types cannot hold.

use crate::trip::{Held, Hold, Order, Trip};
use ballet::saga::{Retry, Shape};
use ballet::{ErrorKind, Plan, Saga, act, ask};
use std::time::Duration;

#[test]
fn groups_stand_in_the_order_of_the_plan() {
    let plan = Trip::plan();
    let shape = plan.shape();
    let names: Vec<_> = shape.steps.iter().map(|step| (step.group, step.name)).collect();
    assert_eq!(
        names[1..],
        [(1, "hold"), (2, "check-visa"), (3, "pay"), (4, "issue"), (5, "rated"), (6, "thank")]
    );
    assert_eq!((names[0].0, shape.groups(), shape.pivot()), (0, 7, Some(4)));
    assert!(plan.check().is_ok());
}

struct Beside;

impl Saga for Beside {
    const NAME: &'static str = "beside";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .together(|side| {
                side.step("one", act(Self::nothing).leaves_nothing())
                    .step("two", act(Self::nothing).leaves_nothing())
            })
            .step("three", act(Self::nothing).leaves_nothing())
            .end()
    }
}

impl Beside {
    async fn nothing(&self, _: &Order) -> Result<(), ballet::StepError> {
        Ok(())
    }
}

#[test]
fn steps_side_by_side_are_one_group() {
    let groups: Vec<_> = Beside::plan().shape().steps.iter().map(|step| step.group).collect();
    assert_eq!(groups, [0, 0, 1]);
}

#[test]
fn a_digest_changes_with_the_order_and_not_with_the_times() {
    let shape = Trip::plan().shape().clone();
    let digest = shape.digest();
    assert_eq!(digest.len(), 12);
    let mut slow = shape.clone();
    slow.within = Some(Duration::from_secs(1));
    slow.steps[1].within = Some(Duration::from_secs(1));
    assert_eq!(slow.digest(), digest);
    let mut other = shape.clone();
    other.steps[1].name = "reserve";
    assert_ne!(other.digest(), digest);
    let newer = Shape { version: 2, ..shape };
    assert_ne!(newer.digest(), digest);
}

#[test]
fn a_step_that_the_plan_does_not_have_is_called_by_its_number() {
    let plan = Trip::plan();
    assert_eq!(
        (plan.shape().name_of(1), plan.shape().name_of(9)),
        ("hold".into(), "step 9".into())
    );
}

struct Wrong;

impl Saga for Wrong {
    const NAME: &'static str = "wrong";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("Hold_it", ask(Self::hold).leaves_nothing())
            .step("Hold_it", act(Self::again).leaves_nothing())
            .step("", act(Self::nothing).leaves_nothing())
            .step("a--b", act(Self::nothing).leaves_nothing())
            .step("step-9", act(Self::nothing).leaves_nothing())
            .end()
    }
}

impl Wrong {
    fn hold(order: &Order) -> Hold {
        Hold { who: order.who.clone() }
    }
    async fn again(&self, _: &Order) -> Result<Held, ballet::StepError> {
        Ok(Held { seat: 1 })
    }
    async fn nothing(&self, _: &Order) -> Result<(), ballet::StepError> {
        Ok(())
    }
}

#[test]
fn what_types_cannot_hold_is_told_rule_by_rule() {
    let told = Wrong::plan().check().unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    let faults = Wrong::plan().shape().faults();
    assert!(told.to_string().contains(&faults.join("; ")), "{told}");
    let held = std::any::type_name::<Held>();
    assert_eq!(
        faults,
        [
            "step `Hold_it` of saga `wrong` is not in kebab case, as `reserve-stock`".to_owned(),
            "saga `wrong` has two steps `Hold_it`".to_owned(),
            "step `Hold_it` of saga `wrong` is not in kebab case, as `reserve-stock`".to_owned(),
            format!(
                "steps `Hold_it` and `Hold_it` of saga `wrong` both make `{held}`; give each a type of its own"
            ),
            "step `` of saga `wrong` is not in kebab case, as `reserve-stock`".to_owned(),
            "step `a--b` of saga `wrong` is not in kebab case, as `reserve-stock`".to_owned(),
        ]
    );
    let empty = Shape { steps: Vec::new(), ..Wrong::plan().shape().clone() };
    assert_eq!(empty.faults(), ["saga `wrong` has no steps"]);
}

#[test]
fn a_retry_says_how_many_attempts_there_may_be() {
    let retry = Retry::every(Duration::from_secs(1));
    assert_eq!((retry.at_most(7).most(), Retry::every(Duration::ZERO).most()), (Some(7), None));
}
