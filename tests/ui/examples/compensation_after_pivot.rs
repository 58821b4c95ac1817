//! A step after the pivot that says how it is taken back: there is no way back any more.
//!
//! says: this step may not stand here
//! says: after the pivot: none of them

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).pivot())
        .step("ship", act(Purchase::ship).compensate(Purchase::refund))
        .end()
}

fn main() {
    plan();
}
