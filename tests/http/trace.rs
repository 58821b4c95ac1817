//! What a client hands in and gets back besides its order: the trace that it belongs to, and the position
//! from which it is seen.

use super::client::{Said, ask};
use super::process::Served;
use super::{Folder, Shop, an_ipad, both};
use ballet::Message;
use ballet::message::trace_id;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, Row};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Places an order under a key; another field of the head may stand behind it.
async fn place(at: SocketAddr, key: &str, customer: &str) -> Said {
    ask(at, "POST", "/v1/orders", Some(key), &an_ipad(customer).to_string()).await.is(202)
}

/// The traces of all messages about an order, as the log has them.
async fn traces(file: &Path, order_id: &str) -> (usize, BTreeSet<Option<String>>) {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut db = options.connect().await.unwrap();
    let rows = db.fetch_all("SELECT message FROM log").await.unwrap();
    let messages = rows.iter().map(|row| Message::decode(&row.get::<Vec<u8>, _>(0).into()));
    let envelopes = messages.map(|message| message.unwrap().envelope);
    let about: Vec<_> = envelopes.filter(|said| said.correlation == order_id).collect();
    let traces = about.iter().map(|said| {
        let trace = said.traceparent.as_deref().and_then(trace_id);
        trace.map(str::to_owned)
    });
    (about.len(), traces.collect())
}

/// Places an order with these fields in the head; the traces of its messages, and that of its letter.
async fn traced(shop: &Shop, key: &str, customer: &str) -> (BTreeSet<Option<String>>, String) {
    let said = place(shop.at, key, customer).await;
    let order_id = said.at("/order_id");
    shop.end_of(said.header("location").unwrap()).await;
    let letter_key = format!("{order_id}:shipped");
    let is_posted = |_: &Said| shop.world.mail.sent().contains_key(&letter_key);
    shop.until("/health", is_posted).await;
    let (count, traces) = traces(&shop.file(), &order_id).await;
    assert!(count > 10, "{count} messages");
    let letter = shop.world.mail.sent().remove(&letter_key).unwrap();
    (traces, letter.traceparent.unwrap())
}

#[tokio::test]
async fn the_trace_of_a_request_is_that_of_every_message_and_of_the_letter() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let key = format!("1\r\ntraceparent: {TRACEPARENT}");
        let (traces, letter) = traced(&shop, &key, "c1").await;
        let given = trace_id(TRACEPARENT).map(str::to_owned);
        assert_eq!((traces, &*letter), (BTreeSet::from([given]), TRACEPARENT), "{}", example.name);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_request_without_a_trace_or_with_a_bad_one_begins_its_own() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let mut all = BTreeSet::new();
        for (key, customer) in [("1", "c1"), ("2\r\ntraceparent: 00-odd", "c2")] {
            let (traces, letter) = traced(&shop, key, customer).await;
            let drawn = trace_id(&letter).map(str::to_owned);
            assert!(drawn.is_some(), "{letter}");
            assert_eq!(traces, BTreeSet::from([drawn.clone()]), "{}", example.name);
            all.insert(drawn);
        }
        assert_eq!(all.len(), 2, "each has its own");
        shop.close().await;
    }
}

#[tokio::test]
async fn whoever_looks_with_the_position_of_its_order_sees_it_in_every_life() {
    for example in both() {
        let folder = Folder::new();
        let mut orders: Vec<String> = Vec::new();
        for life in 0..3 {
            let served = Served::start(example.name, &folder.store());
            for order in &orders {
                let said = ask(served.at, "GET", order, None, "").await.is(200);
                assert!(order.contains(&said.at("/order_id")));
            }
            let said = place(served.at, &format!("{life}"), &format!("c{}", life + 1)).await;
            let (location, at) = (said.header("location"), said.header("position"));
            let order = format!("{}?position={}", location.unwrap(), at.unwrap());
            ask(served.at, "GET", &order, None, "").await.is(200);
            orders.push(order);
            // It is killed, as soon as the next has said that it accepts.
            let said = place(served.at, &format!("{life}/b"), "c9").await;
            let (location, at) = (said.header("location"), said.header("position"));
            orders.push(format!("{}?position={}", location.unwrap(), at.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_position_that_is_none_is_refused_and_one_of_another_shop_is_not_reached() {
    let [example, other] = both();
    let (shop, elsewhere) = (Shop::open(&example).await, Shop::open(&other).await);
    let said = shop.get("/v1/orders/1?position=odd").await.is(422);
    assert_eq!((said.at("/error"), said.at("/field")), ("bad_query".into(), "position".into()));
    let said = place(elsewhere.at, "1", "c1").await;
    let (location, at) = (said.header("location").unwrap(), said.header("position").unwrap());
    let order = format!("{location}?position={at}&timeout=100");
    assert_eq!(shop.get(&order).await.is(504).at("/error"), "not_taken_up_yet");
    elsewhere.get(&order).await.is(200);
    // Reached, and still there is no such order.
    elsewhere.get(&format!("/v1/orders/odd?position={at}")).await.is(404);
    shop.close().await;
    elsewhere.close().await;
}
