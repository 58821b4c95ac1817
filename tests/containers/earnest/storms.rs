//! X19: rebalance storms. Copies of services come and are killed every moment, while people buy.

use super::crowd::Crowd;
use super::house::{House, ready};
use ballet::clock::{Stopwatch, rest};
use containers::process::Process;
use shop::contracts::{INVENTORY, ORDERS, PAYMENTS, SHIPPING};
use std::collections::VecDeque;
use std::time::Duration;

/// How long it lasts.
const LONG: Duration = Duration::from_secs(15);
/// Between two who come or go.
const A_MOMENT: Duration = Duration::from_millis(250);
/// How many may be there besides those who stay.
const ROOM: usize = 5;

async fn they_come_and_go(example: &'static str) {
    let house = House::of(example).await;
    let parts = house.all().await;
    let crowd = Crowd::gather(&house, 4, Duration::ZERO);
    let mut copies: VecDeque<Process> = VecDeque::new();
    let (mut come, watch, first) = (0, Stopwatch::start(), crowd.count());
    let whom = [house.keeps_runs(), INVENTORY, ORDERS, PAYMENTS, SHIPPING];
    while watch.elapsed() < LONG {
        copies.push_back(house.begin_copy(whom[come % whom.len()]));
        come += 1;
        rest(A_MOMENT).await;
        if copies.len() > ROOM {
            copies.pop_front().unwrap().kill().await;
            rest(A_MOMENT).await;
        }
    }
    let during = crowd.count() - first;
    for mut copy in copies {
        copy.kill().await;
    }
    crowd.more(4).await;
    for part in parts.0.values() {
        ready(part).await;
    }
    let (bought, slowest) = crowd.go_home().await;
    println!(
        "{example}: {come} came and were killed; {during} purchases ended meanwhile, of {bought}; the \
         slowest took {slowest:?}"
    );
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_with_a_coordinator_outlives_a_storm_of_rebalances() {
    they_come_and_go("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_without_one_outlives_a_storm_of_rebalances() {
    they_come_and_go("choreographed").await;
}
