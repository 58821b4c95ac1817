//! The log: partitions of bytes, as on any broker, and what a test can do to them.

use crate::clock::Time;
use crate::memory::{Node, World};
use crate::message::Message;
use crate::mistake::Mistake;
use crate::store::Kept;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something in the log.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
    at: Time,
    /// When readers see it.
    pub(super) seen_from: Time,
}

/// The entries that are there, and the offset of the next one.
#[derive(Clone, Default)]
pub(super) struct Partition {
    pub(super) entries: Vec<Entry>,
    pub(super) next: u64,
}

impl Partition {
    fn append(&mut self, bytes: Bytes, at: Time, seen_from: Time) {
        self.entries.push(Entry { offset: self.next, bytes, at, seen_from });
        self.next += 1;
    }

    /// Where the entries from this offset on begin.
    pub(super) fn from(&self, offset: u64) -> &[Entry] {
        &self.entries[self.entries.partition_point(|entry| entry.offset < offset)..]
    }

    /// Forgets what is older than `before` and was read, except the newest; if the topic is compacted,
    /// except the newest of each key. Says how much that was.
    fn forget(&mut self, before: Time, read: u64, compacted: bool) -> u64 {
        let (all, last) = (self.entries.len(), self.next.saturating_sub(1));
        let mut newest = BTreeMap::new();
        for entry in self.entries.iter().filter(|_| compacted) {
            let key = Message::decode(&entry.bytes).map(|message| message.envelope.key.clone());
            newest.insert(key.ok(), entry.offset);
        }
        let needed: BTreeSet<u64> = newest.into_values().chain([last]).collect();
        self.entries.retain(|entry| {
            let is_unread = entry.offset >= read && !Mistake::CutUnread.is_made();
            entry.at >= before || is_unread || needed.contains(&entry.offset)
        });
        (all - self.entries.len()) as u64
    }
}

type Delay = Box<dyn Fn(&str, u64) -> Duration + Send>;

/// The log of a world.
#[derive(Default)]
pub(super) struct Log {
    pub(super) topics: BTreeMap<String, Vec<Partition>>,
    pub(super) compacted: BTreeSet<String>,
    /// The members of each group, in the order they joined, by their number.
    pub(super) groups: BTreeMap<String, BTreeMap<u64, Node>>,
    pub(super) joined: u64,
    /// The groups that have ever read a topic.
    pub(super) readers: BTreeMap<String, BTreeSet<String>>,
    /// How often too many a message is appended.
    pub(super) repeats: usize,
    pub(super) largest: Option<usize>,
    delay: Option<Delay>,
}

impl Log {
    pub(super) fn partition(&self, topic: &str, partition: u32) -> Option<&Partition> {
        self.topics.get(topic)?.get(partition as usize)
    }

    pub(super) fn append(
        &mut self,
        topic: &str,
        partition: u32,
        bytes: Bytes,
        now: Time,
    ) -> Option<()> {
        let part = self.topics.get_mut(topic)?.get_mut(partition as usize)?;
        let delay = self.delay.as_ref().map_or(Duration::ZERO, |delay| delay(topic, part.next));
        part.append(bytes, now, now.after(delay));
        Some(())
    }
}

impl World {
    /// Appends bytes to a partition as a stranger would, message or not.
    ///
    /// # Panics
    ///
    /// If there is no such partition.
    pub fn append(&self, topic: &str, partition: u32, bytes: impl Into<Bytes>) {
        let appended = self.log().append(topic, partition, bytes.into(), self.clock.now());
        appended.expect("the topic is there");
        self.bell.ring();
    }

    /// From now on every message is appended so many times, as by producers that got no answer.
    pub fn repeat(&self, times: usize) {
        self.log().repeats = times.saturating_sub(1);
    }

    /// From now on the body of a message may have so many bytes and no more.
    pub fn take_at_most(&self, bytes: usize) {
        self.log().largest = Some(bytes);
    }

    /// From now on readers see a message only some time after it was appended; `by` is told its topic
    /// and its offset. A partition keeps its order, and topics overtake each other.
    pub fn delay(&self, by: impl Fn(&str, u64) -> Duration + Send + 'static) {
        self.log().delay = Some(Box::new(by));
    }

    /// Appends everything that was ever appended once more, as after a restore of old producers.
    pub fn replay_all(&self) {
        for parts in self.log().topics.values_mut() {
            for part in parts {
                for Entry { bytes, at, seen_from, .. } in part.entries.clone() {
                    part.append(bytes, at, seen_from);
                }
            }
        }
        self.bell.ring();
    }

    /// Everything that a topic holds, partition by partition.
    #[must_use]
    pub fn topic(&self, topic: &str) -> Vec<Message> {
        let log = self.log();
        let parts = log.topics.get(topic).into_iter().flatten();
        let entries = parts.flat_map(|part| &part.entries);
        entries.filter_map(|entry| Message::decode(&entry.bytes).ok()).collect()
    }

    /// How many groups have ever read a topic.
    #[must_use]
    pub fn readers(&self, topic: &str) -> usize {
        self.log().readers.get(topic).map_or(0, BTreeSet::len)
    }

    /// How many messages were ever appended, and bytes that are none.
    #[must_use]
    pub fn appended(&self) -> usize {
        let log = self.log();
        let ends = log.topics.values().flatten().map(|part| part.next);
        usize::try_from(ends.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Deletes what the log holds for too long, and says how much that was.
    pub(super) fn prune_log(&self, kind: Kept, before: Time) -> u64 {
        if !matches!(kind, Kept::Log | Kept::Unread) {
            return 0;
        }
        let (mut log, state) = (self.log(), self.state());
        let Log { topics, compacted, .. } = &mut *log;
        let mut deleted = 0;
        for (topic, parts) in topics {
            let compacted = compacted.contains(topic);
            for (partition, part) in (0..).zip(parts) {
                let anyway = kind == Kept::Unread && !compacted;
                let read = state.read_by_all(topic, partition).filter(|_| !anyway);
                deleted += part.forget(before, read.unwrap_or(u64::MAX), compacted);
            }
        }
        deleted
    }

    /// The names of all topics.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.log().topics.keys().cloned().collect()
    }
}
