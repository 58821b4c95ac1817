//! Fetching: one thread reads for all lanes of a member.
//!
//! Which partitions it reads is what lanes have asked for and not what the group has assigned: a lane
//! that was taken away goes on reading until it is told, and its epoch keeps it from doing harm. The
//! thread polls and never waits for whoever handles: a lane that takes too slowly is paused.

use crate::broker::{Arrived, beyond};
use crate::clock::Stopwatch;
use crate::error::{Error, ErrorKind};
use crate::kafka::admin::Admin;
use crate::kafka::away::{Away, made};
use crate::kafka::config::Config;
use crate::kafka::incoming::arrived;
use crate::kafka::queue::Queue;
use crate::kafka::trouble::{Context, Wish, is_passing, told};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

/// How long the thread waits for messages before it looks for orders: so late a lane begins at most.
const POLL: Duration = Duration::from_millis(50);

/// The same while a lane is paused, which may want more any moment.
const BRIEFLY: Duration = Duration::from_millis(2);

/// How many messages are put into their lanes at once.
const AT_ONCE: usize = 1_000;

/// How long a server is asked for the ends of a partition.
const QUESTION: Duration = Duration::from_secs(2);

/// How often, and for how long, it is asked whether it is back.
const BACK: Duration = Duration::from_millis(500);
const IS_BACK: Duration = Duration::from_millis(200);

/// What readers tell the thread.
pub(super) enum Order {
    /// Read this lane from these positions into this queue; what was read for it before is void.
    Read(u32, BTreeMap<String, u64>, Arc<Queue>),
    /// Nobody reads the lane into this queue any more.
    Leave(u32, Arc<Queue>),
}

/// A lane that is read.
pub(super) struct Desk {
    queue: Arc<Queue>,
    /// The offset that is expected next, by topic.
    pub(super) next: BTreeMap<String, u64>,
    /// The topics that are not read before somebody leads their partition.
    waits: BTreeSet<String>,
    is_paused: bool,
}

/// The thread that fetches.
pub(super) struct Fetcher {
    admin: Arc<Admin>,
    group: String,
    consumer: Away<BaseConsumer<Context>>,
    orders: Receiver<Order>,
    topics: BTreeSet<String>,
    desks: BTreeMap<u32, Desk>,
    /// Positions that were found to be gone: whoever comes with one again has been told, and goes on at
    /// the first that is there.
    gone: BTreeSet<(String, u32, u64)>,
    /// Kafka is away; runs since it was last asked whether it is back.
    away: Option<Stopwatch>,
}

impl Fetcher {
    pub(super) fn new(
        admin: Arc<Admin>,
        group: &str,
        orders: Receiver<Order>,
        topics: BTreeSet<String>,
    ) -> Result<Self, Error> {
        Ok(Self {
            group: group.to_owned(),
            consumer: Away::new(made(&admin.config.reader(group))?),
            admin,
            orders,
            topics,
            desks: BTreeMap::new(),
            gone: BTreeSet::new(),
            away: None,
        })
    }

    fn config(&self) -> &Config {
        &self.admin.config
    }

