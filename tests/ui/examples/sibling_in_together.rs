//! A step that takes what the step beside it makes.
//!
//! says: nothing before this step makes `StockHeld`
//! says: steps side by side in `together` do not see each other

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .together(|side| {
            side.step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
                .step("pay", act(Purchase::pay).leaves_nothing())
        })
        .end()
}

fn main() {
    plan();
}
