//! The topics of a shop, as somebody sees them who listens all the time, and may say everything again.

use ballet::clock::{Stopwatch, Time};
use ballet::message::wire;
use ballet::{Key, Message};
use containers::servers::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use shop::stage::LANES;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long an answer of Kafka may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the listener waits for news before it looks whether something is due.
const POLL: Duration = Duration::from_millis(20);

/// A record, as it is on the wire.
#[derive(Debug, Clone)]
struct Record {
    topic: String,
    partition: i32,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    at: Time,
}

impl Record {
    fn message(&self) -> Option<Message> {
        let headers = self.headers.iter().map(|(name, value)| (&**name, &**value));
        wire::read(self.key.as_deref(), headers, self.body.clone().into(), self.at).ok()
    }
}

/// Something that is to be said again at a moment.
struct Due {
    waits: Duration,
    since: Stopwatch,
    record: Record,
}

#[derive(Default)]
struct Heard {
    /// By topic and partition, in the order in which they stand there.
    records: BTreeMap<(String, i32), Vec<Record>>,
    known: BTreeSet<Vec<u8>>,
    /// How often every message is to come in all, and up to how much later.
    times: usize,
    later: Duration,
    due: Vec<Due>,
}

impl Heard {
    /// Notes a record; one that is new is said again as often as it should be, now and later.
    fn note(&mut self, record: Record) -> Vec<Record> {
        let id = record.headers.iter().find(|(name, _)| name == "ce_id").map(|(_, id)| id.clone());
        let is_new = id.is_some_and(|id| self.known.insert(id));
        let mut now = Vec::new();
        if is_new {
            // The last one comes late, each by another time, when other topics have gone on.
            let mix = self.known.len() as u64 * 7919 % 997;
            let waits = self.later * u32::try_from(mix).unwrap_or(0) / 997;
            now = vec![record.clone(); self.times.saturating_sub(2)];
            if self.times > 1 {
                let since = Stopwatch::start();
                self.due.push(Due { waits, since, record: record.clone() });
            }
        }
        let place = (record.topic.clone(), record.partition);
        self.records.entry(place).or_default().push(record);
        now
    }

    fn due(&mut self) -> Vec<Record> {
        let is_due = |due: &mut Due| due.since.elapsed() >= due.waits;
        self.due.extract_if(.., is_due).map(|due| due.record).collect()
    }
}

