//! Sorting what has arrived: duplicates go, gaps wait, what was set aside comes back.

use crate::broker::Arrived;
use crate::clock::Time;
use crate::edge::{Arrival, Edge, judge};
use crate::engine::memory::Memory;
use crate::engine::work::Work;
use crate::message::Message;
use crate::mistake::Mistake;
use crate::store::{Held, Parked, Writes};
use crate::text::Text;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

/// Where a piece of work comes from, and so how it is taken off there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The log; the position says that it was taken.
    Log,
    /// The inbox, by the number of its row.
    Inbox(i64),
    /// A client of this process, which waits at this place among those that the batch took.
    Handed(usize),
    /// It was set aside, under this number.
    Parked(u64),
    /// A call that ended.
    Call,
    /// A timer that was due then.
    Timer(Time),
    /// A dead letter that somebody replays.
    Dead(Uuid),
}

/// A piece of work in the order of its batch.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) work: Work,
    pub(super) origin: Origin,
}

impl Item {
    pub(super) const fn new(work: Work, origin: Origin) -> Self {
        Self { work, origin }
    }

    /// Whether a client has it still, who goes by the inbox with it if nobody tells him what has come of it. So it is
    /// never set aside.
    pub(super) const fn is_handed(&self) -> bool {
        matches!(self.origin, Origin::Handed(_))
    }
}

/// Sorts what the broker delivered.
pub(super) struct Sorter<'a> {
    pub(super) memory: &'a mut Memory,
    pub(super) writes: &'a mut Writes,
    pub(super) now: Time,
    /// Foreign messages that are older may have been taken, and nobody remembers.
    pub(super) oldest: Time,
    /// Ids of foreign messages that were taken before.
    pub(super) seen: &'a BTreeSet<String>,
    pub(super) compacted: &'a BTreeSet<String>,
    pub(super) queue: VecDeque<Item>,
}

/// What a foreign message is remembered by.
pub(super) fn foreign_id(arrived: &Arrived) -> Option<String> {
    let message = arrived.message.as_ref().ok()?;
    message.envelope.stamp.is_none().then(|| message.envelope.id.to_string())
}

impl Sorter<'_> {
    pub(super) fn arrived(&mut self, arrived: Arrived) {
        let foreign = foreign_id(&arrived);
        let Arrived { topic, message, .. } = arrived;
        match message {
            Err((bytes, reason)) => self.take(Work::Poison { topic, bytes, reason }),
            Ok(message) => match (&message.envelope.stamp, foreign) {
                (Some(stamp), _) => {
                    let named = if Mistake::EdgeOfTopic.is_made() {
                        Text::default()
                    } else {
                        topic.clone()
                    };
                    let (edge, seq) = (Edge::of(stamp, named), stamp.seq);
                    self.stamped(edge, seq, Work::Message { topic, message });
                }
                (None, Some(id)) => self.foreign(id, topic, message),
                (None, None) => {}
            },
        }
    }

    fn take(&mut self, work: Work) {
        self.queue.push_back(Item::new(work, Origin::Log));
    }

    fn foreign(&mut self, id: String, topic: Text, message: Message) {
        if message.envelope.occurred_at < self.oldest && !self.compacted.contains(&*topic) {
            let reason = "it is older than the ids of foreign messages are kept".to_owned();
            let bytes = message.encode();
            return self.take(Work::Poison { topic, bytes, reason });
        }
        let is_new = !self.seen.contains(&id) && !self.writes.seen.contains(&id);
        if is_new || Mistake::ForeignAgain.is_made() {
            self.writes.seen.push(id);
            self.take(Work::Message { topic, message });
        } else {
            self.memory.duplicates += 1;
        }
    }

    /// Takes a message that stands on an edge, and then those that waited for it.
    fn stamped(&mut self, edge: Edge, seq: u64, work: Work) {
        let compacted = self.compacted.contains(&*edge.topic) || Mistake::WatermarkEdges.is_made();
        let beginning = self.memory.beginning(&edge.topic);
        match judge(self.memory.taken.get(&edge).copied(), seq, beginning, compacted) {
            Arrival::Duplicate if Mistake::NoEdges.is_made() => self.take(work),
            Arrival::Duplicate => self.memory.duplicates += 1,
            Arrival::Next => {
                self.took(&edge, seq);
                self.take(work);
                self.release(&edge);
            }
            Arrival::Gap => self.hold(edge, seq, &work),
        }
    }

    fn took(&mut self, edge: &Edge, seq: u64) {
        self.memory.taken.insert(edge.clone(), seq);
        if !Mistake::EdgeForgetsItself.is_made() {
            self.writes.taken.insert(edge.clone(), seq);
        }
    }

    /// Takes the messages of an edge that waited for the one before them.
    fn release(&mut self, edge: &Edge) {
        loop {
            let next = self.memory.taken.get(edge).map_or(1, |seen| seen.saturating_add(1));
            let held = self.memory.parked.values().find(|parked| {
                parked.edge.as_ref().is_some_and(|(e, seq)| e == edge && *seq == next)
                    && parked.held == Held::Gap
            });
            let Some(held) = held.cloned().filter(|_| !Mistake::HoldForEver.is_made()) else {
                return;
            };
            self.took(edge, next);
            match Work::decode(&held.body) {
                Ok(work) => self.arrive(held.number, work),
                Err(told) => tracing::error!(%told, "a message that waited for others is damaged"),
            }
        }
    }

    /// What a gap has held arrives only now, behind everything that came meanwhile: it has no place among
    /// what is set aside.
    fn arrive(&mut self, number: u64, work: Work) {
        self.memory.parked.remove(&number);
        self.writes.parked.retain(|parked| parked.number != number);
        self.writes.released.push(number);
        self.take(work);
    }

    /// Sets a message aside until those before it have come.
    fn hold(&mut self, edge: Edge, seq: u64, work: &Work) {
        let at = (edge, seq);
        if self.memory.parked.values().any(|parked| parked.edge.as_ref() == Some(&at)) {
            return;
        }
        let parked = Parked {
            number: self.memory.next_number(),
            key: work.key(),
            held: Held::Gap,
            attempts: 0,
            since: self.now,
            due: Mistake::GapLetThrough.is_made().then_some(self.now),
            reason: format!("messages before number {seq} of its edge are missing"),
            edge: Some(at),
            body: work.encode(),
        };
        self.writes.parked.push(parked.clone());
        self.memory.parked.insert(parked.number, Arc::new(parked));
    }
}
