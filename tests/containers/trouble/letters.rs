//! Dead letters: what could not be handled is listed, and takes effect once when it can be.

use super::{everybody, ipad};
use containers::shop::{Part, Said, Shop};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use std::time::Duration;

/// Writes a record as any program may.
async fn write(shop: &Shop, topic: &str, key: &str, headers: &[(&str, &str)], body: &str) {
    let stranger: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", shop.kafka().bootstrap()).create().unwrap();
    let mut owned = OwnedHeaders::new();
    for (key, value) in headers.iter().copied() {
        owned = owned.insert(Header { key, value: Some(value) });
    }
    let partition = i32::try_from(ballet::Key::new(key).partition(2)).unwrap();
    let record = FutureRecord::to(topic).key(key).payload(body).partition(partition).headers(owned);
    stranger.send(record, Duration::from_secs(10)).await.unwrap();
}

fn letters(said: &Said) -> Vec<Value> {
    said.json()["dead_letters"].as_array().unwrap().clone()
}

/// The letter of a group whose reason has this in it.
async fn letter(part: &Part, group: &str, reason: &str) -> Value {
    let is_it = |letter: &Value| {
        letter["group"] == group && letter["reason"].as_str().unwrap().contains(reason)
    };
    let there = |said: &Said| letters(said).iter().any(is_it);
    let said = part.until("/dead-letters", there).await;
    letters(&said).into_iter().find(is_it).unwrap()
}

async fn replay(part: &Part, letter: &Value) -> u16 {
    let path = format!("/dead-letters/{}/replay", letter["id"].as_str().unwrap());
    part.ask("POST", &path, "").await.status
}

/// How often a fact is in the history of an order.
async fn times(part: &Part, order: &str, fact: &str) -> usize {
    let said = part.get(&format!("/v1/orders/{order}/history")).await;
    said.text.matches(&format!("\"{fact}\"")).count()
}

async fn a_letter_that_can_be_understood_later(example: &'static str) {
    let shop = Shop::of(example).await;
    let part = shop.start(&everybody(example)).await;
    part.ready().await;
    // The greeting tells the number of the order that key `1` makes.
    let line = part.process.says("ORDER=http").await;
    let order = line.split("/v1/orders/").nth(1).unwrap();
    let order = order.split_whitespace().next().unwrap().to_owned();

    // Garbage is a letter for each who reads it, and hears of nothing but itself.
    write(&shop, "shop.reservations.v1", "k", &[], "\u{1}garbage").await;
    let garbage = letter(&part, "orders", "this is not a message").await;
    assert_eq!(replay(&part, &garbage).await, 202);

    // It is said of an order that is not there yet.
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "late-1"),
        ("ce_source", "/elsewhere"),
        ("ce_type", "reservation.expired"),
        ("ce_correlation", &*order),
    ];
    let body = format!(r#"{{"order_id":"{order}","expires_at":1700000000000000}}"#);
    write(&shop, "shop.reservations.v1", &order, &headers, &body).await;
    let down = part.ask("PUT", "/dials/carrier", r#"{"wire":"down"}"#).await;
    assert_eq!(down.status, 200, "{down:?}");
    let early = letter(&part, "orders", "there is no order").await;
    letter(&part, "orders", "this is not a message").await;

    let place = part.try_ask("POST", "/v1/orders", &[("Idempotency-Key", "1")], &ipad("c1")).await;
    assert_eq!(place.unwrap().status, 202);
    let known = format!("/v1/orders/{order}");
    part.until(&known, |said| said.status == 200).await;
    assert_eq!(replay(&part, &early).await, 202);
    let gone = |said: &Said| letters(said).iter().all(|letter| letter["id"] != early["id"]);
    part.until("/dead-letters", gone).await;
    assert_eq!(replay(&part, &early).await, 404, "it is no letter any more");
    let up = part.ask("PUT", "/dials/carrier", r#"{"wire":"up"}"#).await;
    assert_eq!(up.status, 200);
    let said = part.get(&format!("{known}?wait=terminal&timeout=60000")).await;
    assert_eq!(said.status, 200, "{said:?}");
    let wishes = times(&part, &order, "order.cancel_requested").await;
    let ends = times(&part, &order, "order.cancelled").await;
    assert!(
        wishes <= 1 && wishes + ends >= 1,
        "{}",
        part.get(&format!("{known}/history")).await.text
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_can_be_understood_later_takes_effect_once_with_a_coordinator() {
    a_letter_that_can_be_understood_later("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_can_be_understood_later_takes_effect_once_by_reactions() {
    a_letter_that_can_be_understood_later("choreographed").await;
}
