//! Kafka as the broker: what it promises like every other, and what only it can do wrong.

mod fetching;
mod load;
mod log;
mod members;
mod outages;
mod server;
mod strangers;
mod topics;
mod users;

use ballet::broker::{Arrived, Broker, Reader, TopicSpec};
use ballet::kafka::{Config, Kafka};
use ballet::message::Outgoing;
use containers::servers::own_name;
use sentences::{nth, outgoing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A client of a Kafka at this address, and a new topic there that nobody else uses.
async fn with_topic(bootstrap: &str, partitions: u32) -> (Arc<Kafka>, String) {
    let kafka = Kafka::connect(Config::new(bootstrap)).await.unwrap();
    let spec = TopicSpec { name: own_name("topic"), partitions, compacted: false };
    kafka.ensure(&spec).await.unwrap();
    (kafka, spec.name)
}

fn set(topic: &str) -> BTreeSet<String> {
    BTreeSet::from([topic.to_owned()])
}

fn at(topic: &str, offset: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(topic.to_owned(), offset)])
}

/// What an edge sends: numbered messages.
fn batch(topic: &str, partition: u32, which: std::ops::Range<u64>) -> Vec<Outgoing> {
    which.map(|n| outgoing(topic, partition, n, "{}")).collect()
}

/// A reader of one partition from its beginning.
async fn reader(kafka: &Kafka, topic: &str, partition: u32) -> Box<dyn Reader> {
    let member = kafka.join(&own_name("group"), &set(topic), partition + 1).await.unwrap();
    let mut reader = member.reader(partition);
    reader.seek(&at(topic, 0));
    reader
}

/// Reads until there are so many.
async fn read(reader: &mut dyn Reader, count: usize) -> Vec<Arrived> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(reader.next(count - all.len()).await.unwrap());
    }
    all
}
