//! A plan that is not closed.
//!
//! says: expected `Plan<Purchase>`, found `Steps<

use ballet::{Plan, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
}

fn main() {
    plan();
}
