//! What is measured: a saga of five steps, each of which writes one effect.
//!
//! The start, five commands and five replies are eleven messages. The handlers are ordinary ones, as a
//! user writes them: each sees one message and puts one row.

use ballet::{Fault, Plan, Reactions, Reactor, Saga, StepError, Table, Tx, answer, ask};
use serde::{Deserialize, Serialize};

/// How many steps there are, and so how many effects each saga leaves.
pub const STEPS: u32 = 5;

/// What a saga is begun with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub saga: u64,
    pub amount: u64,
}

/// Asks for the effect of a step.
#[derive(Debug, Serialize, Deserialize)]
pub struct Work {
    pub saga: u64,
    pub step: u32,
    pub amount: u64,
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

/// Three steps that can be taken back, one that decides, one that is tried until it is done.
#[derive(Debug, Clone, Copy)]
pub struct FiveSteps;

impl Saga for FiveSteps {
    const NAME: &'static str = "five-steps";
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("one", ask(Self::one).compensate(Self::undo_one))
            .step("two", ask(Self::two).compensate(Self::undo_two))
            .step("three", ask(Self::three).compensate(Self::undo_three))
            .step("four", ask(Self::four).pivot())
            .step("five", ask(Self::five))
            .end()
    }
}

impl FiveSteps {
    const fn work(order: &Order, step: u32) -> Work {
        Work { saga: order.saga, step, amount: order.amount }
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
        tx.put(EFFECTS, &(work.saga, work.step), &Effect { amount: work.amount })?;
        Ok(())
    }

    async fn undo(&self, tx: &mut Tx, undo: &Undo, (): &()) -> Result<(), Fault> {
        tx.delete(EFFECTS, &(undo.saga, undo.step));
        Ok(())
    }
}
