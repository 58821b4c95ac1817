//! A4: processes that are told to end, do so in order while people buy: within their deadline, and so that
//! nothing has to be sent or read twice because of it.

use super::crowd::Crowd;
use super::house::{COPY, DRAIN, House, Parts, ready, until};
use ballet::clock::Stopwatch;
use containers::process::Process;
use containers::shop::Part;
use serde_json::json;
use shop::contracts::{INVENTORY, PAYMENTS};
use std::sync::Arc;
use std::time::Duration;

/// What the system may take besides on a machine that is busy.
const BESIDES: Duration = Duration::from_secs(3);

/// How many messages came again to the lanes of a process.
async fn duplicates(part: &Part) -> u64 {
    let page = part.get("/metrics").await.text;
    let lines = page.lines().filter(|line| line.starts_with("ballet_lane_duplicates_total{"));
    let counts: Vec<u64> =
        lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(!counts.is_empty(), "{}: {page}", part.service);
    counts.iter().sum()
}

/// Tells a process to end: it does, within its deadline. How long it took.
async fn ends(process: &mut Process, who: &str) -> Duration {
    let watch = Stopwatch::start();
    let ended = process.end().await;
    assert_eq!(ended.code(), Some(0), "{who}: {}", process.said());
    let took = watch.elapsed();
    assert!(took < DRAIN + BESIDES, "{who} took {took:?}");
    took
}

/// Everybody is told to end, one after the other, and started again; nothing comes twice to anybody.
async fn nothing_comes_twice(house: &Arc<House>, parts: &mut Parts, crowd: &Crowd) {
    let mut longest = Duration::ZERO;
    for service in house.services() {
        crowd.until_in_flight(2).await;
        longest = longest.max(ends(parts.process(service), service).await);
        parts.restart(house, service).await;
        crowd.more(2).await;
        for part in parts.0.values() {
            assert_eq!(duplicates(part).await, 0, "`{}` after `{service}` has ended", part.service);
        }
    }
    println!("{}: the longest end took {longest:?}", house.shop.example());
}

/// Lanes go over to another process of the same service; nothing comes twice to it. It does not wait until the
/// other is missed, which would take longer than any test.
async fn lanes_are_handed_over(house: &Arc<House>, parts: &mut Parts, crowd: &Crowd) {
    let broker = format!("kafka://{}?session-ms=600000", house.shop.kafka().bootstrap());
    let patient = ("SHOP_BROKER", &*broker);
    ends(parts.process(INVENTORY), INVENTORY).await;
    let mut first = house.listening(INVENTORY, &[patient]).await;
    ready(&first).await;
    let copy = house.listening(INVENTORY, &[&COPY[..], &[patient]].concat()).await;
    ready(&copy).await;
    crowd.more(2).await;
    ends(&mut first.process, INVENTORY).await;
    let health = async || copy.get("/health").await.json()["lanes"].as_array().unwrap().len();
    until("it has all lanes", async || health().await == 2).await;
    crowd.more(4).await;
    assert_eq!(duplicates(&copy).await, 0);
    parts.restart(house, INVENTORY).await;
    let mut process = copy.process;
    ends(&mut process, INVENTORY).await;
    crowd.more(2).await;
}

/// Somebody outside does not answer; who waits for them ends in time all the same, and the next one asks
/// again.
async fn who_waits_ends_in_time(house: &Arc<House>, parts: &mut Parts, crowd: &Crowd) {
    let slow = json!({"wire": "slow"}).to_string();
    let turned = parts.of(PAYMENTS).ask("PUT", "/dials/provider", &slow).await;
    assert_eq!(turned.status, 200, "{turned:?}");
    let calls = "ballet_lane_calls{group=\"payments\"";
    let is_calling =
        |page: &str| page.lines().any(|line| line.starts_with(calls) && !line.ends_with(" 0"));
    parts.of(PAYMENTS).until("/metrics", |said| is_calling(&said.text)).await;
    ends(parts.process(PAYMENTS), PAYMENTS).await;
    parts.restart(house, PAYMENTS).await;
    crowd.more(4).await;
}

/// The one before was killed, and has not been missed yet: nobody has its lanes, and whoever comes is not
/// ready before it has them.
async fn who_takes_lanes_over_is_not_ready(house: &Arc<House>, parts: &mut Parts) {
    parts.kill(INVENTORY).await;
    let part = house.listening(INVENTORY, &[]).await;
    let said = part.get("/ready").await;
    assert_eq!(said.status, 503, "{said:?}");
    assert_eq!(said.json()["error"], "not_ready", "{said:?}");
    ready(&part).await;
    parts.0.insert(INVENTORY, part);
}

async fn they_end_in_order(example: &'static str) {
    let house = House::of(example).await;
    let mut parts = house.all().await;
    let crowd = Crowd::gather(&house, 4, Duration::from_millis(50));
    nothing_comes_twice(&house, &mut parts, &crowd).await;
    lanes_are_handed_over(&house, &mut parts, &crowd).await;
    who_waits_ends_in_time(&house, &mut parts, &crowd).await;
    who_takes_lanes_over_is_not_ready(&house, &mut parts).await;
    crowd.go_home().await;
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_processes_of_a_shop_with_a_coordinator_end_in_order() {
    they_end_in_order("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_processes_of_a_shop_without_one_end_in_order() {
    they_end_in_order("choreographed").await;
}
