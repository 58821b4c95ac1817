//! Between a lane and the task that publishes for it: the queue, why it gets no further, and who waits.
//!
//! What the queue decides stands in [`queue`](crate::engine::queue); here it is shared, and those who wait
//! for it are woken.

use crate::engine::queue::{Batch, Queue};
use crate::message::Outgoing;
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};

struct State {
    queue: Queue,
    /// Why it gets no further.
    trouble: Option<String>,
}

/// A publishing queue that two tasks share.
pub(super) struct Handover {
    state: Mutex<State>,
    /// Wakes the task that publishes.
    filled: Notify,
    /// Wakes the lane.
    progress: Notify,
}

impl Handover {
    pub(super) fn new(queue: Queue) -> Self {
        let state = Mutex::new(State { queue, trouble: None });
        Self { state, filled: Notify::new(), progress: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a batch; the queue's length is bounded by what the lane takes in.
    pub(super) fn append(&self, batch: u64, messages: Vec<Outgoing>) {
        self.state().queue.append(batch, messages);
        self.filled.notify_one();
    }

    /// Waits until there is something to publish, and says what.
    pub(super) async fn next(&self) -> Vec<Batch> {
        loop {
            let next = self.state().queue.next();
            if !next.is_empty() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// So many batches, the first ones, have reached the broker.
    pub(super) fn acknowledged(&self, batches: usize) {
        let mut state = self.state();
        state.queue.acknowledged(batches);
        state.trouble = None;
        drop(state);
        self.progress.notify_one();
    }

    /// It does not, for this reason. Whoever looks after the lane is woken by news, and by nothing else.
    pub(super) fn complain(&self, told: String) {
        let mut state = self.state();
        if state.trouble.as_ref() == Some(&told) {
            return;
        }
        state.trouble = Some(told);
        drop(state);
        self.progress.notify_one();
    }

    /// All batches up to this one have reached the broker.
    pub(super) fn published(&self) -> u64 {
        self.state().queue.published()
    }

    /// Whether something is on its way to the broker.
    pub(super) fn is_busy(&self) -> bool {
        self.state().queue.is_busy()
    }

    /// Waits until more has reached the broker, or another reason keeps it from there.
    pub(super) async fn progress(&self) {
        self.progress.notified().await;
    }

    /// Why what is to be published does not reach the broker.
    pub(super) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }
}
