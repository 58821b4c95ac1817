//! The books of a shop on servers: the tables of each service, all messages of all topics, and what those
//! outside have on file.

mod logged;

use crate::servers::runtime;
use crate::shop::{self, Shop};
use ::shop::audit::{self, Books, Expected, Offices};
use ::shop::fakes::World;
use ::shop::http::{PIECES, STOCKED};
use ballet::clock::Time;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::message::wire;
use ballet::postgres::Postgres;
use ballet::{App, Message, Running};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How much later than it was said anything may be heard: servers may be away meanwhile.
pub const LAG: Duration = Duration::from_secs(120);

/// How long an answer of Kafka may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked for the ends of a partition, and how long it is left alone in between.
const TRIES: usize = 20;
const A_MOMENT: Duration = Duration::from_millis(500);

/// What was read from all topics.
#[derive(Debug, Default)]
pub struct Log {
    /// The messages of each partition of each topic, in its order.
    pub partitions: BTreeMap<(String, u32), Vec<Message>>,
    /// The offset of the next message of each.
    pub ends: BTreeMap<(String, u32), u64>,
    /// What is no message: its topic, partition and offset, and why.
    pub foreign: Vec<String>,
}

impl Log {
    /// All messages, each partition in its order.
    pub fn messages(&self) -> Vec<Message> {
        self.partitions.values().flatten().cloned().collect()
    }
}

/// The tables of all services of a shop: of each the schema, entered as that service.
pub struct Office {
    apps: BTreeMap<String, Running>,
    stores: BTreeMap<String, Arc<Postgres>>,
}

impl Office {
    /// Enters all schemas. Nothing is served, and nobody's lanes are taken.
    pub async fn of(shop: &Shop) -> Self {
        let kafka = match shop.has_kafka() {
            true => Some(Kafka::connect(KafkaConfig::new(shop.kafka().bootstrap())).await.unwrap()),
            false => None,
        };
        let (mut apps, mut stores) = (BTreeMap::new(), BTreeMap::new());
        for service in shop::services(shop.example()) {
            let store = Postgres::connect(shop.schema(service).connections(1, 1)).await.unwrap();
            let app = App::new(store.clone());
            let app = match &kafka {
                Some(kafka) => app.broker(kafka.clone()),
                None => app,
            };
            let app = app.start().await.unwrap();
            apps.insert(service.to_owned(), app);
            stores.insert(service.to_owned(), store);
        }
        Self { apps, stores }
    }

    /// The stores of all services.
    pub fn stores(&self) -> &BTreeMap<String, Arc<Postgres>> {
        &self.stores
    }

    /// Who looks into the tables of a service.
    pub fn app(&self, service: &str) -> &Running {
        self.apps.get(service).unwrap_or_else(|| panic!("there is no service `{service}`"))
    }

    /// All of them, by their services.
    pub fn apps(&self) -> &BTreeMap<String, Running> {
        &self.apps
    }

    /// The books, as they are now. The settings are those of the shop.
    pub async fn books(&self, shop: &Shop, expected: Expected) -> Books {
        self.books_of(shop, expected, &log(shop).await).await
    }

    /// The same with a log that was read before.
    pub async fn books_of(&self, shop: &Shop, expected: Expected, log: &Log) -> Books {
        let world = World::kept_beside(shop.outside()).unwrap();
        let expected = Expected { lag: LAG, settings: shop.settings(), ..expected };
        audit::read(Offices::Each(&self.apps), log.messages(), &world, expected).await.unwrap()
    }
}

/// What the auditor has to say about a shop in which all is quiet and nothing was put on the shelves but
/// what is there at first, with so many messages that had to be given up.
pub async fn breaches(shop: &Shop, dead_letters: usize) -> Vec<String> {
    let books = Office::of(shop).await.books(shop, expected(dead_letters)).await;
    audit::audit(&books).iter().map(ToString::to_string).collect()
}

/// What is to be found where nothing was put on the shelves but what is there at first.
pub fn expected(dead_letters: usize) -> Expected {
    let stock = STOCKED.iter().map(|sku| ((*sku).to_owned(), PIECES)).collect();
    Expected { stock, dead_letters, ..Expected::default() }
}

/// Everything that is in the topics of a shop. What is written meanwhile may be left out.
pub async fn log(shop: &Shop) -> Log {
    if !shop.has_kafka() {
        return logged::all(shop).await;
    }
    let servers = shop.kafka().bootstrap();
    let reading = runtime().spawn_blocking(move || read_all(&servers));
    reading.await.expect("it does not panic")
}

fn read_all(servers: &str) -> Log {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", "auditor");
    config.set("enable.auto.commit", "false").set("enable.partition.eof", "false");
    let consumer: BaseConsumer = config.create().expect("these are settings");
    let mut log = Log::default();
    for ((topic, partition), ends) in ranges(&consumer) {
        let at = (topic.clone(), u32::try_from(partition).unwrap_or_default());
        log.ends.insert(at, u64::try_from(ends.1).unwrap_or_default());
        read_partition(&consumer, &topic, partition, ends, &mut log);
    }
    log
}

/// All partitions but those that Kafka keeps for itself and we for who reads what: from where to where
/// there are messages.
fn ranges(consumer: &BaseConsumer) -> BTreeMap<(String, i32), (i64, i64)> {
    let known = consumer.fetch_metadata(None, PATIENCE).expect("Kafka answers");
    let mut ranges = BTreeMap::new();
    for topic in known.topics().iter().filter(|topic| !topic.name().starts_with('_')) {
        for partition in topic.partitions() {
            let ends = ends(consumer, topic.name(), partition.id());
            ranges.insert((topic.name().to_owned(), partition.id()), ends);
        }
    }
    ranges
}

/// The ends of a partition. One whose leader is just coming back has none for a moment.
fn ends(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    for _ in 0..TRIES {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Ok(ends) => return ends,
            // Nothing is assigned, so this only waits, and hears how the servers are.
            Err(_) => drop(consumer.poll(A_MOMENT)),
        }
    }
    panic!("Kafka does not say where {topic} ends");
}

fn read_partition(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    (start, end): (i64, i64),
    log: &mut Log,
) {
    if start >= end {
        return;
    }
    let mut assignment = TopicPartitionList::new();
    let from = assignment.add_partition_offset(topic, partition, Offset::Offset(start));
    from.and_then(|()| consumer.assign(&assignment)).expect("it can be read");
    let mut next = start;
    let at = (topic.to_owned(), u32::try_from(partition).unwrap_or_default());
    let messages = log.partitions.entry(at).or_default();
    while next < end {
        let come = consumer.poll(PATIENCE).unwrap_or_else(|| panic!("{topic} ends at {next}"));
        let come = come.expect("it can be read");
        next = come.offset() + 1;
        match message(&come) {
            Ok(message) => messages.push(message),
            Err(told) => log.foreign.push(format!("{topic}/{partition}@{}: {told}", come.offset())),
        }
    }
}

fn message(record: &BorrowedMessage<'_>) -> Result<Message, String> {
    let headers = record.headers().into_iter().flat_map(Headers::iter);
    let headers: Vec<_> =
        headers.map(|header| (header.key, header.value.unwrap_or_default())).collect();
    let body = record.payload().unwrap_or_default().to_vec();
    let at = Time::from_micros(record.timestamp().to_millis().unwrap_or_default() * 1_000);
    wire::read(record.key(), headers, body.into(), at).map_err(|told| told.to_string())
}
