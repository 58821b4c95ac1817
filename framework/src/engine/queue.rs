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

/// What is to reach the broker, and how much has.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// The first one is on its way.
    pub(super) waiting: VecDeque<Batch>,
    appended: u64,
    published: u64,
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

    /// What is sent now, and again until all of it is acknowledged. Nothing behind it is sent before.
    pub(super) fn first(&self) -> Option<Batch> {
        self.waiting.front().cloned()
    }

    /// The broker has acknowledged the whole of the first batch.
    pub(super) fn acknowledged(&mut self) {
        if let Some((batch, _)) = self.waiting.pop_front() {
            self.published = if Mistake::MarkAll.is_made() { self.appended } else { batch };
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
    use super::Queue;

    fn first(queue: &Queue) -> Option<u64> {
        queue.first().map(|(batch, _)| batch)
    }

    #[test]
    fn what_the_owner_before_has_left_goes_first() {
        let mut queue = Queue::of(7, vec![(4, Vec::new()), (6, Vec::new())]);
        queue.append(8, Vec::new());
        let mut sent = Vec::new();
        while let Some(batch) = first(&queue) {
            sent.push((batch, queue.published()));
            queue.acknowledged();
        }
        assert_eq!(sent, [(4, 3), (6, 4), (8, 6)]);
        assert!(!queue.is_busy() && queue.published() == 8);
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
        queue.append(2, Vec::new());
        assert_eq!((first(&queue), queue.published(), queue.is_busy()), (Some(1), 0, true));
        queue.acknowledged();
        assert_eq!((first(&queue), queue.published(), queue.is_busy()), (Some(2), 1, true));
    }
}
