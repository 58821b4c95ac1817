//! What clients of a process hand to a lane of theirs, to be written by the batch that begins it.
//!
//! An entry of an inbox is written, read and deleted. Where the lane is in the same process that is not needed: the
//! batch that begins the run is the first that is written of it, and when it is committed the client is answered.
//!
//! ```text
//! client ── hand ──► desk ──► batch ── commit ──► answer
//!    └── nobody answers (no lane, a full desk, a batch that failed) ──► inbox
//! ```
//!
//! The inbox is there whether a lane is or not, and whoever begins twice begins once, so nothing is lost by going
//! there after all. That nobody begins the same otherwise by way of the inbox, at the same moment, is the store's to
//! see to: [`Writes::not_entered`](crate::store::Writes::not_entered).

use crate::clock::{Stopwatch, rest};
use crate::store::{Entered, Inboxed, Slot};
use crate::sync::{AtomicBool, Mutex, MutexGuard, Notify, Ordering, PoisonError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How many wait at a desk. What comes then goes by the inbox, as if there were no lane.
pub(super) const MOST: usize = 1_000;

/// How many bytes a lane takes at a time, if there is more than one entry.
pub(super) const TOGETHER: usize = 4 << 20;

/// How long a client waits to be taken before it goes by the inbox, where it is told what is wrong; and then for an
/// answer. Whoever is in a batch should not go away, for what it enters makes the batch fail.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// How long nobody hands anything over, after somebody has put something into the inbox by a transaction of its own:
/// no batch with something of the desk is written while that is open.
const RESTS: Duration = Duration::from_secs(10);

/// An entry that was handed over. Whoever drops it leaves the client without an answer.
pub(crate) struct Handed {
    pub(super) entry: Inboxed,
    /// Where that will be which it brings about.
    pub(super) slot: Slot,
    told: Option<Entered>,
    answer: oneshot::Sender<Entered>,
    /// Whether the lane has taken it or the client has gone away, whichever was first.
    is_settled: Arc<AtomicBool>,
}

impl Handed {
    /// What has come of it, which is answered when the batch is committed. Whoever is told nothing goes by the inbox.
    pub(super) fn tell(&mut self, entered: Entered) {
        self.told = Some(entered);
    }

    /// Whether the batch brings it about.
    pub(super) fn is_new(&self) -> bool {
        self.told == Some(Entered::New)
    }

    /// Takes it, if the client is there still.
    fn is_taken(&self) -> bool {
        !self.answer.is_closed() && !self.is_settled.swap(true, Ordering::SeqCst)
    }

    /// The batch is committed.
    pub(super) fn answer(self) {
        if let Some(told) = self.told {
            // Whoever does not wait any more asks again.
            let _ = self.answer.send(told);
        }
    }
}

/// An answer that may come.
pub(crate) struct Answer {
    told: oneshot::Receiver<Entered>,
    is_settled: Arc<AtomicBool>,
}

impl Answer {
    /// What has come of the entry, and is committed; `None` if nobody says so: then it may or may not have happened.
    pub(crate) async fn told(mut self) -> Option<Entered> {
        tokio::select! {
            biased;
            told = &mut self.told => return told.ok(),
            () = rest(PATIENCE) => {}
        }
        if !self.is_settled.swap(true, Ordering::SeqCst) {
            return None;
        }
        tokio::select! {
            biased;
            told = self.told => told.ok(),
            () = rest(LONGEST) => None,
        }
    }
}

#[derive(Default)]
struct State {
    is_open: bool,
    waiting: VecDeque<Handed>,
    /// Runs since something has entered by a caller's own transaction.
    joined: Option<Stopwatch>,
}

impl State {
    fn rests(&self) -> bool {
        self.joined.is_some_and(|joined| joined.elapsed() < RESTS)
    }
}

/// Where clients hand entries over, as long as the lane is held.
#[derive(Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
    come: Notify,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an entry over; `None` if nobody takes it.
    pub(super) fn hand(&self, entry: &Inboxed, slot: &Slot) -> Option<Answer> {
        let mut state = self.state();
        if !state.is_open || state.rests() || state.waiting.len() >= MOST {
            return None;
        }
        let ((answer, told), is_settled) = (oneshot::channel(), Arc::new(AtomicBool::new(false)));
        let (entry, slot, settled) = (entry.clone(), slot.clone(), Arc::clone(&is_settled));
        let handed = Handed { entry, slot, told: None, answer, is_settled: settled };
        state.waiting.push_back(handed);
        drop(state);
        self.come.notify_one();
        Some(Answer { told, is_settled })
    }

    /// Something enters the inbox by a caller's own transaction. Who waits goes there too.
    pub(super) fn joined(&self) {
        let mut state = self.state();
        state.joined = Some(Stopwatch::start());
        state.waiting.clear();
    }

    /// Whether something has entered so a while ago.
    pub(super) fn rests(&self) -> bool {
        self.state().rests()
    }

    /// The lane is held.
    pub(super) fn open(&self) {
        self.state().is_open = true;
    }

    /// The lane is held no more. Who waits goes by the inbox.
    pub(super) fn shut(&self) {
        let mut state = self.state();
        state.is_open = false;
        state.waiting.clear();
    }

    /// Waits until somebody waits.
    pub(super) async fn come(&self) {
        while self.state().waiting.is_empty() {
            self.come.notified().await;
        }
    }

    /// Takes so many, in order, of those who still wait.
    pub(super) fn take(&self, limit: usize) -> Vec<Handed> {
        let (mut state, mut taken, mut bytes) = (self.state(), Vec::new(), 0);
        while taken.len() < limit && (taken.is_empty() || bytes < TOGETHER) {
            let Some(handed) = state.waiting.pop_front() else { break };
            if handed.is_taken() {
                bytes += handed.entry.body.len();
                taken.push(handed);
            }
        }
        taken
    }
}
