//! A plan without a mistake.

use ballet::{Plan, Why, act, ask};
use ui::{Order, Purchase, ReleaseStock};

fn close(order: &Order, _why: &Why) -> ReleaseStock {
    ReleaseStock { order_id: order.order_id.clone() }
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .compensate(close)
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).pivot())
        .step("ship", act(Purchase::ship))
        .end()
}

fn main() {
    plan();
}
