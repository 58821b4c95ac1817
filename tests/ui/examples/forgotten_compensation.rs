//! A step before the pivot that does not say how it is taken back.
//!
//! says: this step may not stand here
//! says: before the pivot: add `.compensate(..)`, `.leaves_nothing()` or `.pivot()`

use ballet::{Plan, ask};
use ui::Purchase;

fn plan() -> Plan<Purchase> {
    Plan::begin().step("reserve", ask(Purchase::reserve)).end()
}

fn main() {
    plan();
}
