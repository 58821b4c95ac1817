//! An action after the pivot that may refuse.
//!
//! says: a step after the pivot cannot refuse
//! says: return `Result<_, Fault>`: it is tried until it is done
//! says: there is no way back after the pivot, so there is nothing a refusal could do

use ballet::{Plan, StepError, act, ask};
use ui::{Paid, Purchase};

async fn ship(_paid: &Paid) -> Result<(), StepError> {
    Ok(())
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).pivot())
        .step("ship", act(ship))
        .end()
}

fn main() {
    plan();
}
