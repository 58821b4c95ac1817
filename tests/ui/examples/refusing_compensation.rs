//! A compensation that may refuse.
//!
//! says: this cannot take a step back
//! says: a compensation cannot refuse: it returns `Fault`, and is tried until it is done

use ballet::{Plan, StepError, act, ask};
use ui::{Paid, Purchase};

async fn refund(_paid: &Paid) -> Result<(), StepError> {
    Ok(())
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).compensate(refund))
        .end()
}

fn main() {
    plan();
}
