//! A signal as the point of no return.
//!
//! says: this step cannot be the pivot
//! says: a pivot is asked until it answers: make it an `act` or an `ask`

use ballet::{Plan, hear};
use ui::{Paid, Purchase};

fn plan() -> Plan<Purchase> {
    Plan::begin().step("payment", hear::<Paid>().pivot()).end()
}

fn main() {
    plan();
}
