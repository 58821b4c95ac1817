//! What the owner of a lane remembers between batches. All of it is in the store too; whoever loses the
//! lane drops it.

use crate::broker::Range;
use crate::clock::Time;
use crate::edge::{Beginning, Edge};
use crate::engine::handler::Source;
use crate::engine::settings::Settings;
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind};
use crate::message::Key;
use crate::mistake::Mistake;
use crate::store::{Calling, Held, Parked, Position, Taken};
use crate::text::Text;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The memory of a lane.
#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) epoch: u64,
    pub(super) batch: u64,
    pub(super) time: Time,
    pub(super) positions: BTreeMap<String, Position>,
    pub(super) sent: BTreeMap<(Text, u32), u64>,
    pub(super) taken: BTreeMap<Edge, u64>,
    pub(super) parked: BTreeMap<u64, Arc<Parked>>,
    /// The last number that something was set aside under.
    pub(super) numbered: u64,
    pub(super) calling: BTreeMap<String, Calling>,
    /// When the next timer is due, or earlier.
    pub(super) due: Option<Time>,
    /// What was deleted before it was read, in words.
    pub(super) missed: Vec<String>,
    /// How far each topic must be read before deadlines fire.
    pub(super) targets: BTreeMap<String, u64>,
    /// How many messages had been taken before, since the lane was taken.
    pub(super) duplicates: u64,
}

impl Memory {
    pub(super) fn of(taken: Taken) -> Self {
        Self {
            epoch: taken.epoch,
            batch: taken.batch,
            time: taken.time,
            positions: taken.positions,
            sent: taken.sent,
            taken: taken.taken,
            numbered: taken.parked.iter().map(|parked| parked.number).max().unwrap_or_default(),
            parked: taken.parked.into_iter().map(|p| (p.number, Arc::new(p))).collect(),
            calling: taken.calls.into_iter().map(|call| (call.id.clone(), call)).collect(),
            due: taken.due,
            missed: Vec::new(),
            targets: BTreeMap::new(),
            duplicates: 0,
        }
    }

    /// Whether everything that is set aside can be read. What cannot must not be passed over, so its lane
    /// halts until somebody has restored it.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (number, parked) in &self.parked {
            if let Err(told) = Work::decode(&parked.body) {
                let (key, text) = (&parked.key, "that was set aside is damaged: restore its row");
                let text = format!("message {number} of key `{key}` {text}");
                return Err(Error::new(ErrorKind::Codec, text).because(told));
            }
        }
        Ok(())
    }

    /// Begins a topic that was never read, and notes how far it must be read to be up to date, and what
    /// was deleted before it could be read.
    pub(super) fn begin_topic(&mut self, source: &Source, range: Range) {
        let topic = &source.topic;
        let from = if source.from_the_beginning { range.start } else { range.end };
        if Mistake::PositionFromTheEnd.is_made() {
            self.positions.insert(topic.clone(), Position { next: range.end, from });
        }
        let position = self.positions.entry(topic.clone());
        let next = position.or_insert(Position { next: from, from }).next;
        if next < range.start && !source.compacted {
            let last = range.start - 1;
            self.missed.push(format!("messages {next} to {last} of {topic} were deleted unread"));
        }
        self.targets.insert(topic.clone(), range.end);
    }

    /// Whether everything was read that was there when the lane was taken (H16).
    pub(super) fn is_caught_up(&self) -> bool {
        let reached = |(topic, end): (&String, &u64)| {
            self.positions.get(topic).is_some_and(|position| position.next >= *end)
        };
        self.targets.iter().all(reached) || Mistake::TimePassesAtTakeOver.is_made()
    }

    /// Whether nothing is left to be handled, except what may stand in the inbox.
    pub(super) fn has_nothing(&self) -> bool {
        let nothing = self.parked.is_empty() && self.calling.is_empty() && self.due.is_none();
        nothing && self.is_caught_up()
    }

    /// Whether a topic was read from its very beginning, so that every edge must begin with 1.
    pub(super) fn beginning(&self, topic: &str) -> Beginning {
        match self.positions.get(topic) {
            Some(position) if position.from > 0 => Beginning::Middle,
            _ => Beginning::Whole,
        }
    }

    pub(super) fn offsets(&self) -> BTreeMap<String, u64> {
        self.positions.iter().map(|(topic, position)| (topic.clone(), position.next)).collect()
    }

    /// Whether a call of this key is under way that holds it.
    pub(super) fn is_calling(&self, key: &Key) -> bool {
        self.calling.values().any(|call| call.holds && call.key == *key)
    }

    /// The messages of a key that hold it, in order.
    pub(super) fn holders(&self, key: &Key) -> impl Iterator<Item = &Arc<Parked>> {
        self.parked.values().filter(move |parked| {
            let is_free = parked.held == Held::NotYet && !Mistake::NotYetHoldsItsKey.is_made();
            parked.key == *key && !is_free && parked.held != Held::Gap
        })
    }

    /// Whether messages of a key must wait.
    pub(super) fn is_held(&self, key: &Key) -> bool {
        self.is_calling(key) || self.holders(key).next().is_some()
    }

    /// The number of what is set aside next. None is used twice by one owner: a batch that let a message go
    /// remembers that it was tried, and whatever took its number would never be.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// When the oldest gap has lasted so long that somebody must be told.
    pub(super) fn gap_due(&self, settings: &Settings) -> Option<Time> {
        let gaps = self.parked.values().filter(|parked| parked.held == Held::Gap);
        let told = gaps.map(|parked| parked.since.after(settings.gap + Duration::from_millis(1)));
        told.filter(|told| *told > self.time).min()
    }

    /// When something that is set aside is tried again.
    pub(super) fn parked_due(&self) -> Option<Time> {
        self.parked.values().filter_map(|parked| parked.due).min()
    }
}
