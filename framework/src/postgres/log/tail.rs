//! What this process knows of the log: its topics, how far each partition goes, and the newest messages.
//!
//! Offsets are given under a lock that is held until the commit ([`append`](super::append)), so they are
//! committed in their order: whoever sees the end of a partition may read all that is before it. What a
//! batch of this process has appended is kept here when its commit is answered, and its readers need no
//! statement for it. What others have appended is seen by the [watch](super::watch), and read.

use crate::broker::Arrived;
use crate::broker::tail::Tail;
use crate::broker::waiting::Waiting;
use crate::message::{Message, Outgoing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A topic as it is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) struct Topic {
    pub(in crate::postgres) number: i32,
    pub(in crate::postgres) partitions: u32,
    pub(in crate::postgres) compacted: bool,
}

/// A partition, by the number of its topic.
pub(in crate::postgres) type Place = (i32, u32);

/// The log as far as this process knows it.
#[derive(Default)]
pub(in crate::postgres) struct Tails(Mutex<State>);

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    parts: BTreeMap<Place, Part>,
    waiting: BTreeMap<Place, Vec<Weak<Waiting>>>,
}

/// A partition that somebody reads here.
#[derive(Default)]
struct Part {
    /// The offset of the next message, as far as it is known.
    end: u64,
    tail: Tail,
}

impl Part {
    /// Keeps messages that follow on what is kept, or begins anew with them. Those that are told too late
    /// are read from the database.
    fn keep(&mut self, first: u64, messages: impl Iterator<Item = Message>) {
        if first < self.tail.next() {
            return;
        }
        if first > self.tail.next() {
            self.tail = Tail::at(first);
        }
        messages.for_each(|message| self.tail.push(message));
    }
}

/// What memory says of a partition from an offset on.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing is there yet.
    Nothing,
    /// These messages, one after the other.
    Here(Vec<Arrived>),
    /// Something that is only in the database.
    There,
}

impl Tails {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A topic that is known; another process may have made it meanwhile.
    pub(super) fn topic(&self, name: &str) -> Option<Topic> {
        self.state().topics.get(name).copied()
    }

    /// These topics are there.
    pub(super) fn learn(&self, topics: impl IntoIterator<Item = (String, Topic)>) {
        self.state().topics.extend(topics);
    }

    /// A batch has appended these messages, in their order, and is committed; each place with its first
    /// offset.
    pub(super) fn appended(&self, firsts: &BTreeMap<Place, u64>, messages: Vec<Outgoing>) {
        let mut state = self.state();
        let State { topics, parts, waiting } = &mut *state;
        let mut by_place: BTreeMap<Place, Vec<Message>> = BTreeMap::new();
        for Outgoing { topic, partition, message } in messages {
            let Some(Topic { number, .. }) = topics.get(&*topic) else { continue };
            by_place.entry((*number, partition)).or_default().push(message);
        }
        for (place, messages) in by_place {
            let (Some(part), Some(first)) = (parts.get_mut(&place), firsts.get(&place)) else {
                continue;
            };
            part.end = part.end.max(first + messages.len() as u64);
            part.keep(*first, messages.into_iter());
            wake(waiting, place);
        }
    }

    /// Partitions go at least so far.
    pub(super) fn reach(&self, ends: impl IntoIterator<Item = (Place, u64)>) {
        let mut state = self.state();
        let State { parts, waiting, .. } = &mut *state;
        for (place, end) in ends {
            if let Some(part) = parts.get_mut(&place).filter(|part| part.end < end) {
                part.end = end;
                wake(waiting, place);
            }
        }
    }

    /// The partitions that somebody reads here, and how far they go as far as it is known. Those that
    /// nobody reads any more are forgotten.
    pub(super) fn read_here(&self) -> Vec<(Place, u64)> {
        let mut state = self.state();
        let State { parts, waiting, .. } = &mut *state;
        waiting.retain(|_, readers| {
            readers.retain(|reader| reader.strong_count() > 0);
            !readers.is_empty()
        });
        parts.retain(|place, _| waiting.contains_key(place));
        parts.iter().map(|(place, part)| (*place, part.end)).collect()
    }

