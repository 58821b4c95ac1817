//! A command that nobody answers has nothing to take back.
//!
//! says: no method named `compensate` found
//! says: Tell<

use ballet::{Plan, tell};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("release", tell(Purchase::release).compensate(Purchase::release)).end()
}

fn main() {
    plan();
}
