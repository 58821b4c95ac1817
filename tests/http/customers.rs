//! What customers may do, and what they are told when they may not.

use super::client::{Said, ask};
use super::{Shop, an_ipad, both};
use ballet::clock::rest;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn an_order_is_accepted_and_shipped() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let order = shop.placed("1", "c1").await;
        assert_eq!(shop.end_of(&order).await.at("/status"), "shipped");
        let history = shop.get(&format!("{order}/history")).await.is(200).json();
        let facts: Vec<&Value> =
            history["history"].as_array().unwrap().iter().map(|entry| &entry["fact"]).collect();
        assert_eq!(facts, ["order.created", "order.validated", "order.paid", "order.shipped"]);
        let validated = shop.get(&format!("{order}/validated")).await.is(200);
        assert_eq!(validated.at("/tracking_no"), shop.get(&order).await.at("/tracking_no"));
        shop.close().await;
    }
}

#[tokio::test]
async fn whoever_waits_while_placing_is_told_how_it_ended() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let said = shop.post("/v1/orders?wait=terminal", &an_ipad("c1")).await.is(200);
        assert_eq!(said.at("/status"), "shipped");
        assert!(said.header("location").unwrap().ends_with(&said.at("/order_id")));
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_is_taken_back_with_all_reasons() {
    for example in both() {
        let shop = Shop::open(&example).await;
        shop.turn("provider", &json!({"decline": ["c1"], "lose_answers": 1})).await;
        let declined = shop.placed("1", "c1").await;
        let mut wrong = an_ipad("c2");
        wrong["lines"][0]["qty"] = json!(2_000);
        let wrong = shop.post("/v1/orders", &wrong).await.is(202);
        let wrong = wrong.header("location").unwrap().to_owned();
        let ended = shop.end_of(&declined).await;
        let told = (ended.at("/status"), ended.at("/ending/reason"));
        assert_eq!(told, ("cancelled".to_owned(), "declined".to_owned()));
        let ended = shop.end_of(&wrong).await;
        assert_eq!(ended.at("/status"), "invalid");
        let failed = ended.at("/ending/failed_checks");
        for reason in ["qty_out_of_range: 2000 ipad", "total_mismatch", "out_of_stock: ipad"] {
            assert!(failed.contains(reason), "{reason} is not among {failed}");
        }
        shop.close().await;
    }
}

fn no(said: &Said) -> [String; 3] {
    ["/error", "/field", "/reason"].map(|place| said.at(place))
}

#[tokio::test]
async fn what_is_no_order_is_refused_with_field_and_reason() {
    let shop = Shop::open(&both()[0]).await;
    let fine = an_ipad("c1").to_string();
    for (from, to, field, reason) in [
        ("{", "", "", "is not JSON"),
        ("\"customer_id\":\"c1\",", "", "customer_id", "is missing"),
        ("\"c1\"", "1", "customer_id", "must be text"),
        ("\"qty\":1", "\"qty\":1.5", "lines[0].qty", "must be a whole number"),
        ("\"USD\"", "\"USD\",\"status\":\"paid\"", "status", "is not a field of it"),
    ] {
        let body = fine.replacen(from, to, 1);
        let said = ask(shop.at, "POST", "/v1/orders", None, &body).await.is(422);
        assert_eq!(no(&said), ["not_an_order", field, reason]);
    }
    let said = ask(shop.at, "POST", "/v1/orders", Some(""), &fine).await.is(422);
    assert_eq!(no(&said)[..2], ["bad_key", "Idempotency-Key"]);
    let said = shop.get("/v1/orders/1?timeout=soon").await.is(422);
    assert_eq!(no(&said), ["bad_query", "timeout", "must be a number from 0 to 60000"]);
    let said = shop.post("/v1/orders?wait=forever", &an_ipad("c1")).await.is(422);
    assert_eq!(no(&said)[..2], ["bad_query", "wait"]);
    assert!(shop.get("/metrics").await.text.contains("shop_orders_accepted_total 0\n"));
    assert!(shop.get("/metrics").await.text.contains("{error=\"not_an_order\"} 5\n"));
    shop.close().await;
}

