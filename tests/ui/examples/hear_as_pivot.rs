//! A signal as the point of no return.
//!
//! says: its trait bounds were not satisfied
//! says: Decides

use ballet::{Plan, hear};
use ui::{Paid, Purchase};

fn plan() -> Plan<Purchase> {
    Plan::begin().step("payment", hear::<Paid>().pivot()).end()
}

fn main() {
    plan();
}
