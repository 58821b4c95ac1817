//! What is measured: a saga of five steps, each of which writes one effect.
//!
//! The start, five commands and five replies are eleven messages. The handlers are ordinary ones, as a
//! user writes them: each sees one message and puts one row.

use crate::Failed;
use ballet::saga::Timing;
use ballet::{
    Fault, Plan, Reactions, Reactor, Retry, Saga, StepError, Table, Tx, answer, ask, refuse,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many steps there are, and so how many effects each saga leaves.
pub const STEPS: u32 = 5;

/// What a saga is begun with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Order {
    pub saga: u64,
    pub amount: u64,
    /// Whether the last step is refused, so that all is taken back.
    pub fails: bool,
}

/// Which sagas there are: what each is and what it must leave is known from its number.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    /// Of a hundred, so many fail.
    pub failing: u64,
}

impl Orders {
    pub const fn of(self, saga: u64) -> Order {
        // Those that fail stand apart from each other.
        Order { saga, amount: saga % 1_000, fails: saga * 37 % 100 < self.failing }
    }

    /// How many messages these take: what begins them, a command and a reply for each step, and again for each
    /// that is taken back.
    pub fn messages_of(self, first: u64, count: u64) -> u64 {
        let steps = u64::from(STEPS);
        let one = |saga| match self.of(saga).fails {
            true => 1 + 2 * (steps + steps - 1),
            false => 1 + 2 * steps,
        };
        (first..first + count).map(one).sum()
    }

    /// Sees that sagas `0..count` have left exactly their effects, each once, and nobody else any.
    pub fn check(self, count: u64, found: &BTreeMap<(u64, u32), Effect>) -> Result<(), Failed> {
        let wanted = (0..count).map(|saga| self.of(saga)).filter(|order| !order.fails);
        let wanted = wanted.flat_map(|order| {
            (1..=STEPS).map(move |step| ((order.saga, step), Effect { amount: order.amount }))
        });
        let wanted: BTreeMap<_, _> = wanted.collect();
        if *found == wanted {
            return Ok(());
        }
        let missing = wanted.iter().filter(|(key, effect)| found.get(key) != Some(effect)).count();
        let more = found.keys().filter(|key| !wanted.contains_key(key)).count();
        Err(format!("{missing} effects are missing or wrong, and {more} are too many").into())
    }
}

/// Asks for the effect of a step.
#[derive(Debug, Serialize, Deserialize)]
pub struct Work {
    pub saga: u64,
    pub step: u32,
    pub amount: u64,
    pub fails: bool,
}

/// Asks for an effect to be taken back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Undo {
    pub saga: u64,
    pub step: u32,
}

/// What a step has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub amount: u64,
}

ballet::service! {
    /// Who does the work of all steps.
    pub WORKER = "worker" { Work = "work.do" -> (), Undo = "work.undo" -> () }
}

/// The effects, by saga and step.
pub const EFFECTS: Table<(u64, u32), Effect> = Table::new("effects");

/// Four steps that can be taken back, and one that decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct FiveSteps {
    /// Whether each step waits for an hour, and nothing is asked again meanwhile.
    pub is_patient: bool,
}

/// All steps.
const NAMES: [&str; STEPS as usize] = ["one", "two", "three", "four", "five"];

const AN_HOUR: Duration = Duration::from_secs(3_600);

impl Saga for FiveSteps {
    const NAME: &'static str = "five-steps";
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("one", ask(Self::one).compensate(Self::undo_one))
            .step("two", ask(Self::two).compensate(Self::undo_two))
            .step("three", ask(Self::three).compensate(Self::undo_three))
            .step("four", ask(Self::four).compensate(Self::undo_four))
            .step("five", ask(Self::five).pivot())
            .end()
    }

    fn timing(&self, timing: &mut Timing<'_>) {
        for step in NAMES.into_iter().filter(|_| self.is_patient) {
            timing.within(step, AN_HOUR).retry(step, Retry::every(AN_HOUR));
        }
    }
}

impl FiveSteps {
    const fn work(order: &Order, step: u32) -> Work {
        let fails = order.fails && step == STEPS;
        Work { saga: order.saga, step, amount: order.amount, fails }
    }
    const fn one(order: &Order) -> Work {
        Self::work(order, 1)
    }
    const fn two(order: &Order) -> Work {
        Self::work(order, 2)
    }
    const fn three(order: &Order) -> Work {
        Self::work(order, 3)
    }
    const fn four(order: &Order) -> Work {
        Self::work(order, 4)
    }
    const fn five(order: &Order) -> Work {
        Self::work(order, 5)
    }
    const fn undo_one(order: &Order) -> Undo {
        Undo { saga: order.saga, step: 1 }
    }
    const fn undo_two(order: &Order) -> Undo {
        Undo { saga: order.saga, step: 2 }
    }
    const fn undo_three(order: &Order) -> Undo {
        Undo { saga: order.saga, step: 3 }
    }
    const fn undo_four(order: &Order) -> Undo {
        Undo { saga: order.saga, step: 4 }
    }
}

/// Does the work: one row a step.
#[derive(Debug, Clone, Copy)]
pub struct Worker;

impl Reactor for Worker {
    const NAME: &'static str = WORKER;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Work>(answer(Self::work).compensate_by::<Undo>(Self::undo))
    }
}

impl Worker {
    async fn work(&self, tx: &mut Tx, work: &Work) -> Result<(), StepError> {
        if work.fails {
            return Err(refuse("measured", "this one is to be taken back"));
        }
        tx.put(EFFECTS, &(work.saga, work.step), &Effect { amount: work.amount })?;
        Ok(())
    }

    async fn undo(&self, tx: &mut Tx, undo: &Undo, (): &()) -> Result<(), Fault> {
        tx.delete(EFFECTS, &(undo.saga, undo.step));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Orders};
    use std::collections::BTreeMap;

    #[test]
    fn of_a_hundred_so_many_fail_wherever_they_begin() {
        let orders = Orders { failing: 10 };
        for first in [0, 57, 200] {
            let failing = (first..first + 100).filter(|saga| orders.of(*saga).fails).count();
            assert_eq!(failing, 10);
            assert_eq!(orders.messages_of(first, 100), 90 * 11 + 10 * 19);
        }
    }

    #[test]
    fn an_effect_that_is_missing_wrong_or_too_many_is_noticed() {
        let orders = Orders { failing: 0 };
        let good: BTreeMap<_, _> =
            (0..2).flat_map(|saga| (1..=5).map(move |step| ((saga, step), saga))).collect();
        let good: BTreeMap<_, _> =
            good.into_iter().map(|(key, amount)| (key, Effect { amount })).collect();
        assert!(orders.check(2, &good).is_ok());
        let mut missing = good.clone();
        missing.remove(&(1, 3));
        let mut wrong = good.clone();
        wrong.insert((1, 3), Effect { amount: 7 });
        let mut more = good;
        more.insert((2, 1), Effect { amount: 2 });
        for (found, told) in
            [(missing, "1 effects are"), (wrong, "1 effects are"), (more, "0 effects")]
        {
            let why = orders.check(2, &found).unwrap_err().to_string();
            assert!(why.starts_with(told), "{why}");
        }
    }
}
