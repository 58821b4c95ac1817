//! The coordinator: it dies at each step, is away, is two, and freezes; and so do those it asks.

use super::crowd::{Bought, Crowd, Wish, ended, place};
use super::house::{House, Parts, ready, until};
use ballet::clock::Stopwatch;
use containers::process::Process;
use containers::shop::Part;
use shop::contracts::{INVENTORY, PAYMENTS};
use std::sync::Arc;
use std::time::Duration;

const PURCHASE: &str = "purchase";

/// Waits until the newest run is over.
async fn is_over(house: &House) {
    until("the run is over", async || {
        let said = house.try_ask(PURCHASE, ("GET", "/runs?limit=1"), &[], "").await;
        said.is_ok_and(|said| {
            let text = said.text;
            text.contains("\"completed\"") || text.contains("\"compensated\"")
        })
    })
    .await;
}

/// Buys one thing after the other. Each time the coordinator dies at this point one step later than the time
/// before, until it does not die any more. How often it has.
async fn dies_at_each_step(house: &House, parts: &mut Parts, point: &str, wish: Wish) -> usize {
    for spared in 0.. {
        house.doom(PURCHASE, point, spared);
        let key = format!("{point}/{wish:?}/{spared}");
        let bought = place(house, &key, wish, spared).await;
        let lives = async {
            ended(house, &bought).await;
            is_over(house).await;
        };
        let coordinator = parts.process(PURCHASE);
        tokio::select! {
            _ = coordinator.ended() => {}
            () = lives => {}
        }
        if house.spare(PURCHASE) {
            return spared;
        }
        house.has_died(PURCHASE, point, parts.process(PURCHASE)).await;
        parts.restart(house, PURCHASE).await;
        ended(house, &bought).await;
        is_over(house).await;
    }
    unreachable!("a purchase has an end")
}

/// G10: what is bought while the coordinator is away is acknowledged at once, and begins when it is back.
async fn is_away(house: &House, parts: &mut Parts) {
    parts.kill(PURCHASE).await;
    let watch = Stopwatch::start();
    let mut bought = Vec::new();
    for number in 0..10 {
        bought.push(place(house, &format!("away/{number}"), Wish::Good, number).await);
    }
    assert!(watch.elapsed() < Duration::from_secs(10), "{:?}", watch.elapsed());
    for Bought { order, .. } in &bought {
        let path = format!("/v1/orders/{order}?timeout=10000");
        let said = house.try_ask("orders", ("GET", &path), &[], "").await.unwrap();
        assert_eq!(said.json()["status"], "created", "{said:?}");
    }
    parts.restart(house, PURCHASE).await;
    all_end(house, &bought).await;
}

/// G8: killed with replies outstanding, and nothing is begun afterwards: all go on by themselves.
async fn leaves_replies_outstanding(house: &House, parts: &mut Parts) {
    parts.kill(PAYMENTS).await;
    let mut bought = Vec::new();
    for number in 0..5 {
        bought.push(place(house, &format!("outstanding/{number}"), Wish::Good, number).await);
    }
    for Bought { order, .. } in &bought {
        let path = format!("/v1/orders/{order}/validated?timeout=30000");
        let said = house.try_ask("orders", ("GET", &path), &[], "").await.unwrap();
        assert_eq!(said.json()["status"], "valid", "{said:?}");
    }
    parts.kill(PURCHASE).await;
    // The answers come while nobody hears them.
    parts.restart(house, PAYMENTS).await;
    parts.restart(house, PURCHASE).await;
    all_end(house, &bought).await;
}

