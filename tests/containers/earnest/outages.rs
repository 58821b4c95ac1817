//! X19: servers die and come back while people buy.
//!
//! The outages last six seconds and not thirty, because what they must outlast is set shorter here: four
//! seconds of patience with Postgres, and the second that clients wait longer; three seconds until Kafka
//! misses a member; five until a producer complains. The longest back-off between two tries is five
//! seconds, so whoever has given up for a while has done so by then.

use super::crowd::Crowd;
use super::house::{House, Parts, ready};
use ballet::clock::{Stopwatch, rest};
use containers::servers::{Kafka, Postgres};
use std::sync::Arc;
use std::time::Duration;

/// How long a server is away.
const AWAY: Duration = Duration::from_secs(6);
/// How many purchases must be under way when it goes.
const IN_FLIGHT: usize = 3;

/// Something happens to the servers while people buy; then they are back, and all goes on.
async fn and_all_goes_on(
    what: &str,
    (house, crowd, parts): (&House, &Crowd, &Parts),
    happens: impl AsyncFnOnce(),
) {
    crowd.more(3).await;
    crowd.until_in_flight(IN_FLIGHT).await;
    let under_way = crowd.in_flight();
    happens().await;
    let watch = Stopwatch::start();
    crowd.more(1).await;
    let first = watch.elapsed();
    for part in parts.0.values() {
        ready(part).await;
    }
    crowd.more(6).await;
    let example = house.shop.example();
    println!(
        "{example}: {what} with {under_way} purchases under way; the first one ended {first:?} after, and \
         all were ready after {:?}",
        watch.elapsed()
    );
}

async fn servers_die(example: &'static str) {
    let (postgres, kafka) = (Postgres::alone().await, Arc::new(Kafka::alone().await));
    let house = Arc::new(House::on(example, &postgres, Arc::clone(&kafka)).await);
    let parts = house.all().await;
    let crowd = Crowd::gather(&house, 5, Duration::ZERO);
    let all = (&*house, &crowd, &parts);
    and_all_goes_on("Kafka was killed", all, async || {
        kafka.kill().await;
        rest(AWAY).await;
        kafka.start().await;
    })
    .await;
    and_all_goes_on("Postgres was killed", all, async || {
        postgres.kill().await;
        rest(AWAY).await;
        postgres.start().await;
    })
    .await;
    and_all_goes_on("both were killed", all, async || {
        tokio::join!(kafka.kill(), postgres.kill());
        rest(AWAY).await;
        tokio::join!(kafka.start(), postgres.start());
    })
    .await;
    and_all_goes_on("Kafka and then Postgres were frozen", all, async || {
        kafka.freeze().await;
        rest(AWAY).await;
        kafka.thaw().await;
        postgres.freeze().await;
        rest(AWAY).await;
        postgres.thaw().await;
    })
    .await;
    let (bought, slowest) = crowd.go_home().await;
    println!("{example}: {bought} purchases, the slowest took {slowest:?}");
    house.is_sound().await;
    for (service, mut part) in parts.0 {
        let ended = part.process.end().await;
        assert_eq!(ended.code(), Some(0), "{service}: {}", part.process.said());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_with_a_coordinator_outlives_its_servers() {
    servers_die("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_without_one_outlives_its_servers() {
    servers_die("choreographed").await;
}
