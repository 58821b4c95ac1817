//! A step that takes for certain what a step with `.when` makes only sometimes.
//!
//! says: nothing before this step makes `StockHeld`
//! says: what a `.when(..)` step made is `&Option<StockHeld>`

use ballet::{Plan, act, ask};
use ui::{Order, Purchase};

fn is_large(order: &Order) -> bool {
    order.order_id.len() > 3
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release).when(is_large))
        .step("pay", act(Purchase::pay).pivot())
        .end()
}

fn main() {
    plan();
}