/// Whoever listens. When it is dropped it stops.
pub struct Topics {
    /// Who asks where everything ends; it reads nothing.
    asking: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    heard: Arc<Mutex<Heard>>,
    ends: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Drop for Topics {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Topics {
    /// Listens to all topics that are there, from their beginning.
    pub fn of(kafka: &Kafka) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.bootstrap());
        let producer: ThreadedProducer<_> = config.clone().set("linger.ms", "0").create().unwrap();
        config.set("group.id", "listener").set("enable.auto.commit", "false");
        config.set("fetch.wait.max.ms", "50").set("auto.offset.reset", "earliest");
        let (asking, consumer): (BaseConsumer, BaseConsumer) =
            (config.create().unwrap(), config.create().unwrap());
        let mut all = TopicPartitionList::new();
        for (topic, partition) in places(&asking) {
            all.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let heard = Arc::new(Mutex::new(Heard { times: 1, ..Heard::default() }));
        let ends = Arc::new(AtomicBool::new(false));
        let (notes, end, says) = (heard.clone(), ends.clone(), producer.clone());
        let listener = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let mut again = match consumer.poll(POLL) {
                    Some(Ok(come)) => notes.lock().unwrap().note(record(&come)),
                    // Kafka was away for a moment; what is there comes later.
                    Some(Err(_)) | None => Vec::new(),
                };
                again.extend(notes.lock().unwrap().due());
                again.into_iter().for_each(|record| send(&says, &record));
            }
        });
        Self { asking, producer, heard, ends, listener: Some(listener) }
    }

    /// From now on every message comes so many times.
    pub fn repeat(&self, times: usize) {
        self.heard.lock().unwrap().times = times;
    }

    /// From now on what comes again comes up to so much later.
    pub fn later(&self, most: Duration) {
        self.heard.lock().unwrap().later = most;
    }

    /// Whether something is still to be said again.
    pub fn is_restless(&self) -> bool {
        !self.heard.lock().unwrap().due.is_empty()
    }

    /// How many records were heard.
    pub fn count(&self) -> usize {
        self.heard.lock().unwrap().records.values().map(Vec::len).sum()
    }

    /// All messages that were heard, each partition in its order.
    pub fn messages(&self) -> Vec<Message> {
        let heard = self.heard.lock().unwrap();
        heard.records.values().flatten().filter_map(Record::message).collect()
    }

    /// Where every partition ends.
    pub fn ends(&self) -> BTreeMap<(String, i32), i64> {
        // A topic that is being taken away may be listed, and have no partition any more: asked anew.
        answered(|| {
            let end = |(topic, partition): (String, i32)| {
                let (_, end) = self.asking.fetch_watermarks(&topic, partition, PATIENCE)?;
                Ok(((topic, partition), end))
            };
            places(&self.asking).into_iter().map(end).collect()
        })
    }

    /// Says everything again that was ever said, as it was and in its order.
    pub fn replay(&self) {
        let all: Vec<Record> = {
            let heard = self.heard.lock().unwrap();
            heard.records.values().flatten().cloned().collect()
        };
        all.iter().for_each(|record| send(&self.producer, record));
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Says something that nobody of the shop says.
    pub fn say(&self, topic: &str, message: &Message) {
        let headers = wire::headers(&message.envelope).into_iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let key: &Key = &message.envelope.key;
        send(
            &self.producer,
            &Record {
                topic: topic.to_owned(),
                partition: i32::try_from(key.partition(LANES)).unwrap(),
                key: Some(key.as_str().as_bytes().to_vec()),
                headers: headers.collect(),
                body: message.body.to_vec(),
                at: Time::default(),
            },
        );
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Puts what is no message into every partition of every topic; how many pieces into each.
    pub fn garble(&self) -> Vec<(String, usize)> {
        let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_vec());
        let foreign = [("ce_specversion", &b"1.0"[..]), ("ce_id", b"\x07\xff"), ("\u{1}", b"\0\n")];
        let pieces: [(&[u8], Vec<(String, Vec<u8>)>, &[u8]); 3] = [
            (b"key", Vec::new(), b"this is no message"),
            (b"\x1b[31m\0", Vec::new(), b"\xff\x00\x1b[2J\r\n"),
            (b"key", foreign.map(owned).into(), b"{}"),
        ];
        let places = places(&self.asking);
        for (topic, partition) in &places {
            for (key, headers, body) in &pieces {
                send(
                    &self.producer,
                    &Record {
                        topic: topic.clone(),
                        partition: *partition,
                        key: Some(key.to_vec()),
                        headers: headers.clone(),
                        body: body.to_vec(),
                        at: Time::default(),
                    },
                );
            }
        }
        self.producer.flush(PATIENCE).unwrap();
        let topics: BTreeSet<String> = places.into_iter().map(|(topic, _)| topic).collect();
        topics.into_iter().map(|topic| (topic, pieces.len())).collect()
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

/// All partitions of all topics but those that Kafka keeps for itself.
fn places(consumer: &BaseConsumer) -> Vec<(String, i32)> {
    let known = answered(|| consumer.fetch_metadata(None, PATIENCE));
    let topics = known.topics().iter().filter(|topic| !topic.name().starts_with('_'));
    let places = topics.flat_map(|topic| {
        topic.partitions().iter().map(|partition| (topic.name().to_owned(), partition.id()))
    });
    places.collect()
}

fn record(come: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = come.headers().into_iter().flat_map(Headers::iter);
    let owned = |header: Header<'_, &[u8]>| {
        (header.key.to_owned(), header.value.unwrap_or_default().to_vec())
    };
    Record {
        topic: come.topic().to_owned(),
        partition: come.partition(),
        key: come.key().map(<[u8]>::to_vec),
        headers: headers.map(owned).collect(),
        body: come.payload().unwrap_or_default().to_vec(),
        at: Time::from_micros(come.timestamp().to_millis().unwrap_or_default() * 1_000),
    }
}

/// Hands a record over to Kafka; a queue that is full is waited for.
fn send(producer: &ThreadedProducer<DefaultProducerContext>, record: &Record) {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut said = BaseRecord::<[u8], [u8]>::to(&record.topic);
    said = said.partition(record.partition).headers(headers).payload(&record.body);
    said.key = record.key.as_deref();
    while let Err((_, unsent)) = producer.send(said) {
        producer.poll(POLL);
        said = unsent;
    }
}
