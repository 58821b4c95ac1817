//! The newest messages of the log, in memory: appended, perhaps not committed yet.
//!
//! The writer hands messages over as soon as the batch that wrote them has released its savepoint, so
//! that the next lane of a chain can have its turn in the same transaction. The argument why nobody acts
//! on a message that is then taken back is in [`writer`](crate::sqlite::writer).

use crate::broker::tail::Tail;
use crate::broker::waiting::Waiting;
use crate::broker::{Arrived, TopicSpec, no_topic};
use crate::error::{Error, ErrorKind};
use crate::message::Outgoing;
use crate::sqlite::log::Appended;
use crate::sqlite::place::{self, PARTITIONS, TOPICS};
use crate::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::watch;

/// A partition of a topic, by the topic's name.
type Place = (Text, u32);

/// The log as far as it is in memory.
pub(super) struct Log {
    state: Mutex<State>,
    members: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    parts: BTreeMap<Place, Tail>,
    /// Where the partitions ended before the open transaction.
    before: BTreeMap<Place, u64>,
    /// Topics that were made in the open transaction.
    made: Vec<String>,
    waiting: BTreeMap<Place, Vec<Weak<Waiting>>>,
    groups: BTreeMap<String, Vec<u64>>,
}

/// A topic as it is pinned.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) number: i64,
    pub(super) partitions: u32,
    pub(super) compacted: bool,
}

