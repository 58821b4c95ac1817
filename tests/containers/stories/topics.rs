//! The topics of a shop, as somebody sees them who listens all the time, and may say everything again.

use crate::kafka::Kafka;
use crate::log::Log;
use ballet::Message;
use ballet::clock::Stopwatch;
use containers::shop::Shop;
use shop::stage::LANES;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long an answer of a broker may take.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long whoever listens waits for news before it looks whether something is due.
pub const POLL: Duration = Duration::from_millis(20);

/// A partition of a topic.
pub type Place = (String, i32);

/// A message, or what is none, where it stands.
#[derive(Debug, Clone)]
pub struct Record {
    pub place: Place,
    pub message: Option<Message>,
}

/// A broker, as somebody needs it who says things that others have said.
pub trait Wire: Send + Sync {
    /// All partitions of all topics, and where each ends.
    fn ends(&self) -> BTreeMap<Place, i64>;

    /// Says these, each where it stands and in this order, and waits until all are there.
    fn say(&self, records: &[Record]);

    /// Puts what is no message into these partitions; how many pieces into each.
    fn garble(&self, places: &[Place]) -> usize;
}

/// A broker, as somebody needs it who listens.
pub trait Ear: Send {
    /// What has come since; nothing if nothing comes for as long as [`POLL`], or the broker is away.
    fn hear(&mut self) -> Vec<Record>;
}

/// Something that is to be said again at a moment.
struct Due {
    waits: Duration,
    since: Stopwatch,
    record: Record,
}

#[derive(Default)]
struct Heard {
    /// In the order in which they stand there.
    records: BTreeMap<Place, Vec<Record>>,
    known: BTreeSet<String>,
    /// How often every message is to come in all, and up to how much later.
    times: usize,
    later: Duration,
    due: Vec<Due>,
}

impl Heard {
    /// Notes a record; one that is new is said again as often as it should be, now and later.
    fn note(&mut self, record: Record) -> Vec<Record> {
        let id = record.message.as_ref().map(|message| message.envelope.id.to_string());
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
        self.records.entry(record.place.clone()).or_default().push(record);
        now
    }

    fn due(&mut self) -> Vec<Record> {
        let is_due = |due: &mut Due| due.since.elapsed() >= due.waits;
        self.due.extract_if(.., is_due).map(|due| due.record).collect()
    }
}

/// Whoever listens. When it is dropped it stops.
pub struct Topics {
    wire: Arc<dyn Wire>,
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
    pub async fn of(shop: &Shop) -> Self {
        if shop.has_kafka() {
            let (kafka, ear) = Kafka::of(shop.kafka());
            return Self::over(Arc::new(kafka), ear);
        }
        let (log, ear) = Log::of(shop).await;
        Self::over(Arc::new(log), ear)
    }

    fn over(wire: Arc<dyn Wire>, mut ear: impl Ear + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Heard { times: 1, ..Heard::default() }));
        let ends = Arc::new(AtomicBool::new(false));
        let (notes, end, says) = (heard.clone(), ends.clone(), wire.clone());
        let listener = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let come = ear.hear();
                let mut heard = notes.lock().unwrap();
                let mut again: Vec<_> =
                    come.into_iter().flat_map(|record| heard.note(record)).collect();
                again.extend(heard.due());
                drop(heard);
                if !again.is_empty() {
                    says.say(&again);
                }
            }
        });
        Self { wire, heard, ends, listener: Some(listener) }
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
        let messages = heard.records.values().flatten();
        messages.filter_map(|record| record.message.clone()).collect()
    }

    /// Where every partition ends.
    pub fn ends(&self) -> BTreeMap<Place, i64> {
        self.wire.ends()
    }

    /// Says everything again that was ever said, in its order.
    pub fn replay(&self) {
        let all: Vec<Record> = {
            let heard = self.heard.lock().unwrap();
            heard.records.values().flatten().cloned().collect()
        };
        self.wire.say(&all);
    }

    /// Says something that nobody of the shop says.
    pub fn say(&self, topic: &str, message: Message) {
        let partition = i32::try_from(message.envelope.key.partition(LANES)).unwrap();
        self.wire.say(&[Record { place: (topic.to_owned(), partition), message: Some(message) }]);
    }

    /// Puts what is no message into every partition of every topic; how many pieces into each.
    pub fn garble(&self) -> Vec<(String, usize)> {
        let places: Vec<Place> = self.wire.ends().into_keys().collect();
        let pieces = self.wire.garble(&places);
        let topics: BTreeSet<String> = places.into_iter().map(|(topic, _)| topic).collect();
        topics.into_iter().map(|topic| (topic, pieces)).collect()
    }
}
