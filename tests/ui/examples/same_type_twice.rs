//! Two steps that make the same type: which of them is meant? Make a newtype of each.
//!
//! says: type annotations needed
//! says: `(StockHeld, (StockHeld,

use ballet::{Plan, act, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("reserve-more", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).pivot())
        .end()
}

fn main() {
    plan();
}
