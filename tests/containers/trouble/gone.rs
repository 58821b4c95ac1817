//! Servers that are not there: at the start, and in the middle.

use super::{buy, end_of, everybody, ipad, is_decent};
use containers::proxy::Proxy;
use containers::servers::{self, Kafka};
use containers::shop::{Part, Shop, store};
use std::sync::Arc;

/// Waits until `/health` says this, and `/ready` no.
async fn in_trouble(part: &Part, told: &str) {
    part.until("/health", |said| said.status == 503 && said.text.contains(told)).await;
    part.until("/ready", |said| said.status == 503).await;
}

async fn is_well(part: &Part) {
    part.ready().await;
    part.until("/health", |said| said.status == 200).await;
}

async fn servers_that_come_and_go(example: &'static str) {
    let postgres = servers::postgres().await;
    let (line, kafka) = (Proxy::before(postgres.address()).await, Kafka::with_doors(1).await);
    let shop = Shop::on(example, postgres, Arc::new(kafka)).await;
    let door = shop.kafka().door(0);
    let at = postgres.address().to_string();
    let store = store(shop.database()).replace(&at, &line.address().to_string());
    let broker = format!("kafka://{}", door.address());
    let all = everybody(example);

    // Neither is there when it starts.
    line.cut().await;
    door.cut().await;
    let process = shop.begin_with(&all, &[("SHOP_STORE", &store), ("SHOP_BROKER", &broker)]);
    process.says("no Kafka answers at").await;
    door.open().await;
    process.says("cannot be reached: start it, or name another").await;
    line.open().await;
    let mut part = Part::of(&all, process).await;
    is_well(&part).await;

    // Kafka goes: what is ordered is written down, and goes on when it is back.
    door.cut().await;
    in_trouble(&part, "no Kafka answers at").await;
    let order = buy(&part, "c1").await;
    part.process.says("Kafka is away; reading goes on when it is back").await;
    door.open().await;
    assert_eq!(end_of(&part, &order).await, "shipped");
    is_well(&part).await;

    // Postgres goes: nothing is taken, and whoever asks is told so.
    line.cut().await;
    let said = part.ask("POST", "/v1/orders", &ipad("c2")).await;
    let reasons = ["cannot be reached: start it", "the connection to the database is gone"];
    assert!(said.status == 503 && reasons.iter().any(|why| said.text.contains(why)), "{said:?}");
    in_trouble(&part, "").await;
    line.open().await;
    is_well(&part).await;
    let order = buy(&part, "c2").await;
    assert_eq!(end_of(&part, &order).await, "shipped");

    assert_eq!(part.process.end().await.code(), Some(0));
    let said = part.process.heard().await;
    is_decent(&said);
    let complaints = said.lines().filter(|line| line.starts_with(&format!("{example}: "))).count();
    assert!(complaints < 60, "{complaints} lines:\n{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_come_and_go_are_waited_for_and_told_of_with_a_coordinator() {
    servers_that_come_and_go("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_come_and_go_are_waited_for_and_told_of_by_reactions() {
    servers_that_come_and_go("choreographed").await;
}
