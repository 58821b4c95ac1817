//! A step that takes what only a later step makes.
//!
//! says: nothing before this step makes `StockHeld`
//! says: this function asks for `&StockHeld`, which is not known when it runs
//! says: a step may take, by reference: the saga, `Cx`, the input, and what EARLIER steps made

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("pay", act(Purchase::pay).pivot())
        .step("reserve", ask(Purchase::reserve))
        .end()
}

fn main() {
    plan();
}
