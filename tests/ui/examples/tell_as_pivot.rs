//! A command that nobody answers as the point of no return.
//!
//! says: this step cannot be the pivot
//! says: a pivot is asked until it answers: make it an `act` or an `ask`

use ballet::{Plan, tell};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("release", tell(Purchase::release).pivot()).end()
}

fn main() {
    plan();
}
