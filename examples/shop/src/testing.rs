//! What the tests of this crate share.

use crate::contracts::{Line, Order, Status};
use ballet::clock::Time;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One iPad for customer `c7`, as it should be.
pub(crate) fn order() -> Order {
    let created_at = Time::from_micros(0);
    Order {
        order_id: "1".to_owned(),
        customer_id: "c7".to_owned(),
        lines: vec![line("ipad", 1, 109_900)],
        total_minor: 109_900,
        currency: "USD".to_owned(),
        status: Status::Created,
        required_checks: ["details", "fraud", "inventory"].map(str::to_owned).into(),
        version: 1,
        created_at,
        deadline_at: created_at.after(Duration::from_secs(600)),
    }
}

pub(crate) fn line(sku: &str, qty: i64, unit_price_minor: i64) -> Line {
    Line { sku: sku.to_owned(), qty, unit_price_minor }
}

/// What a future comes to that has nothing to wait for; `None` if it waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