    /// What is known of a partition from an offset on.
    pub(super) fn from(&self, topic: &str, partition: u32, from: u64, most: usize) -> Known {
        let state = self.state();
        let known = state.topics.get(topic).map(|topic| (topic.number, partition));
        let Some(part) = known.and_then(|place| state.parts.get(&place)) else {
            return Known::Nothing;
        };
        match part.tail.from(topic, from, most) {
            Some(arrived) if !arrived.is_empty() => return Known::Here(arrived),
            _ => {}
        }
        if from < part.end { Known::There } else { Known::Nothing }
    }

    /// A reader of one partition of these topics, from these offsets on. What is behind them is looked for.
    pub(super) fn wait_for(&self, topics: &BTreeSet<String>, partition: u32) -> Arc<Waiting> {
        let waiting = Arc::new(Waiting::default());
        let mut state = self.state();
        let State { topics: known, parts, waiting: all } = &mut *state;
        for Topic { number, .. } in topics.iter().filter_map(|topic| known.get(topic)) {
            let place = (*number, partition);
            parts.entry(place).or_default();
            all.entry(place).or_default().push(Arc::downgrade(&waiting));
        }
        waiting
    }
}

/// Wakes the readers of a partition.
fn wake(waiting: &BTreeMap<Place, Vec<Weak<Waiting>>>, place: Place) {
    for reader in waiting.get(&place).into_iter().flatten().filter_map(Weak::upgrade) {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Tails, Topic};
    use crate::message::Message;
    use crate::message::samples::outgoing;
    use std::collections::{BTreeMap, BTreeSet};

    fn tails() -> Tails {
        let tails = Tails::default();
        tails.learn([("t".to_owned(), Topic { number: 1, partitions: 1, compacted: false })]);
        tails
    }

    fn append(tails: &Tails, first: u64, bodies: &[&str]) {
        let messages = bodies.iter().map(|body| outgoing("t", 0, body)).collect();
        tails.appended(&BTreeMap::from([((1, 0), first)]), messages);
    }

    /// The bodies that memory has from an offset on, or what it says instead.
    fn from(tails: &Tails, offset: u64) -> String {
        match tails.from("t", 0, offset, 10) {
            Known::Nothing => "nothing".into(),
            Known::There => "there".into(),
            Known::Here(arrived) => {
                let body = |message: &Message| String::from_utf8_lossy(&message.body).into_owned();
                arrived.iter().map(|it| body(it.message.as_ref().unwrap())).collect()
            }
        }
    }

    #[test]
    fn what_was_appended_here_is_read_from_memory_in_order() {
        let tails = tails();
        let _reader = tails.wait_for(&BTreeSet::from(["t".to_owned()]), 0);
        append(&tails, 0, &["a", "b"]);
        append(&tails, 2, &["c"]);
        assert_eq!(
            (from(&tails, 0), from(&tails, 2), from(&tails, 3)),
            ("abc".into(), "c".into(), "nothing".into())
        );
    }

    #[test]
    fn what_others_appended_between_is_read_from_the_database() {
        let tails = tails();
        let _reader = tails.wait_for(&BTreeSet::from(["t".to_owned()]), 0);
        append(&tails, 0, &["a"]);
        append(&tails, 5, &["f"]);
        assert_eq!(
            (from(&tails, 0), from(&tails, 1), from(&tails, 5)),
            ("there".into(), "there".into(), "f".into())
        );
        tails.reach([((1, 0), 9)]);
        assert_eq!(from(&tails, 6), "there");
    }

    #[test]
    fn of_two_that_are_told_in_another_order_none_is_passed_over() {
        let tails = tails();
        let _reader = tails.wait_for(&BTreeSet::from(["t".to_owned()]), 0);
        append(&tails, 2, &["c"]);
        append(&tails, 0, &["a", "b"]);
        assert_eq!((from(&tails, 0), from(&tails, 2)), ("there".into(), "c".into()));
    }

    #[test]
    fn only_what_is_read_here_is_kept() {
        let tails = tails();
        append(&tails, 0, &["a"]);
        assert_eq!(from(&tails, 0), "nothing");
        let reader = tails.wait_for(&BTreeSet::from(["t".to_owned()]), 0);
        assert_eq!(tails.read_here(), [((1, 0), 0)]);
        drop(reader);
        assert_eq!(tails.read_here(), []);
    }
}
