//! A fact where an order is asked.
//!
//! says: `OrderCreated` is not a command
//! says: `ask` needs a function that makes a command
//! says: declare commands with `service!`

use ballet::{Plan, ask};
use ui::{Order, OrderCreated, Purchase};

fn announce(order: &Order) -> OrderCreated {
    OrderCreated { order_id: order.order_id.clone() }
}

fn plan() -> Plan<Purchase> {
    Plan::begin().step("announce", ask(announce).leaves_nothing()).end()
}

fn main() {
    plan();
}
