//! The trace of a play: what was committed and produced, in order, and a digest of it.
//!
//! A batch holds the turn to write from its beginning to its end, so of all processes together one batch is
//! open at a time. What it flushed is what is committed at the moment at which the pair in memory is told
//! to go on with its commit.

use crate::dice::digest;
use ballet::message::Outgoing;
use ballet::store::{Advance, LaneId, Writes};
use checkers::Commit;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct State {
    digest: u64,
    open: Option<(Advance, Writes)>,
    commits: Vec<Commit>,
    /// Up to which batch each lane has published.
    published: BTreeMap<LaneId, u64>,
    epochs: BTreeMap<LaneId, u64>,
}

/// What happened so far. Every process writes to the same.
#[derive(Debug, Clone, Default)]
pub struct Trace(Arc<Mutex<State>>);

impl Trace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begins(&self, advance: &Advance) {
        self.state().open = Some((advance.clone(), Writes::default()));
    }

    pub(super) fn flushes(&self, writes: &Writes) {
        if let Some((_, open)) = &mut self.state().open {
            open.clone_from(writes);
        }
    }

    pub(super) fn commits(&self) {
        let mut state = self.state();
        let Some((advance, writes)) = state.open.take() else { return };
        let Advance { lane, epoch, batch, positions, published, .. } = advance;
        let known = state.published.entry(lane.clone()).or_default();
        *known = published.max(*known);
        let commit = Commit { lane, epoch, after: batch, positions, writes };
        state.digest = of_commit(state.digest, &commit);
        state.commits.push(commit);
    }

    pub(super) fn produces(&self, batches: &[&[Outgoing]]) {
        let mut state = self.state();
        for Outgoing { topic, message, .. } in batches.iter().flat_map(|batch| batch.iter()) {
            state.digest = digest(state.digest, topic.as_bytes());
            state.digest = digest(state.digest, message.envelope.id.as_bytes());
        }
    }

    /// The digest of all that happened so far.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.state().digest
    }

    /// Hands over the commits, and forgets them.
    #[must_use]
    pub fn take_commits(&self) -> Vec<Commit> {
        std::mem::take(&mut self.state().commits)
    }

    pub(super) fn takes(&self, lane: &LaneId, epoch: u64) {
        self.state().epochs.insert(lane.clone(), epoch);
    }

    /// Whoever is the owner no more marks nothing.
    pub(super) fn publishes(&self, lane: &LaneId, epoch: u64, batch: u64) {
        let mut state = self.state();
        if state.epochs.get(lane).is_some_and(|newest| *newest != epoch) {
            return;
        }
        let known = state.published.entry(lane.clone()).or_default();
        *known = batch.max(*known);
    }

    /// Up to which batch a lane has published.
    #[must_use]
    pub fn published(&self, lane: &LaneId) -> u64 {
        self.state().published.get(lane).copied().unwrap_or_default()
    }

    /// Looks at the commits from this one on.
    pub fn look<T>(&self, from: usize, f: impl FnOnce(&[Commit]) -> T) -> T {
        let state = self.state();
        f(state.commits.get(from..).unwrap_or_default())
    }
}

/// All of a commit but the ids of inbox entries, which whoever asks draws anew each time.
fn of_commit(from: u64, commit: &Commit) -> u64 {
    let Commit { lane, epoch, after, positions, writes } = commit;
    let mut hash = digest(from, lane.group.as_bytes());
    for number in [u64::from(lane.lane), *epoch, *after, writes.inbox_taken.len() as u64] {
        hash = digest(hash, &number.to_le_bytes());
    }
    for position in positions.values() {
        hash = digest(hash, &position.next.to_le_bytes());
    }
    for (slot, value) in &writes.slots {
        hash = digest(hash, &slot.key);
        hash = digest(hash, value.as_ref().map_or(&[][..], |value| &value.body));
    }
    for outgoing in &writes.outgoing {
        hash = digest(hash, outgoing.message.envelope.id.as_bytes());
        hash = digest(hash, &outgoing.message.body);
    }
    let (set, gone) = (writes.timers.keys(), writes.timers_gone.iter());
    for (what, timer) in set.map(|timer| (1, timer)).chain(gone.map(|timer| (0, timer))) {
        hash = digest(hash, &[what]);
        hash = digest(hash, timer.id.as_bytes());
        hash = digest(hash, &timer.due.micros().to_le_bytes());
    }
    for number in writes.parked.iter().map(|parked| parked.number).chain(writes.released.clone()) {
        hash = digest(hash, &number.to_le_bytes());
    }
    digest(hash, &(writes.dead.len() as u64).to_le_bytes())
}
