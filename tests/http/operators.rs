//! What operators see, and how they help.

use super::client::{Said, ask};
use super::process::Served;
use super::{Folder, Shop, an_ipad, both};
use ballet::clock::rest;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Serialize, Deserialize)]
struct Odd {}

ballet::service! {
    /// What Orders may be asked by somebody who is mistaken.
    ODD = "orders" { Odd = "order.odd" -> () }
}

#[tokio::test]
async fn a_dead_letter_is_shown_and_replayed() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let asked = shop.desk.ask("odd", ODD, &Odd {}, Duration::ZERO).await;
        assert!(matches!(asked, Ok(None)));
        let is_there = |said: &Said| !said.json()["dead_letters"][0].is_null();
        let letters = shop.until("/dead-letters", is_there).await.json();
        let letter = &letters["dead_letters"][0];
        assert_eq!(letter["group"], "orders");
        assert!(letter["reason"].as_str().unwrap().contains("does not answer `order.odd`"));
        let id = letter["id"].as_str().unwrap();
        shop.post(&format!("/dead-letters/{id}/replay"), &json!({})).await.is(202);
        shop.post("/dead-letters/1/replay", &json!({})).await.is(404);
        shop.close().await;
    }
}

#[tokio::test]
async fn runs_are_listed_and_told() {
    for (example, status) in both().into_iter().zip(["completed", "shipped"]) {
        let shop = Shop::open(&example).await;
        let order = shop.placed("1", "c1").await;
        shop.end_of(&order).await;
        let id = order.rsplit('/').next().unwrap();
        // The run ends a moment after the order.
        let is_there = |said: &Said| !said.json()["runs"][0].is_null();
        let runs = shop.until(&format!("/runs?status={status}"), is_there).await.json();
        assert_eq!(runs["runs"][0]["run"], id);
        let timeline = shop.get(&format!("/runs/{id}")).await.is(200).at("/timeline");
        let last = if example.runs.is_some() { "completed" } else { "order.shipped" };
        assert!(timeline.contains(last), "{timeline}");
        shop.get("/runs/nobody").await.is(404);
        let odd = shop.get("/runs?status=odd").await.is(422);
        assert_eq!(odd.at("/field"), "status");
        let known = odd.at("/reason");
        let known = known.strip_prefix("must be one of ").expect("it says what may be asked for");
        for word in known.split(", ") {
            shop.get(&format!("/runs?status={word}")).await.is(200);
        }
        shop.close().await;
    }
}

