//! A command that nobody answers as the point of no return.
//!
//! says: its trait bounds were not satisfied
//! says: Decides

use ballet::{Plan, tell};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("release", tell(Purchase::release).pivot()).end()
}

fn main() {
    plan();
}