async fn all_end(house: &House, all: &[Bought]) {
    for bought in all {
        ended(house, bought).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x15_g8_g10_a_coordinator_dies_at_each_step_and_may_be_away() {
    let house = House::with_seats("orchestrated").await;
    let mut parts = house.all().await;
    // The checks may be answered at once, or each in a batch of its own; then there are the start,
    // authorisation, preparation, capture, two side by side, and completion. Two of these ask nobody.
    for (point, wish, at_least) in [
        ("committed", Wish::Good, 8),
        ("commit", Wish::Good, 8),
        ("produced", Wish::Good, 6),
        ("committed", Wish::Cheap, 3),
    ] {
        let deaths = dies_at_each_step(&house, &mut parts, point, wish).await;
        println!("the coordinator of something {wish:?} died {deaths} times at {point}");
        assert!(deaths >= at_least, "it died {deaths} times at {point}");
    }
    is_away(&house, &mut parts).await;
    leaves_replies_outstanding(&house, &mut parts).await;
    house.is_sound().await;
}

/// How many lanes of the group that is called as its service a process owns.
async fn lanes(part: &Part) -> usize {
    let health = part.get("/health").await.json();
    let lanes = health["lanes"].as_array().unwrap();
    let owned = |lane: &&serde_json::Value| lane["owned"] == true && lane["group"] == *part.service;
    lanes.iter().filter(owned).count()
}

async fn has_lanes(part: &Part, count: usize) {
    let what = format!("`{}` has {count} lanes", part.service);
    until(&what, async || lanes(part).await == count).await;
}

/// G9, X15: of two processes of a service one freezes at a point while people buy. The other takes its lanes
/// over, and all goes on; the one that wakes up finds that it is not the owner any more, writes nothing of
/// what it had in mind, and goes on serving.
async fn freezes(house: &Arc<House>, parts: &mut Parts, service: &'static str, point: &str) {
    let crowd = Crowd::gather(house, 4, Duration::from_millis(100));
    let copy = house.start_copy(service).await;
    has_lanes(&copy, 1).await;
    has_lanes(parts.of(service), 1).await;
    crowd.more(2).await;
    let (before, frozen) = (house.epochs(service).await, parts.of(service));
    let losses = losses(&frozen.process, service);
    house.freeze(service, point);
    let mark = format!("{service} freezes at {point}");
    until(&mark, async || frozen.process.said().contains(&mark)).await;
    let watch = Stopwatch::start();
    has_lanes(&copy, 2).await;
    let taken_over = watch.elapsed();
    let during = house.epochs(service).await;
    assert!(before.iter().sum::<i64>() < during.iter().sum(), "{before:?} {during:?}");
    crowd.more(6).await;
    println!("{service} was frozen at {point}; the other one had its lanes after {taken_over:?}");
    frozen.process.thaw().await;
    if IN_A_BATCH.contains(&point) {
        until("it is told that the lane is another's", async || {
            self::losses(&frozen.process, service) > losses
        })
        .await;
    }
    // It is as good as any other: alone it serves all.
    let Part { mut process, .. } = copy;
    process.kill().await;
    has_lanes(frozen, 2).await;
    ready(frozen).await;
    crowd.more(6).await;
    crowd.go_home().await;
}

/// At these it goes on with a batch when it wakes up, and finds that it may not. At others it may hear before
/// that from Kafka that it has lost its lanes.
const IN_A_BATCH: [&str; 2] = ["begin", "commit"];

/// How often a process has found that it cannot go on with a batch in a lane: by the compare-and-set, or
/// because the server has ended the transaction that it was in.
fn losses(process: &Process, service: &str) -> usize {
    process.said().matches(&format!("the lane is taken again lane={service}/")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x15_g9_of_two_coordinators_one_freezes_is_fenced_and_serves_again() {
    let house = House::of("orchestrated").await;
    let mut parts = house.all().await;
    for (service, point) in
        [(PURCHASE, "begin"), (PURCHASE, "commit"), (PURCHASE, "produce"), (PAYMENTS, "called")]
    {
        freezes(&house, &mut parts, service, point).await;
    }
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_of_two_participants_one_freezes_is_fenced_and_serves_again() {
    let house = House::of("choreographed").await;
    let mut parts = house.all().await;
    for (service, point) in [(INVENTORY, "begin"), (INVENTORY, "commit"), (PAYMENTS, "called")] {
        freezes(&house, &mut parts, service, point).await;
    }
    house.is_sound().await;
}