    /// Works until nobody can give orders any more.
    pub(super) fn run(mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    if self.consumer.context().is_lost() {
                        self.renew();
                    }
                    self.pause();
                    self.fetch();
                    self.look_for_it();
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Read(lane, positions, queue) => {
                self.leave(lane);
                let of = |topic: &String| positions.get(topic).copied().unwrap_or_default();
                let next = self.topics.iter().map(|topic| (topic.clone(), of(topic))).collect();
                let waits = self.topics.clone();
                self.desks.insert(lane, Desk { queue, next, waits, is_paused: false });
                if self.away.is_none() {
                    self.read(lane, &self.topics.clone());
                }
            }
            Order::Leave(lane, queue) => {
                if self.desks.get(&lane).is_some_and(|desk| Arc::ptr_eq(&desk.queue, &queue)) {
                    self.leave(lane);
                }
            }
        }
    }

    /// Goes on with a new client where the old one has stopped.
    fn renew(&mut self) {
        tracing::warn!(group = self.group, "Kafka's client knows of no server; a new one reads on");
        match made(&self.config().reader(&self.group)) {
            Ok(consumer) => self.consumer = Away::new(consumer),
            Err(trouble) => return tracing::warn!(%trouble, "it is tried again"),
        }
        self.desks.values_mut().for_each(Desk::wait);
        self.away = Some(Stopwatch::start());
    }

    /// Begins to read topics of a lane where it stands.
    fn read(&mut self, lane: u32, topics: &BTreeSet<String>) {
        let Some(desk) = self.desks.get_mut(&lane) else { return };
        desk.waits.retain(|topic| !topics.contains(topic));
        let mut list = TopicPartitionList::new();
        let mut assigned = Ok(());
        for (topic, next) in desk.next.iter().filter(|(topic, _)| topics.contains(*topic)) {
            let offset = Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
            assigned = assigned.and(list.add_partition_offset(topic, number(lane), offset));
        }
        if let Err(trouble) = assigned.and_then(|()| self.consumer.incremental_assign(&list)) {
            self.fail(lane, &trouble);
        }
    }

    /// Reads a lane no more.
    fn leave(&mut self, lane: u32) {
        if let Some(desk) = self.desks.remove(&lane) {
            self.read_no_more(lane, &desk);
        }
    }

    fn read_no_more(&self, lane: u32, desk: &Desk) {
        let partitions = desk.partitions(lane);
        if partitions.count() > 0
            && let Err(trouble) = self.consumer.incremental_unassign(&partitions)
        {
            tracing::warn!(lane, %trouble, "a lane is read on though nobody wants it");
        }
    }

    /// Fetches nothing until it is known who leads. The first answers of a server that comes back may know
    /// the leader of one partition and not that of another, and then librdkafka follows what it has never
    /// written, and the process ends by a fault of memory
    /// ([librdkafka 5280](https://github.com/confluentinc/librdkafka/issues/5280)).
    fn halt(&mut self) {
        for (lane, desk) in &self.desks {
            self.read_no_more(*lane, desk);
        }
        self.desks.values_mut().for_each(Desk::wait);
        self.away = Some(Stopwatch::start());
    }

    /// Reads on what is led; whether that is all.
    fn go_on(&mut self) -> bool {
        for topic in self.topics.clone() {
            let Some(led) = self.led(&topic) else { return false };
            let waits = |(lane, desk): (&u32, &Desk)| {
                (desk.waits.contains(&topic) && led.contains(&number(*lane))).then_some(*lane)
            };
            let lanes: Vec<u32> = self.desks.iter().filter_map(waits).collect();
            lanes.into_iter().for_each(|lane| self.read(lane, &BTreeSet::from([topic.clone()])));
        }
        self.desks.values().all(|desk| desk.waits.is_empty())
    }

    /// The partitions of a topic that somebody leads, and all of them if there is no such topic, for then
    /// whoever reads it is to be told; `None` if nobody answers.
    fn led(&self, topic: &str) -> Option<BTreeSet<i32>> {
        let known = self.consumer.fetch_metadata(Some(topic), IS_BACK).ok()?;
        let parts = known.topics().first().map(MetadataTopic::partitions).unwrap_or_default();
        if parts.is_empty() {
            return Some(self.desks.keys().map(|lane| number(*lane)).collect());
        }
        Some(parts.iter().filter(|part| part.leader() >= 0).map(MetadataPartition::id).collect())
    }

    /// Fetches no more for lanes that hold enough, and again for those that have room.
    fn pause(&mut self) {
        for (lane, desk) in &mut self.desks {
            let partitions = || desk.partitions(*lane);
            let done = match desk.is_paused {
                false if desk.queue.is_full() => self.consumer.pause(&partitions()),
                true if desk.queue.has_room() => self.consumer.resume(&partitions()),
                _ => continue,
            };
            match done {
                Ok(()) => desk.is_paused = !desk.is_paused,
                Err(trouble) => {
                    tracing::warn!(lane, %trouble, "a lane cannot be paused or resumed");
                }
            }
        }
    }

    /// Waits for messages, and puts what there is into its lanes.
    fn fetch(&mut self) {
        let is_paused = self.desks.values().any(|desk| desk.is_paused);
        let mut wait = if is_paused { BRIEFLY } else { POLL };
        let mut fresh: BTreeMap<u32, Vec<(Arrived, usize)>> = BTreeMap::new();
        let mut troubles = Vec::new();
        for _ in 0..AT_ONCE {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    if let Some((lane, arrived)) = arrived(&message, &mut self.desks) {
                        fresh.entry(lane).or_default().push(arrived);
                    }
                }
                Some(Err(trouble)) => troubles.push(trouble),
                None => break,
            }
            wait = Duration::ZERO;
        }
        for (lane, fresh) in fresh {
            if let Some(desk) = self.desks.get(&lane) {
                desk.queue.put(fresh);
            }
        }
        for trouble in troubles {
            self.trouble(&trouble);
        }
    }

    fn trouble(&mut self, trouble: &KafkaError) {
        let code = trouble.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        match code {
            RDKafkaErrorCode::AutoOffsetReset => self.out_of_range(),
            code if is_passing(code) => {
                let (code, reason) = self.consumer.context().reason(trouble);
                let told = told(self.config(), Wish::Connect, code, &reason);
                tracing::warn!(%told, "Kafka is away; reading goes on when it is back");
                self.admin.note(&self.group, Some(told.to_string()));
                self.halt();
            }
            _ => {
                let lanes: Vec<u32> = self.desks.keys().copied().collect();
                lanes.into_iter().for_each(|lane| self.fail(lane, trouble));
            }
        }
    }

    /// That Kafka is back nobody tells a client that reads nothing.
    fn look_for_it(&mut self) {
        if self.away.is_none_or(|since| since.elapsed() < BACK) {
            return;
        }
        self.away = Some(Stopwatch::start());
        if self.go_on() {
            self.away = None;
            self.admin.note(&self.group, None);
        }
    }

    /// Ends a lane's reading with an error, after which its owner begins anew.
    fn fail(&mut self, lane: u32, trouble: &KafkaError) {
        let (code, reason) = self.consumer.context().reason(trouble);
        let topics = self.topics.iter().map(String::as_str).collect::<Vec<_>>().join("`, `");
        let error = told(self.config(), Wish::Read(&topics), code, &reason);
        self.end(lane, error);
    }

    fn end(&mut self, lane: u32, error: Error) {
        if let Some(desk) = self.desks.get(&lane) {
            desk.queue.fail(error);
        }
        self.leave(lane);
    }

    /// Some position is not in the log. The client does not say which, so all are looked at.
    fn out_of_range(&mut self) {
        let places: Vec<(u32, String, u64)> = self
            .desks
            .iter()
            .flat_map(|(lane, desk)| {
                desk.next.iter().map(|(topic, at)| (*lane, topic.clone(), *at))
            })
            .collect();
        for (lane, topic, at) in places {
            let ends = self.consumer.fetch_watermarks(&topic, number(lane), QUESTION);
            let offset = |offset| u64::try_from(offset).unwrap_or_default();
            match ends.map(|(start, end)| (offset(start), offset(end))) {
                Ok((start, _)) if at < start => self.begin_later(lane, topic, at, start),
                Ok((_, end)) if at > end => self.end(lane, beyond(&topic, lane, at, end)),
                Ok(_) => {}
                Err(trouble) => self.fail(lane, &trouble),
            }
        }
    }

    /// Messages were deleted that the lane has not read. Its owner is told, which looks at the range and
    /// says what was missed; when it comes back it is given what is there.
    fn begin_later(&mut self, lane: u32, topic: String, at: u64, start: u64) {
        if self.gone.insert((topic.clone(), lane, at)) {
            let last = start - 1;
            let text = format!(
                "messages {at} to {last} of `{topic}`, partition {lane}, were deleted unread"
            );
            return self.end(lane, Error::new(ErrorKind::Broker, text));
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&topic, number(lane));
        if let Some(desk) = self.desks.get_mut(&lane) {
            desk.next.insert(topic.clone(), start);
        }
        match self.consumer.incremental_unassign(&list) {
            Ok(()) => self.read(lane, &BTreeSet::from([topic])),
            Err(trouble) => self.fail(lane, &trouble),
        }
    }
}

impl Desk {
    /// From now on all its topics wait.
    fn wait(&mut self) {
        self.waits = self.next.keys().cloned().collect();
        self.is_paused = false;
    }

    /// What is read of it.
    fn partitions(&self, lane: u32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for topic in self.next.keys().filter(|topic| !self.waits.contains(*topic)) {
            list.add_partition(topic, number(lane));
        }
        list
    }
}

impl Drop for Fetcher {
    /// Whoever waits for this thread must not wait for ever.
    fn drop(&mut self) {
        self.admin.note(&self.group, None);
        for desk in self.desks.values() {
            desk.queue.fail(ended());
        }
    }
}

/// What is said when the thread is gone.
pub(super) fn ended() -> Error {
    Error::new(
        ErrorKind::Broker,
        "the thread that reads from Kafka has ended: start the process again",
    )
}

fn number(lane: u32) -> i32 {
    i32::try_from(lane).unwrap_or(i32::MAX)
}
