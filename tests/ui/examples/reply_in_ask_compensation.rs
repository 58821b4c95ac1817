//! The compensation of an asked step that takes its reply, which perhaps never came.
//!
//! says: nothing before this step makes `StockHeld`
//! says: the compensation of an ASKED step takes its own reply only as `&Made<StockHeld>`

use ballet::{Plan, ask};
use ui::{Purchase, ReleaseStock, StockHeld};

fn release(held: &StockHeld) -> ReleaseStock {
    ReleaseStock { order_id: held.hold.clone() }
}

fn plan() -> Plan<Purchase> {
    Plan::begin().step("reserve", ask(Purchase::reserve).compensate(release)).end()
}

fn main() {
    plan();
}
