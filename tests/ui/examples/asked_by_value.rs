//! A function to a command that takes what is known by value.
//!
//! says: this is not a function of borrowed things
//! says: every argument a reference

use ballet::{Plan, ask};
use ui::{Order, Purchase, ReserveStock};

fn reserve(order: Order) -> ReserveStock {
    ReserveStock { order_id: order.order_id }
}

fn plan() -> Plan<Purchase> {
    Plan::begin().step("reserve", ask(reserve).compensate(Purchase::release)).end()
}

fn main() {
    plan();
}
