//! Bad input and trouble, as whoever runs the processes meets it: one sentence that says what to do, an
//! end with a status where waiting does not help, and coming back by itself where it does.

mod full;
mod gone;
mod letters;
mod ready;
mod rights;
mod starts;
mod tls;

use containers::shop::{Part, services};
use serde_json::json;

/// All services of an example, for one process.
pub(super) fn everybody(example: &str) -> String {
    services(example).join(",")
}

/// An order for an iPad.
fn ipad(customer: &str) -> String {
    let order = json!({
        "customer_id": customer,
        "total_minor": 109_900,
        "currency": "USD",
        "lines": [{"sku": "ipad", "qty": 1, "unit_price_minor": 109_900}],
    });
    order.to_string()
}

/// Places an order, and gives its number.
pub(super) async fn buy(part: &Part, customer: &str) -> String {
    let said = part.ask("POST", "/v1/orders", &ipad(customer)).await;
    assert_eq!(said.status, 202, "{said:?}");
    said.json()["order_id"].as_str().unwrap().to_owned()
}

/// How an order ends.
pub(super) async fn end_of(part: &Part, order: &str) -> String {
    let path = format!("/v1/orders/{order}?wait=terminal&timeout=60000");
    let said = part.get(&path).await;
    assert_eq!(said.status, 200, "{said:?}\n{}", part.process.said());
    said.json()["status"].as_str().unwrap().to_owned()
}

/// What nobody should ever read on a terminal.
fn is_decent(said: &str) {
    for word in ["panicked", "backtrace", "RUST_BACKTRACE", "secret", "sekret"] {
        assert!(!said.contains(word), "`{word}` is said:\n{said}");
    }
}
