//! A command that nobody answers has nothing to take back.
//!
//! says: a `tell` cannot be taken back
//! says: nobody answers it, so nobody knows whether it was done: make it an `ask`

use ballet::{Plan, tell};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("release", tell(Purchase::release).compensate(Purchase::release)).end()
}

fn main() {
    plan();
}
