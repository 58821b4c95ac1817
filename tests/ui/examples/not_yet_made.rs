//! A step that takes what only a later step makes.
//!
//! says: nothing before this step makes `Paid`
//! says: this function asks for `&Paid`, which is not known when it runs
//! says: a step may take, by reference: the saga, `Cx`, the input, and what EARLIER steps made

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("ship", act(Purchase::ship).leaves_nothing())
        .step("pay", act(Purchase::pay).pivot())
        .end()
}

fn main() {
    plan();
}
