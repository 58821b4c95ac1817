//! What was fetched for a lane and not taken yet.

use crate::broker::Arrived;
use crate::error::Error;
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};
use std::collections::VecDeque;

/// When a lane holds so many messages, or so many bytes, no more is fetched for it.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// Between the thread that fetches and the lane that takes.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    arrived: VecDeque<(Arrived, usize)>,
    bytes: usize,
    failed: Option<Error>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts messages in, each with its size.
    pub(super) fn put(&self, fresh: Vec<(Arrived, usize)>) {
        let mut state = self.state();
        state.bytes += fresh.iter().map(|(_, size)| size).sum::<usize>();
        state.arrived.extend(fresh);
        drop(state);
        self.filled.notify_one();
    }

    /// Ends it: what is in it can be taken, and then this is told.
    pub(super) fn fail(&self, told: Error) {
        self.state().failed.get_or_insert(told);
        self.filled.notify_one();
    }

    /// Whether it holds as much as it may.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        state.arrived.len() >= MOST || state.bytes >= MOST_BYTES
    }

    /// Whether there is room for much more.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        state.arrived.len() <= MOST / 2 && state.bytes <= MOST_BYTES / 2
    }

    /// Waits for messages. Nothing is taken out before this returns, so whoever stops waiting loses none.
    pub(super) async fn take(&self, most: usize) -> Result<Vec<Arrived>, Error> {
        loop {
            if let Some(taken) = self.now(most)? {
                return Ok(taken);
            }
            self.filled.notified().await;
        }
    }

    fn now(&self, most: usize) -> Result<Option<Vec<Arrived>>, Error> {
        let mut state = self.state();
        let count = state.arrived.len().min(most);
        if count == 0 {
            return state.failed.take().map_or(Ok(None), Err);
        }
        let taken: Vec<(Arrived, usize)> = state.arrived.drain(..count).collect();
        state.bytes -= taken.iter().map(|(_, size)| size).sum::<usize>();
        Ok(Some(taken.into_iter().map(|(arrived, _)| arrived).collect()))
    }
}
