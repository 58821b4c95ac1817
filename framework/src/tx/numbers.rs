//! The places of what is said: a message has one, and so its id, from the moment it is said.
//!
//! What is said before it counts gives its number back, as it gives back what it wrote.

use crate::id::derived;
use crate::message::{Key, Stamp};
use crate::mistake::Mistake;
use crate::text::Text;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Where a message stands: its partition, and its number on the edge from its lane to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The partition of its topic.
    pub partition: u32,
    /// Its number.
    pub seq: u64,
}

/// The last number on each edge that leaves a lane.
type Last = BTreeMap<(Text, u32), u64>;

/// Gives the messages of a lane their places.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    /// The lane, as its messages name it.
    lane: Stamp,
    /// How many partitions each topic has; those that are not among them have as many as there are lanes.
    partitions: Arc<BTreeMap<String, u32>>,
    lanes: u32,
    kept: Last,
    /// Those of the message that is being handled.
    own: Last,
}

impl Default for Numbers {
    /// Of a lane that has said nothing, and is the only one.
    fn default() -> Self {
        let lane = Stamp { source: Text::default(), incarnation: 0, lane: 0, seq: 0 };
        Self::new(lane, 1, Arc::default(), Last::new())
    }
}

impl Numbers {
    /// Goes on after the last numbers of a lane.
    pub(crate) fn new(
        lane: Stamp,
        lanes: u32,
        partitions: Arc<BTreeMap<String, u32>>,
        kept: Last,
    ) -> Self {
        Self { lane, partitions, lanes, kept, own: Last::new() }
    }

    /// The place of the next message of this key.
    pub(crate) fn next(&mut self, topic: &Text, key: &Key) -> Place {
        let partitions = self.partitions.get(topic.as_str()).copied().unwrap_or(self.lanes);
        let edge = (topic.clone(), key.partition(partitions));
        let last = self.own.get(&edge).or_else(|| self.kept.get(&edge)).copied().unwrap_or(0);
        let place = Place { partition: edge.1, seq: last + 1 };
        self.own.insert(edge, place.seq);
        place
    }

    /// The stamp of the message at a place.
    pub(crate) fn stamp(&self, place: Place) -> Stamp {
        Stamp { seq: place.seq, ..self.lane.clone() }
    }

    /// The id of the message at a place.
    pub(crate) fn id(&self, topic: &str, Place { partition, seq }: Place) -> Uuid {
        let Stamp { source, incarnation, lane, .. } = &self.lane;
        let from = format!("{incarnation}/{lane}/{partition}");
        derived(&[source, &from, topic, &seq.to_string()])
    }

    /// What the message said counts.
    pub(crate) fn keep(&mut self) {
        // Not `append`, which makes the whole map anew.
        self.kept.extend(std::mem::take(&mut self.own));
    }

    /// What the message said was never said.
    pub(crate) fn discard(&mut self) {
        match Mistake::NumbersAreBurnt.is_made() {
            true => self.keep(),
            false => self.own.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use crate::message::Key;
    use crate::text::Text;

    #[test]
    fn what_is_discarded_gives_its_number_back() {
        let (mut numbers, key) = (Numbers::default(), Key::new("a"));
        let t = Text::of("t");
        assert_eq!(numbers.next(&t, &key).seq, 1);
        numbers.keep();
        let place = numbers.next(&t, &key);
        let id = numbers.id("t", place);
        assert_eq!((place.seq, numbers.next(&t, &key).seq), (2, 3));
        numbers.discard();
        let again = numbers.next(&t, &key);
        assert_eq!((again, numbers.id("t", again)), (place, id));
        assert_eq!(numbers.next(&Text::of("other"), &key).seq, 1, "each edge has its own numbers");
    }
}
