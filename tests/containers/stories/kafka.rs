//! A Kafka, as somebody needs it who listens to all topics and says things again.

use crate::topics::{Ear, PATIENCE, POLL, Place, Record, Wire};
use ballet::clock::{Stopwatch, Time};
use ballet::message::wire;
use containers::servers;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is no message, each by its key, its headers and its body.
type Piece = (&'static [u8], &'static [(&'static str, &'static [u8])], &'static [u8]);
const PIECES: [Piece; 3] = [
    (b"key", &[], b"this is no message"),
    (b"\x1b[31m\0", &[], b"\xff\x00\x1b[2J\r\n"),
    (b"key", &[("ce_specversion", b"1.0"), ("ce_id", b"\x07\xff"), ("\u{1}", b"\0\n")], b"{}"),
];

/// Who says things, and asks where everything ends.
pub struct Kafka {
    /// It reads nothing.
    asking: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Kafka {
    /// The topics that are there, and who listens to them from their beginning.
    pub fn of(kafka: &servers::Kafka) -> (Self, BaseConsumer) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.bootstrap());
        let producer = config.clone().set("linger.ms", "0").create().unwrap();
        config.set("group.id", "listener").set("enable.auto.commit", "false");
        // Whatever comes ends the wait.
        config.set("fetch.wait.max.ms", "500").set("auto.offset.reset", "earliest");
        let (asking, listening): (BaseConsumer, BaseConsumer) =
            (config.create().unwrap(), config.create().unwrap());
        listening.assign(&answered(|| places(&asking, Offset::Beginning))).unwrap();
        (Self { asking, producer }, listening)
    }

    /// Hands a record over to Kafka; a queue that is full is waited for.
    fn send(&self, (topic, partition): &Place, key: &[u8], headers: OwnedHeaders, body: &[u8]) {
        let mut said = BaseRecord::<[u8], [u8]>::to(topic).partition(*partition);
        said = said.key(key).headers(headers).payload(body);
        while let Err((_, unsent)) = self.producer.send(said) {
            self.producer.poll(POLL);
            said = unsent;
        }
    }
}

impl Wire for Kafka {
    fn ends(&self) -> BTreeMap<Place, i64> {
        // A topic that is being taken away may be listed, and have no partition any more: asked anew.
        answered(|| {
            let asked = places(&self.asking, Offset::End)?;
            let told = self.asking.offsets_for_times(asked, PATIENCE)?;
            let end = |at: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                at.error()?;
                let end = at.offset().to_raw().unwrap_or_default();
                Ok(((at.topic().to_owned(), at.partition()), end))
            };
            told.elements().iter().map(end).collect()
        })
    }

    fn say(&self, records: &[Record]) {
        for Record { place, message } in records {
            let Some(message) = message else { continue };
            let headers = wire::headers(&message.envelope);
            let headers = headers.iter().map(|(key, value)| (*key, value.as_bytes()));
            let key = message.envelope.key.as_str().as_bytes();
            self.send(place, key, owned(headers), &message.body);
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    fn garble(&self, places: &[Place]) -> usize {
        for place in places {
            for (key, headers, body) in PIECES {
                self.send(place, key, owned(headers.iter().copied()), body);
            }
        }
        self.producer.flush(PATIENCE).unwrap();
        PIECES.len()
    }
}

impl Ear for BaseConsumer {
    fn hear(&mut self) -> Vec<Record> {
        let first = self.poll(POLL);
        let more = std::iter::from_fn(|| self.poll(Duration::ZERO));
        // An error means that Kafka was away for a moment; what is there comes later.
        first.into_iter().chain(more).filter_map(|come| Some(record(&come.ok()?))).collect()
    }
}

/// What Kafka answers. A node that has just come back does not know everything at once.
fn answered<T>(ask: impl Fn() -> KafkaResult<T>) -> T {
    let since = Stopwatch::start();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(told) => assert!(since.elapsed() < PATIENCE, "Kafka does not answer: {told}"),
        }
        std::thread::yield_now();
    }
}

/// All partitions of all topics but those that Kafka keeps for itself, with this offset.
fn places(consumer: &BaseConsumer, offset: Offset) -> KafkaResult<TopicPartitionList> {
    let known = consumer.fetch_metadata(None, PATIENCE)?;
    let mut all = TopicPartitionList::new();
    for topic in known.topics().iter().filter(|topic| !topic.name().starts_with('_')) {
        for partition in topic.partitions() {
            all.add_partition_offset(topic.name(), partition.id(), offset)?;
        }
    }
    Ok(all)
}

fn owned<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> OwnedHeaders {
    let all = OwnedHeaders::new();
    headers.fold(all, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}

fn record(come: &BorrowedMessage<'_>) -> Record {
    let headers = come.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
    let headers: Vec<_> = headers.collect();
    let body = come.payload().unwrap_or_default().to_vec();
    let at = Time::from_micros(come.timestamp().to_millis().unwrap_or_default() * 1_000);
    let message = wire::read(come.key(), headers, body.into(), at).ok();
    Record { place: (come.topic().to_owned(), come.partition()), message }
}
