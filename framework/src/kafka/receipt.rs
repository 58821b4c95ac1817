//! The receipt for what was handed to a producer: one for all messages of a batch, not one for each.

use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};

/// Between whoever produces a batch and the thread that hears of acknowledgements: how many are missing, and
/// the first failure, in which case the rest is not waited for.
pub(super) struct Receipt<F> {
    state: Mutex<State<F>>,
    ended: Notify,
}

struct State<F> {
    missing: usize,
    /// The first; later ones follow from it.
    failed: Option<F>,
}

impl<F> Receipt<F> {
    /// For so many messages.
    pub(super) fn new(missing: usize) -> Self {
        let state = State { missing, failed: None };
        Self { state: Mutex::new(state), ended: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the messages is acknowledged.
    pub(super) fn acknowledged(&self) {
        let mut state = self.state();
        state.missing -= 1;
        let is_last = state.missing == 0;
        drop(state);
        if is_last {
            self.ended.notify_one();
        }
    }

    /// One of the messages is given up.
    pub(super) fn failed(&self, why: F) {
        self.state().failed.get_or_insert(why);
        self.ended.notify_one();
    }

    /// Whether one of the messages is given up, and nobody was told yet.
    pub(super) fn has_failed(&self) -> bool {
        self.state().failed.is_some()
    }

    /// Waits until all messages are acknowledged, or one is given up. For one who waits.
    pub(super) async fn ended(&self) -> Result<(), F> {
        loop {
            {
                let mut state = self.state();
                match state.failed.take() {
                    Some(why) => return Err(why),
                    None if state.missing == 0 => return Ok(()),
                    None => {}
                }
            }
            self.ended.notified().await;
        }
    }
}
