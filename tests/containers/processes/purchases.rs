//! Purchases that go from process to process.

use containers::books::{self, Office};
use containers::history;
use containers::servers;
use containers::shop::{Part, Said, Shop};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

fn of<'p>(parts: &'p [Part], service: &str) -> &'p Part {
    parts.iter().find(|part| part.service == service).unwrap()
}

/// Places an order, and gives its address.
async fn buy(parts: &[Part], customer: &str) -> String {
    let body = json!({
        "customer_id": customer,
        "total_minor": 109_900,
        "currency": "USD",
        "lines": [{"sku": "ipad", "qty": 1, "unit_price_minor": 109_900}],
    });
    let said = of(parts, "orders").ask("POST", "/v1/orders", &body.to_string()).await;
    assert_eq!(said.status, 202, "{said:?}");
    format!("/v1/orders/{}", said.json()["order_id"].as_str().unwrap())
}

async fn end_of(parts: &[Part], order: &str) -> String {
    let path = format!("{order}?wait=terminal&timeout=60000");
    let said = of(parts, "orders").get(&path).await;
    assert_eq!(said.status, 200, "{said:?}");
    said.json()["status"].as_str().unwrap().to_owned()
}

/// Every service is a process, over servers that others use, too.
async fn a_split_shop(shop: Shop, keeps_runs: &str) {
    shop.watched().await;
    let mut parts = shop.all().await;
    let declining = json!({"decline": ["c2"]}).to_string();
    let turned = of(&parts, "payments").ask("PUT", "/dials/provider", &declining).await;
    assert_eq!(turned.status, 200, "{turned:?}");

    let (bought, declined) = (buy(&parts, "c1").await, buy(&parts, "c2").await);
    assert_eq!(end_of(&parts, &bought).await, "shipped");
    assert_eq!(end_of(&parts, &declined).await, "cancelled");

    let run = bought.replace("/v1/orders/", "/runs/");
    of(&parts, keeps_runs).until(&run, |said| said.status == 200).await;
    let listed = |said: &Said| said.json()["runs"].as_array().is_some_and(|runs| runs.len() == 2);
    of(&parts, keeps_runs).until("/runs", listed).await;
    for (service, path, missing) in [
        ("orders", run.as_str(), keeps_runs),
        ("inventory", bought.as_str(), "orders"),
        ("inventory", "/alerts", "alerts"),
    ] {
        let said = of(&parts, service).get(path).await;
        let named = format!("this process does not serve `{missing}`");
        assert!(said.status == 404 && said.text.contains(&named), "{said:?}");
    }
    for part in &parts {
        for path in ["/health", "/ready", "/metrics", "/dead-letters"] {
            let said = part.get(path).await;
            assert_eq!(said.status, 200, "{} {path}: {said:?}", part.service);
        }
        let said = part.process.said();
        assert!(said.contains("{service}:***@") && !said.contains("secret"), "{said}");
    }
    assert_eq!(books::breaches(&shop, 0).await, [""; 0]);
    for part in &mut parts {
        let ended = part.process.end().await;
        assert_eq!(ended.code(), Some(0), "{}: {}", part.service, part.process.said());
    }
    what_is_not_as_it_was_is_found(&shop).await;
}

/// What is changed in the tables, behind everybody's back, and by whom it is found.
const CHANGES: [(&str, &str); 3] = [
    ("UPDATE inventory.lanes SET batch = batch + 2 WHERE batch > 0", "fencing: inventory/"),
    ("UPDATE inventory.edges SET seq = seq + 1 WHERE way = 'sent'", "lost: inventory/"),
    (
        "UPDATE inventory.lanes SET batch = batch + 1 WHERE batch > 0;
         UPDATE inventory.barriers SET value = '{\"void\":{\"made\":false}}'",
        "barrier: ",
    ),
];

/// The checkers find nothing in a shop that is closed, and then whatever is changed in its tables.
async fn what_is_not_as_it_was_is_found(shop: &Shop) {
    let (office, log) = (Office::of(shop).await, books::log(shop).await);
    let books = office.books_of(shop, books::expected(0), &log).await;
    let whole = history::read(shop, &office, books.clone(), &log).await;
    assert_eq!(checkers::check(&whole), [""; 0]);
    assert!(!whole.commits.is_empty() && !whole.lanes.is_empty() && !whole.partitions.is_empty());

    let mut db = PgConnection::connect(&shop.database().superuser_url()).await.unwrap();
    for (changed, _) in CHANGES {
        // Several statements are one transaction.
        db.execute(sqlx::raw_sql(changed)).await.unwrap();
    }
    let found = checkers::check(&history::read(shop, &office, books, &log).await);
    for (changed, by) in CHANGES {
        assert!(found.iter().any(|told| told.starts_with(by)), "{changed}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_with_a_coordinator_goes_through_twelve_processes_that_end_in_order() {
    a_split_shop(Shop::of("orchestrated").await, "purchase").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_with_a_coordinator_needs_nothing_but_a_postgres() {
    let shop = Shop::without_kafka("orchestrated", servers::postgres().await).await;
    a_split_shop(shop, "purchase").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_by_reactions_goes_through_twelve_processes_that_end_in_order() {
    a_split_shop(Shop::of("choreographed").await, "timeline").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_by_reactions_needs_nothing_but_a_postgres() {
    let shop = Shop::without_kafka("choreographed", servers::postgres().await).await;
    a_split_shop(shop, "timeline").await;
}
