//! An action that takes what was made by value.
//!
//! says: this is not an async method of borrowed things
//! says: every argument a reference

use ballet::{Fault, Plan, act, ask};
use ui::{Paid, Purchase};

async fn ship(_paid: Paid) -> Result<(), Fault> {
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
