//! Replaying: a lane of a view once more, in memory, as it was read before.
//!
//! Duplicates are dropped and gaps wait as they did, by the same [`Sorter`]. A message that no fold can
//! take is passed over: its lane gave it up too.

use crate::broker::Arrived;
use crate::clock::Time;
use crate::engine::memory::Memory;
use crate::engine::sort::{Item, Origin, Sorter};
use crate::engine::work::Work;
use crate::store::{Position, Writes};
use crate::view::View;
use crate::view::verified::Folded;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A view that is replayed, lane after lane.
pub(crate) struct Replay {
    folded: Folded,
    compacted: BTreeSet<String>,
    memory: Memory,
    seen: BTreeSet<String>,
    messages: u64,
}

impl Replay {
    pub(crate) fn new<W: View>() -> Self {
        let sources = W::sources().into_sources();
        let compacted = sources.iter().map(|source| source.topic).filter(|topic| topic.compacted);
        Self {
            compacted: compacted.map(|topic| topic.name.to_owned()).collect(),
            folded: Folded::new(sources),
            memory: Memory::default(),
            seen: BTreeSet::new(),
            messages: 0,
        }
    }

    /// Goes on with the next lane, which is read from here.
    pub(crate) fn begin_lane(&mut self, positions: BTreeMap<String, Position>) {
        self.memory = Memory { positions, ..Memory::default() };
    }

    /// Takes what was read, in this order.
    pub(crate) fn take(&mut self, arrived: Vec<Arrived>) {
        self.messages += arrived.len() as u64;
        // Nothing is too old: it was young when it was read.
        let (mut writes, now) = (Writes::default(), Time::default());
        let (memory, queue) = (&mut self.memory, VecDeque::new());
        let (seen, compacted) = (&self.seen, &self.compacted);
        let mut sorter =
            Sorter { memory, writes: &mut writes, now, oldest: now, seen, compacted, queue };
        for arrived in arrived {
            sorter.arrived(arrived);
        }
        let queue = sorter.queue;
        self.seen.extend(writes.seen);
        for item in queue {
            self.fold(&item);
        }
    }

    fn fold(&mut self, item: &Item) {
        if let Origin::Parked(number) = item.origin {
            self.memory.parked.remove(&number);
        }
        if let Work::Message { message, .. } = &item.work
            && let Err(told) = self.folded.fold(&message.envelope.name, &message.body)
        {
            tracing::debug!(what = item.work.name(), %told, "it cannot be folded");
        }
    }

    /// The rows that the log says, and how many messages were read for them.
    pub(crate) fn finish(self) -> (BTreeMap<Bytes, Bytes>, u64) {
        (self.folded.rows, self.messages)
    }
}
