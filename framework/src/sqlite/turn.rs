//! A batch's turn: that it is under way, and that nobody else of its group changes what it has read.
//!
//! Rows and what is remembered of commands belong to a group, and several of its lanes may read the same
//! ones in order to change them. Elsewhere rows are locked; here it is the group, from the first such read
//! until the batch is in the transaction, where the next one sees what it wrote. A batch waits for nothing
//! but the writer while it holds the lock, and holds one lock, so nobody waits in a circle. Runs are one
//! lane's alone and need none.

use crate::store::{Lock, Slot, Space};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// The turns of all batches that are open.
#[derive(Clone, Default)]
pub(super) struct Turns {
    open: Arc<AtomicUsize>,
    groups: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Turns {
    pub(super) fn begin(&self) -> Turn {
        self.open.fetch_add(1, Ordering::SeqCst);
        Turn { turns: self.clone(), held: None }
    }

    /// Whether a batch is open that may be about to commit.
    pub(super) fn are_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    fn group(&self, group: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(groups.entry(group.to_owned()).or_default())
    }
}

/// A batch's turn; it ends when this is dropped.
pub(super) struct Turn {
    turns: Turns,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Makes sure that nobody else changes what is read now, if it is read to be changed.
    pub(super) async fn hold(&mut self, group: &str, slots: &BTreeMap<Slot, Lock>) {
        let is_shared =
            |(slot, lock): (&Slot, &Lock)| *lock == Lock::Change && slot.space != Space::Runs;
        if self.held.is_none() && slots.iter().any(is_shared) {
            self.held = Some(self.turns.group(group).lock_owned().await);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.open.fetch_sub(1, Ordering::SeqCst);
    }
}
