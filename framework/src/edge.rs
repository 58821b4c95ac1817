//! Edges: which message of a stream is a duplicate, which is next, and which came too early.
//!
//! An edge runs from a lane of a group to a partition of a topic. Its messages carry a gapless
//! sequence from 1, assigned by the fenced owner of the lane in the transaction that sent them. The
//! receiver remembers one number per edge, so transport is deduplicated exactly and for ever, with
//! state that grows with lanes and partitions and not with keys.
//!
//! ```text
//! seen = 7:   7 ─► duplicate, dropped      8 ─► next, taken      10 ─► gap, waits for 8 and 9
//! ```
//!
//! The rule is H3 of the design review; `docs/internals/edges.md` tells which other rules lose
//! messages. Pure: no store, no broker.

use crate::message::Stamp;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// The stream a message came on. The topic and partition it came from are part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The group that sends.
    pub source: Text,
    /// Which life of its store.
    pub incarnation: u32,
    /// Its lane.
    pub lane: u32,
    /// The topic that is read; the partition is the reader's lane.
    pub topic: Text,
}

impl Edge {
    /// The edge on which a message with this stamp came from `topic`.
    #[must_use]
    pub fn of(stamp: &Stamp, topic: Text) -> Self {
        Self {
            source: stamp.source.clone(),
            incarnation: stamp.incarnation,
            lane: stamp.lane,
            topic,
        }
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has been here before: drop it.
    Duplicate,
    /// It is the next: take it, and remember its number.
    Next,
    /// Others before it are missing: set it aside until they came.
    Gap,
}

/// How a stream that was never seen before begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// The reader reads the topic from its very beginning, so the first number must be 1.
    Whole,
    /// The reader began in the middle, or the topic is compacted: any number may come first.
    Middle,
}

/// Judges sequence `seq` on an edge of which `seen` was the last one taken.
///
/// On a `compacted` topic gaps are normal, and only duplicates are found.
///
/// ```
/// use ballet::edge::{Arrival, Beginning, judge};
///
/// assert_eq!(judge(Some(7), 7, Beginning::Whole, false), Arrival::Duplicate);
/// assert_eq!(judge(Some(7), 8, Beginning::Whole, false), Arrival::Next);
/// assert_eq!(judge(Some(7), 10, Beginning::Whole, false), Arrival::Gap);
/// assert_eq!(judge(Some(7), 10, Beginning::Whole, true), Arrival::Next);
/// ```
#[must_use]
pub const fn judge(seen: Option<u64>, seq: u64, beginning: Beginning, compacted: bool) -> Arrival {
    let seen = match (seen, beginning) {
        (Some(seen), _) => seen,
        (None, Beginning::Whole) => 0,
        (None, Beginning::Middle) => return Arrival::Next,
    };
    if seq <= seen {
        Arrival::Duplicate
    } else if seq == seen + 1 || compacted {
        Arrival::Next
    } else {
        Arrival::Gap
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Beginning, judge};

    /// Delivers the arrivals in this order, holding what came too early, and says what was taken.
    fn deliver(arrivals: &[u64]) -> Vec<u64> {
        let (mut seen, mut taken, mut held) = (None, Vec::new(), Vec::new());
        for arrival in arrivals {
            held.push(*arrival);
            loop {
                held.retain(|seq| judge(seen, *seq, Beginning::Whole, false) != Arrival::Duplicate);
                let next = held
                    .iter()
                    .find(|seq| judge(seen, **seq, Beginning::Whole, false) == Arrival::Next);
                let Some(next) = next.copied() else { break };
                seen = Some(next);
                taken.push(next);
            }
        }
        taken
    }

    /// Every order of five arrivals over 1..=3 (243 of them): what is taken is 1, 2, 3 up to the first
    /// number that never came, each once and in order.
    #[test]
    fn whatever_arrives_in_whatever_order_is_taken_once_and_in_order() {
        for code in 0..243_u64 {
            let arrivals: Vec<u64> = (0..5).map(|at| code / 3_u64.pow(at) % 3 + 1).collect();
            let whole = (1..=3).take_while(|seq| arrivals.contains(seq)).collect::<Vec<_>>();
            assert_eq!(deliver(&arrivals), whole, "{arrivals:?}");
        }
    }

    #[test]
    fn a_reader_that_begins_in_the_middle_takes_the_first_number_as_it_is() {
        assert_eq!(judge(None, 41, Beginning::Middle, false), Arrival::Next);
        assert_eq!(judge(None, 41, Beginning::Whole, false), Arrival::Gap);
    }

    #[test]
    fn a_compacted_topic_has_no_gaps_and_still_no_duplicates() {
        assert_eq!(judge(Some(3), 9, Beginning::Whole, true), Arrival::Next);
        assert_eq!(judge(Some(9), 9, Beginning::Whole, true), Arrival::Duplicate);
    }
}