impl Log {
    /// The log of a file with these topics and the ends of their partitions.
    pub(super) fn new(topics: BTreeMap<String, Topic>, ends: BTreeMap<Place, u64>) -> Self {
        let part = |(place, next)| (place, Tail::at(next));
        let parts = ends.into_iter().map(part).collect();
        let state = State { topics, parts, ..State::default() };
        Self { state: Mutex::new(state), members: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn number(&self, topic: &str) -> Option<i64> {
        self.state().topics.get(topic).map(|topic| topic.number)
    }

    pub(super) fn partitions(&self, topic: &str) -> Option<u32> {
        self.state().topics.get(topic).map(|topic| topic.partitions)
    }

    /// Whether a topic is there as it must be.
    pub(super) fn has(&self, spec: &TopicSpec) -> Result<bool, Error> {
        let (name, wants) = (&spec.name, spec.partitions);
        match self.partitions(name) {
            None if wants > PARTITIONS || self.state().topics.len() as i64 + 1 >= TOPICS => {
                let told = format!(
                    "topic `{name}` with {wants} partitions: a file holds {} topics of at most \
                     {PARTITIONS} partitions",
                    TOPICS - 1
                );
                Err(Error::new(ErrorKind::Definition, told))
            }
            None => Ok(false),
            Some(has) => spec.pinned(has).map(|()| true),
        }
    }

    /// A topic was made.
    pub(super) fn add(&self, spec: &TopicSpec, number: i64) {
        let mut state = self.state();
        let (partitions, compacted) = (spec.partitions, spec.compacted);
        let topic = Topic { number, partitions, compacted };
        state.topics.insert(spec.name.clone(), topic);
        state.made.push(spec.name.clone());
        for partition in 0..spec.partitions {
            state.parts.entry((spec.name.clone().into(), partition)).or_default();
        }
    }

    /// Gives messages their offsets, which they keep if they are [appended](Self::append) next.
    pub(super) fn place(&self, messages: &[Outgoing]) -> Result<Vec<Appended>, Error> {
        let state = self.state();
        let mut added: BTreeMap<(i64, u32), u64> = BTreeMap::new();
        let mut appended = Vec::with_capacity(messages.len());
        for Outgoing { topic, partition, .. } in messages {
            let Topic { number, compacted, .. } =
                *state.topics.get(&**topic).ok_or_else(|| no_topic(topic))?;
            let part = state.parts.get(&(topic.clone(), *partition));
            let part = part.ok_or_else(|| no_topic(topic))?;
            let next = added.entry((number, *partition)).or_insert(part.next());
            appended.push(Appended { place: place::of(number, *partition, *next), compacted });
            *next += 1;
        }
        Ok(appended)
    }

    /// Hands messages over to their readers, and says how many were idle and are not now.
    pub(super) fn append(&self, messages: Vec<Outgoing>) -> usize {
        let mut state = self.state();
        let State { parts, before, waiting, .. } = &mut *state;
        let mut touched = BTreeSet::new();
        for Outgoing { topic, partition, message } in messages {
            let place = (topic, partition);
            let Some(part) = parts.get_mut(&place) else { continue };
            if !touched.contains(&place) {
                before.entry(place.clone()).or_insert(part.next());
                touched.insert(place);
            }
            part.push(message);
        }
        let mut idle = 0;
        for place in &touched {
            idle += wake(waiting, place);
        }
        idle
    }

    /// What was appended is committed.
    pub(super) fn committed(&self) {
        let mut state = self.state();
        let State { parts, before, waiting, made, .. } = &mut *state;
        made.clear();
        for (place, end) in std::mem::take(before) {
            // More was appended than fits into memory: it can be read from the file now.
            if parts.get(&place).is_some_and(|part| part.start() > end) {
                wake(waiting, &place);
            }
        }
    }

    /// What was appended since the last commit was never written.
    pub(super) fn taken_back(&self) {
        let mut state = self.state();
        let State { topics, parts, before, made, .. } = &mut *state;
        for topic in std::mem::take(made) {
            topics.remove(&topic);
            parts.retain(|(name, _), _| *name != topic);
        }
        for (place, end) in std::mem::take(before) {
            if let Some(part) = parts.get_mut(&place) {
                part.cut(end);
            }
        }
    }

    /// The end of a partition as it is committed.
    pub(super) fn committed_end(&self, topic: &str, partition: u32) -> Option<u64> {
        let state = self.state();
        let place = (Text::from(topic), partition);
        let before = state.before.get(&place).copied();
        before.or_else(|| state.parts.get(&place).map(|part| part.next()))
    }

    /// What memory holds from an offset on; `None` if that is so old that only the file has it.
    pub(super) fn tail(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        most: usize,
    ) -> Option<Vec<Arrived>> {
        let state = self.state();
        let Some(part) = state.parts.get(&(topic.into(), partition)) else {
            return Some(Vec::new());
        };
        part.from(topic, from, most)
    }

    /// A reader of one partition of these topics.
    pub(super) fn wait_for(&self, topics: &BTreeSet<String>, partition: u32) -> Arc<Waiting> {
        let waiting = Arc::new(Waiting::default());
        let mut state = self.state();
        for topic in topics {
            let all = state.waiting.entry((topic.clone().into(), partition)).or_default();
            all.retain(|other| other.strong_count() > 0);
            all.push(Arc::downgrade(&waiting));
        }
        waiting
    }

    /// A member joins a group, and is told its number.
    pub(super) fn join(&self, group: &str) -> u64 {
        static MEMBERS: AtomicUsize = AtomicUsize::new(1);
        let number = MEMBERS.fetch_add(1, Ordering::SeqCst) as u64;
        self.state().groups.entry(group.to_owned()).or_default().push(number);
        self.members.send_modify(|count| *count += 1);
        number
    }

    /// A member leaves.
    pub(super) fn leave(&self, group: &str, number: u64) {
        if let Some(members) = self.state().groups.get_mut(group) {
            members.retain(|member| *member != number);
        }
        self.members.send_modify(|count| *count += 1);
    }

    /// Changes whenever a member joins or leaves.
    pub(super) fn members(&self) -> watch::Receiver<u64> {
        self.members.subscribe()
    }

    /// The lanes of a member: they are dealt out in the order in which members joined.
    pub(super) fn deal(&self, group: &str, number: u64, lanes: u32) -> BTreeSet<u32> {
        let state = self.state();
        let members = state.groups.get(group).map(Vec::as_slice).unwrap_or_default();
        let Some(me) = members.iter().position(|member| *member == number) else {
            return BTreeSet::new();
        };
        (0..lanes).filter(|lane| *lane as usize % members.len() == me).collect()
    }
}

/// Wakes the readers of a partition, and says how many were idle.
fn wake(waiting: &BTreeMap<Place, Vec<Weak<Waiting>>>, place: &Place) -> usize {
    let readers = waiting.get(place).into_iter().flatten().filter_map(Weak::upgrade);
    readers.filter(|reader| reader.wake()).count()
}
