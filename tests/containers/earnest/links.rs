//! The network between each service and each server: cut, silent in one direction or in both, slow.
//!
//! Each process has a proxy of its own before Postgres, and a door of its own to Kafka. While people buy, a
//! few services at a time go through all that can happen to each of their two links.

use super::crowd::Crowd;
use super::house::{House, PATIENCE, SESSION, ready};
use ballet::clock::rest;
use containers::proxy::Proxy;
use containers::servers::{self, Kafka};
use containers::shop::{Part, services};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many services are in trouble at the same time.
const AT_A_TIME: usize = 4;

/// What happens to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Cut,
    Slow,
    Silent,
    /// The server does not hear.
    Deaf,
    /// The server hears, and is not heard.
    Mute,
}

/// What is said through a slow link: a handful of messages, or a statement, a second.
const SLOWLY: (Duration, u32) = (Duration::from_millis(40), 50_000);
/// A cut is noticed at once, and mended before all have come back to it.
const BRIEFLY: Duration = Duration::from_millis(700);

impl Trouble {
    /// Those of the service of this number: each is cut off and slowed down, and silent in one way or
    /// another.
    const fn of(number: usize) -> [Self; 3] {
        let silent = match number % 3 {
            0 => Self::Silent,
            1 => Self::Deaf,
            _ => Self::Mute,
        };
        [Self::Cut, Self::Slow, silent]
    }

    /// Makes it, as long as it takes to be noticed by who is so patient, and mends it.
    async fn happen(self, link: &Proxy, patience: Duration) {
        match self {
            Self::Cut => link.cut().await,
            Self::Slow => link.slow(SLOWLY.0, SLOWLY.1),
            Self::Silent => link.silence(),
            Self::Deaf => link.silence_forth(),
            Self::Mute => link.silence_back(),
        }
        rest(if self == Self::Cut { BRIEFLY } else { patience }).await;
        link.open().await;
    }
}

/// The links of a process.
struct Links<'a> {
    store: Proxy,
    broker: &'a Proxy,
}

async fn goes_through_all(part: &Part, number: usize, links: &Links<'_>, crowd: &Crowd) {
    // The client waits a second longer than the server; a member is missed, and hears of it.
    let (of_store, of_broker) = (PATIENCE + Duration::from_secs(2), 2 * SESSION);
    for trouble in Trouble::of(number) {
        trouble.happen(&links.store, of_store).await;
        crowd.more(1).await;
        trouble.happen(links.broker, of_broker).await;
        crowd.more(1).await;
    }
    ready(part).await;
}

async fn links_fail(example: &'static str) {
    let count = u16::try_from(services(example).len()).unwrap();
    let (postgres, kafka) = (servers::postgres().await, Arc::new(Kafka::with_doors(count).await));
    let house = Arc::new(House::on(example, postgres, Arc::clone(&kafka)).await);
    let mut links = BTreeMap::new();
    for (number, service) in services(example).into_iter().enumerate() {
        let (store, broker) = (Proxy::before(postgres.address()).await, kafka.door(number));
        links.insert(service, Links { store, broker });
    }
    let through = |service: &str| {
        let Links { store, broker } = &links[service];
        let (store, broker) = (house.store(store.address()), House::broker(broker.address()));
        vec![("SHOP_STORE", store), ("SHOP_BROKER", broker)]
    };
    let parts = house.all_with(through).await;
    let crowd = Crowd::gather(&house, 4, Duration::from_millis(100));
    crowd.more(4).await;
    let turns = Semaphore::new(AT_A_TIME);
    let troubles = links.iter().enumerate().map(async |(number, (service, links))| {
        let _turn = turns.acquire().await.unwrap();
        goes_through_all(parts.of(service), number, links, &crowd).await;
    });
    join_all(troubles).await;
    let (bought, slowest) = crowd.go_home().await;
    println!("{example}: {bought} purchases, the slowest took {slowest:?}");
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_with_a_coordinator_outlives_its_network() {
    links_fail("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x19_a_shop_without_one_outlives_its_network() {
    links_fail("choreographed").await;
}
