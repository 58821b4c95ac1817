//! The publishing queue of a lane, as a value: what goes to the broker next, and how much may be marked.
//!
//! There is one order: what the owner before has left, then each batch as it is committed. A mark says
//! *everything up to here*, so a batch counts as published only behind all that stood before it.
//!
//! Pure: who waits for whom is [`publish`](crate::engine::publish)'s.

use crate::message::Outgoing;
use crate::mistake::Mistake;
use std::collections::VecDeque;
use std::sync::Arc;

/// The number of a batch, and its messages.
pub(super) type Batch = (u64, Arc<Vec<Outgoing>>);

/// How many messages are sent at once: batches are added until there are so many.
const AT_ONCE: usize = 4_096;

/// What is to reach the broker, and how much has.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    /// The first ones may be on their way.
    pub(super) waiting: VecDeque<Batch>,
    appended: u64,
    published: u64,
    /// How many messages are sent at once.
    pub(super) at_once: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), appended: 0, published: 0, at_once: AT_ONCE }
    }
}

impl Queue {
    /// The queue of a new owner of a lane whose last batch is `last`. What the owner before may not have
    /// published goes first (H2).
    pub(super) fn of(last: u64, mut unpublished: Vec<(u64, Vec<Outgoing>)>) -> Self {
        let published = unpublished.first().map_or(last, |(batch, _)| batch - 1);
        if Mistake::NewestLeftoversFirst.is_made() {
            unpublished.reverse();
        }
        let mut queue = Self { published, appended: published, ..Self::default() };
        for (batch, messages) in unpublished {
            queue.append(batch, messages);
        }
        queue
    }

    /// A batch was committed.
    pub(super) fn append(&mut self, batch: u64, messages: Vec<Outgoing>) {
        self.appended = batch;
        if Mistake::MarkBeforeAcknowledged.is_made() {
            self.published = batch;
        }
        self.waiting.push_back((batch, Arc::new(messages)));
    }

    /// What is sent now, and again until all of it is acknowledged: everything that waits, so that however
    /// long an acknowledgement takes, what comes meanwhile shares the next one. Nothing behind it is sent
    /// before.
    pub(super) fn next(&self) -> Vec<Batch> {
        let mut messages = 0;
        let fits = |batch: &&Batch| {
            let has_room = messages < self.at_once;
            messages += batch.1.len();
            has_room
        };
        self.waiting.iter().take_while(fits).cloned().collect()
    }

    /// The broker has acknowledged so many batches, the first ones.
    pub(super) fn acknowledged(&mut self, batches: usize) {
        if let Some((last, _)) = self.waiting.drain(..batches).next_back() {
            self.published = if Mistake::MarkAll.is_made() { self.appended } else { last };
        }
    }

    /// All batches up to this one have reached the broker: so much may be marked.
    pub(super) const fn published(&self) -> u64 {
        self.published
    }

    /// The last batch that is to reach it.
    #[cfg(test)]
    pub(super) const fn appended(&self) -> u64 {
        self.appended
    }

    /// Whether something is on its way to the broker.
    pub(super) const fn is_busy(&self) -> bool {
        self.published < self.appended
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Queue};
    use crate::message::samples::outgoing;

    fn next(queue: &Queue) -> Vec<u64> {
        queue.next().into_iter().map(|(batch, _)| batch).collect()
    }

    #[test]
    fn what_the_owner_before_has_left_goes_first_and_with_it_all_that_waits() {
        let mut queue = Queue::of(7, vec![(4, Vec::new()), (6, Vec::new())]);
        assert_eq!(queue.published(), 3);
        queue.append(8, Vec::new());
        assert_eq!(next(&queue), [4, 6, 8]);
        queue.acknowledged(3);
        assert_eq!((next(&queue), queue.is_busy(), queue.published()), (vec![], false, 8));
    }

    #[test]
    fn a_lane_that_left_nothing_has_published_all_of_it() {
        let queue = Queue::of(7, Vec::new());
        assert_eq!((queue.published(), queue.is_busy()), (7, false));
    }

    #[test]
    fn what_is_not_acknowledged_stays_first_and_may_not_be_marked() {
        let mut queue = Queue::of(0, Vec::new());
        queue.append(1, Vec::new());
        let sent = next(&queue);
        queue.append(2, Vec::new());
        assert_eq!((sent, queue.published(), queue.is_busy()), (vec![1], 0, true));
        queue.acknowledged(1);
        assert_eq!((next(&queue), queue.published(), queue.is_busy()), (vec![2], 1, true));
    }

    #[test]
    fn batches_are_sent_whole_and_no_more_of_them_once_there_are_many_messages() {
        let mut queue = Queue::of(0, Vec::new());
        let many = |count: usize| vec![outgoing("t", 0, "x"); count];
        queue.append(1, many(AT_ONCE - 1));
        queue.append(2, many(AT_ONCE));
        queue.append(3, many(1));
        assert_eq!(next(&queue), [1, 2]);
    }
}