#[tokio::test]
async fn what_is_too_large_or_nowhere_is_refused() {
    let shop = Shop::open(&both()[1]).await;
    let mut large = an_ipad("c1");
    large["customer_id"] = json!("c".repeat(64 * 1024));
    assert_eq!(no(&shop.post("/v1/orders", &large).await.is(413))[0], "too_large");
    for nowhere in ["/v1/orders/1", "/v1/orders/1/validated", "/v1/orders/1/history", "/else"] {
        assert_eq!(no(&shop.get(nowhere).await.is(404))[0], "not_found");
    }
    shop.post("/v1/orders/1/cancel", &json!({})).await.is(404);
    assert_eq!(no(&shop.get("/v1/orders").await.is(405))[0], "method_not_allowed");
    shop.close().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_order() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let order = shop.placed("k", "c1").await;
        assert_eq!(shop.placed("k", "c1").await, order);
        shop.end_of(&order).await;
        assert_eq!(shop.placed("k", "c1").await, order);
        let said = shop.order("k", "c2").await.is(422);
        assert_eq!(no(&said), ["key_reused", "Idempotency-Key", "was used with another body"]);
        assert_ne!(shop.placed("l", "c2").await, order);
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_is_cancelled_unless_it_is_too_late() {
    for example in both() {
        let shop = Shop::open(&example).await;
        shop.turn("services/fraud", &json!({"wire": "down"})).await;
        let early = shop.placed("early", "c1").await;
        shop.get(&early).await.is(200);
        // Whoever was asked something answers first; the customer waits for it.
        let (cancel, nothing, up) = (format!("{early}/cancel"), json!({}), json!({"wire": "up"}));
        let called_back = async {
            rest(Duration::from_millis(200)).await;
            shop.turn("services/fraud", &up).await;
        };
        let (said, ()) = tokio::join!(shop.post(&cancel, &nothing), called_back);
        assert_eq!(said.is(200).at("/ending/reason"), "customer_cancelled");

        let late = shop.placed("late", "c2").await;
        shop.end_of(&late).await;
        let said = shop.post(&format!("{late}/cancel"), &json!({})).await.is(409);
        assert_eq!(no(&said), ["too_late", "status", "it is shipped"]);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_cancel_that_is_not_decided_in_time_is_pending() {
    for example in both() {
        let shop = Shop::open(&example).await;
        shop.turn("provider", &json!({"wire": "slow"})).await;
        let order = shop.placed("1", "c1").await;
        assert_eq!(shop.get(&format!("{order}/validated")).await.is(200).at("/status"), "valid");
        shop.get(&format!("{order}?wait=terminal&timeout=100")).await.is(504);
        let cancel = format!("{order}/cancel?timeout=300");
        let said = shop.post(&cancel, &json!({})).await.is(202);
        assert_eq!(said.at("/status"), "pending_cancel");
        shop.turn("provider", &json!({"wire": "up"})).await;
        assert_eq!(shop.end_of(&order).await.at("/status"), "cancelled");
        shop.post(&cancel, &json!({})).await.is(200);
        shop.close().await;
    }
}

#[tokio::test]
async fn what_was_accepted_is_never_unknown() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let one = async |number: usize| {
            let customer = format!("c{}", number % 20 + 1);
            let order = shop.placed(&format!("k{number}"), &customer).await;
            shop.get(&order).await.is(200);
        };
        let all = (0..60).map(one);
        futures_of(all).await;
        shop.close().await;
    }
}

/// Runs them all at once.
async fn futures_of<F: Future<Output = ()>>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn at_the_bound_nobody_new_is_let_in() {
    for example in both() {
        let shop = Shop::bounded(&example, 2).await;
        shop.turn("provider", &json!({"wire": "slow"})).await;
        let orders = [shop.placed("1", "c1").await, shop.placed("2", "c2").await];
        let said = shop.order("3", "c3").await.is(503);
        assert_eq!(said.header("retry-after"), Some("1"));
        assert_eq!(no(&said)[0], "busy");
        assert_eq!(shop.placed("1", "c1").await, orders[0]);
        shop.turn("provider", &json!({"wire": "up"})).await;
        for order in &orders {
            assert_eq!(shop.end_of(order).await.at("/status"), "shipped");
        }
        let mut said = shop.order("3", "c3").await;
        while said.status == 503 {
            said = shop.order("3", "c3").await;
        }
        said.is(202);
        shop.close().await;
    }
}

#[tokio::test]
async fn what_an_earlier_life_has_let_in_takes_room_from_the_first_moment() {
    for example in both() {
        let shop = Shop::bounded(&example, 2).await;
        shop.turn("provider", &json!({"wire": "down"})).await;
        for (key, customer) in [("1", "c1"), ("2", "c2")] {
            let order = shop.placed(key, customer).await;
            shop.get(&order).await.is(200);
        }
        let shop = shop.again(&example, 2).await;
        assert_eq!(no(&shop.order("3", "c3").await.is(503))[0], "busy");
        shop.placed("1", "c1").await;
        shop.close().await;
    }
}