/// Where nobody coordinates, the whole of a purchase is nowhere but in what was said about it.
#[tokio::test]
async fn the_timeline_of_an_order_tells_what_every_service_has_said_of_it() {
    let shop = Shop::open(&both()[1]).await;
    let order = shop.placed("1", "c1").await;
    let other = shop.placed("2", "c2").await;
    shop.end_of(&order).await;
    shop.end_of(&other).await;
    let run = format!("/runs/{}", order.rsplit('/').next().unwrap());
    let is_told = |said: &Said| said.text.contains("notification.sent");
    let said = shop.until(&run, is_told).await.json();
    let facts = said["facts"].as_array().unwrap();
    let names: Vec<&str> = facts.iter().map(|fact| fact["fact"].as_str().unwrap()).collect();
    for (fact, by, times) in [
        ("order.created", "orders", 1),
        ("order.checked", "details", 1),
        ("order.checked", "fraud", 1),
        ("stock.reserved", "inventory", 1),
        ("payment.authorized", "payments", 1),
        ("shipment.prepared", "shipping", 1),
        ("payment.captured", "payments", 1),
        ("stock.committed", "inventory", 1),
        ("shipment.dispatched", "shipping", 1),
        ("order.shipped", "orders", 1),
        ("notification.sent", "notification", 1),
    ] {
        let is_it = |told: &&serde_json::Value| told["fact"] == fact && told["by"] == by;
        assert_eq!(facts.iter().filter(is_it).count(), times, "{fact} by {by}: {said:#}");
    }
    let at = |name| names.iter().position(|fact| *fact == name);
    assert!(at("order.created") < at("stock.reserved"), "{names:?}");
    assert!(at("payment.captured") < at("order.shipped"), "{names:?}");
    let lines = said["timeline"].as_array().unwrap();
    assert_eq!(lines.len(), facts.len());
    let shipped = lines.iter().find(|line| line.as_str().unwrap().contains("order.shipped"));
    assert!(shipped.unwrap().as_str().unwrap().ends_with("upon shipment.dispatched"), "{said:#}");
    shop.close().await;
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_no_more_than_asked_for() {
    for (example, status) in both().into_iter().zip(["completed", "shipped"]) {
        let shop = Shop::open(&example).await;
        let mut ids = Vec::new();
        for (key, customer) in [("1", "c1"), ("2", "c2"), ("3", "c3")] {
            let order = shop.placed(key, customer).await;
            shop.end_of(&order).await;
            ids.insert(0, order.rsplit('/').next().unwrap().to_owned());
        }
        let listed = async |query: &str, wanted: usize| {
            let is_there = |said: &Said| said.json()["runs"].as_array().unwrap().len() == wanted;
            let said = shop.until(&format!("/runs?{query}"), is_there).await.json();
            let runs = said["runs"].as_array().unwrap().clone();
            runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(listed(&format!("status={status}"), 3).await, ids);
        assert_eq!(listed(&format!("status={status}&limit=2"), 2).await, ids[..2]);
        assert_eq!(listed("limit=1", 1).await, ids[..1]);
        let none = if example.runs.is_some() { "compensated" } else { "cancelled" };
        assert_eq!(listed(&format!("status={none}"), 0).await, [""; 0]);
        shop.close().await;
    }
}

#[tokio::test]
async fn what_an_operator_does_to_a_run_is_told_in_its_timeline() {
    let [example, without_runs] = both();
    let shop = Shop::open(&example).await;
    shop.turn("provider", &json!({"wire": "slow"})).await;
    let order = shop.placed("1", "c1").await;
    shop.get(&format!("{order}/validated")).await.is(200);
    let run = format!("/runs/{}", order.rsplit('/').next().unwrap());
    let retry = format!("{run}/retry");
    let why = json!({"step": "authorize", "by": "eva", "reason": "it hangs"});
    shop.post(&retry, &why).await.is(202);
    assert_eq!(shop.post(&retry, &json!({"step": "odd"})).await.is(422).at("/field"), "step");
    assert_eq!(shop.post(&retry, &json!({})).await.is(422).at("/field"), "step");
    shop.post(&format!("{run}/odd"), &json!({})).await.is(404);
    let is_told = |said: &Said| said.at("/timeline").contains("retry by eva: it hangs");
    shop.until(&run, is_told).await;
    shop.turn("provider", &json!({"wire": "up"})).await;
    assert_eq!(shop.end_of(&order).await.at("/status"), "shipped");
    shop.close().await;

    let shop = Shop::open(&without_runs).await;
    let said = shop.post("/runs/1/retry", &json!({})).await.is(404);
    assert_eq!(said.at("/error"), "no_runs");
    shop.close().await;
}

/// The carrier took the parcel and nobody will ever hear of it; a person has telephoned.
#[tokio::test]
async fn an_operator_says_that_a_step_was_done_and_what_it_made() {
    let shop = Shop::open(&both()[0]).await;
    shop.turn("carrier", &json!({"wire": "down"})).await;
    let order = shop.placed("1", "c1").await;
    let run = format!("/runs/{}", order.rsplit('/').next().unwrap());
    shop.until(&order, |said| said.status == 200 && said.at("/status") == "paid").await;
    let force = format!("{run}/force");
    let why = |made| json!({"step": "dispatch", "by": "eva", "reason": "by phone", "made": made});
    let said = shop.post(&force, &json!({"step": "dispatch"})).await.is(422);
    assert_eq!((said.at("/error"), said.at("/field")), ("bad_made".into(), "made".into()));
    let said = shop.post(&force, &why(json!({"parcel": 7}))).await.is(422);
    assert_eq!(said.at("/field"), "made", "{}", said.text);
    assert!(said.at("/reason").contains("tracking_no"), "{}", said.text);
    shop.post(&format!("{run}/retry"), &why(json!({}))).await.is(422);
    shop.post(&force, &why(json!({"tracking_no": "by-hand"}))).await.is(202);
    let ended = shop.end_of(&order).await;
    assert_eq!(
        (ended.at("/status"), ended.at("/tracking_no")),
        ("shipped".into(), "by-hand".into())
    );
    let timeline = shop.get(&run).await.is(200).at("/timeline");
    assert!(timeline.contains("force by eva: by phone"), "{timeline}");
    shop.close().await;
}

#[tokio::test]
async fn an_operator_cancels_a_run() {
    let shop = Shop::open(&both()[0]).await;
    shop.turn("services/fraud", &json!({"wire": "down"})).await;
    let order = shop.placed("1", "c1").await;
    shop.get(&order).await.is(200);
    let run = format!("/runs/{}", order.rsplit('/').next().unwrap());
    shop.until(&run, |said| said.status == 200).await;
    let why = json!({"by": "eva", "reason": "a test"});
    shop.post(&format!("{run}/cancel"), &why).await.is(202);
    shop.turn("services/fraud", &json!({"wire": "up"})).await;
    assert_eq!(shop.end_of(&order).await.at("/status"), "cancelled");
    let timeline = shop.get(&run).await.is(200).at("/timeline");
    assert!(timeline.contains("cancelled by eva: a test"), "{timeline}");
    shop.close().await;
}

#[tokio::test]
async fn a_service_that_is_sent_away_is_waited_for() {
    for example in both() {
        let shop = Shop::open(&example).await;
        shop.until("/ready", |said| said.status == 200).await;
        shop.turn("services/fraud", &json!({"wire": "down"})).await;
        shop.get("/ready").await.is(503);
        let order = shop.placed("1", "c1").await;
        shop.get(&format!("{order}/validated?timeout=200")).await.is(504);
        shop.turn("services/fraud", &json!({"wire": "up"})).await;
        assert_eq!(shop.end_of(&order).await.at("/status"), "shipped");
        shop.get("/health").await.is(200);
        shop.close().await;
    }
}

/// G12: a whole type of saga is paused, and goes on. Nothing that is accepted meanwhile is lost (G10).
#[tokio::test]
async fn a_saga_whose_coordinator_is_sent_away_is_paused() {
    let shop = Shop::open(&both()[0]).await;
    shop.turn("services/purchase", &json!({"wire": "down"})).await;
    let order = shop.placed("1", "c1").await;
    shop.get(&order).await.is(200);
    let run = format!("/runs/{}", order.rsplit('/').next().unwrap());
    shop.get(&format!("{order}/validated?timeout=300")).await.is(504);
    shop.get(&run).await.is(404);
    shop.turn("services/purchase", &json!({"wire": "up"})).await;
    assert_eq!(shop.end_of(&order).await.at("/status"), "shipped");
    shop.get(&run).await.is(200);
    shop.close().await;
}

#[tokio::test]
async fn a_check_is_required_from_now_on() {
    for example in both() {
        let shop = Shop::open(&example).await;
        shop.turn("rules/limit", &json!({"mode": "gating", "enabled": true})).await;
        let order = shop.placed("1", "c1").await;
        assert!(shop.end_of(&order).await.at("/required_checks").contains("limit"));
        shop.close().await;
    }
}

/// Looks at the alerts until there is one, and it has settled or not.
async fn an_alert(served: &Served, is_settled: bool) -> Said {
    for _ in 0..600 {
        let said = ask(served.at, "GET", "/alerts", None, "").await.is(200);
        let alert = &said.json()["alerts"][0];
        if !alert.is_null() && alert["settled_at"].is_null() != is_settled {
            return said;
        }
        rest(Duration::from_millis(50)).await;
    }
    panic!("no alert is settled: {is_settled}")
}

#[tokio::test]
async fn an_order_that_is_overdue_is_among_the_alerts_until_it_ends() {
    let settings = [
        ("SHOP_VALIDATION_WAIT_MS", "2000"),
        ("SHOP_PAYMENT_WAIT_MS", "4000"),
        ("SHOP_CUSTOMER_WAIT_MS", "1000"),
    ];
    for example in both() {
        let folder = Folder::new();
        let served = Served::with(example.name, &folder.store(), &settings);
        let said = ask(served.at, "GET", "/alerts", None, "").await.is(200);
        assert_eq!(said.json()["alerts"], json!([]));
        assert_eq!(ask(served.at, "GET", "/alerts?limit=x", None, "").await.status, 422);
        // With the money taken there is no way back, and without a carrier none forward.
        let turn = async |wire| {
            let body = json!({"wire": wire}).to_string();
            ask(served.at, "PUT", "/dials/carrier", None, &body).await.is(200);
        };
        turn("down").await;
        let order = ask(served.at, "POST", "/v1/orders", None, &an_ipad("c1").to_string()).await;
        let order = order.is(202).header("location").unwrap().to_owned();
        let alert = an_alert(&served, false).await;
        turn("up").await;
        assert!(order.ends_with(&alert.at("/alerts/0/order_id")), "{order}: {alert:?}");
        assert_eq!(alert.at("/alerts/0/alert"), "order_overdue");
        an_alert(&served, true).await;
    }
}

#[tokio::test]
async fn numbers_are_there_for_whoever_collects_them() {
    for example in both() {
        let shop = Shop::open(&example).await;
        let order = shop.placed("1", "c1").await;
        shop.end_of(&order).await;
        shop.until("/ready", |said| said.status == 200).await;
        let is_quiet = |said: &Said| said.text.contains("shop_orders_in_flight 0\n");
        let page = shop.until("/metrics", is_quiet).await.text;
        for line in [
            "shop_orders_accepted_total 1\n",
            "shop_http_answers_total{status=\"202\"} 1\n",
            "shop_outside_calls_total{to=\"provider\"} 2\n",
            "ballet_lane_well{group=\"orders\",lane=\"1\"} 1\n",
            "ballet_ready 1\n",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        shop.close().await;
    }
}
