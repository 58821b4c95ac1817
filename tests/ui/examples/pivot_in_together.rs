//! A point of no return beside other steps, which would not know whether it was passed.
//!
//! says: a pivot cannot stand beside other steps
//! says: move it out of `together`

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .together(|side| side.step("pay", act(Purchase::pay).pivot()))
        .end()
}

fn main() {
    plan();
}
