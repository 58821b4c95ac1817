//! Who waits for what in this process: hints only, everything is found by polling too.

use crate::engine::health::Health;
use crate::store::{LaneId, Slot};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Default)]
struct Waiting {
    health: BTreeMap<LaneId, Health>,
    lanes: BTreeMap<LaneId, Arc<Notify>>,
    slots: BTreeMap<Slot, Vec<std::sync::Weak<Notify>>>,
}

/// Wakes lanes whose inbox has something, and clients whose slot has changed.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<Waiting>>);

impl Hub {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a lane waits on.
    pub(crate) fn lane(&self, lane: &LaneId) -> Arc<Notify> {
        self.waiting().lanes.entry(lane.clone()).or_default().clone()
    }

    /// Something has entered the inbox of a lane.
    pub(crate) fn entered(&self, lane: &LaneId) {
        if let Some(waiting) = self.waiting().lanes.get(lane) {
            waiting.notify_one();
        }
    }

    /// A lane says how it is.
    pub(crate) fn report(&self, lane: &LaneId, health: Health) {
        self.waiting().health.insert(lane.clone(), health);
    }

    /// A lane is not this process's any more.
    pub(crate) fn release(&self, lane: &LaneId) {
        let mut waiting = self.waiting();
        waiting.health.remove(lane);
        waiting.lanes.remove(lane);
    }

    /// A group is no more.
    pub(crate) fn forget(&self, group: &str) {
        let mut waiting = self.waiting();
        waiting.health.retain(|lane, _| lane.group != group);
        waiting.lanes.retain(|lane, _| lane.group != group);
    }

    /// How the lanes of this process are.
    pub(crate) fn health(&self) -> BTreeMap<LaneId, Health> {
        self.waiting().health.clone()
    }

    /// What a client waits on, as long as it holds it.
    pub(crate) fn slot(&self, slot: &Slot) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        let mut waiting = self.waiting();
        let all = waiting.slots.entry(slot.clone()).or_default();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&notify));
        notify
    }

    /// These slots were written.
    pub(crate) fn written<'a>(&self, slots: impl Iterator<Item = &'a Slot>) {
        let mut waiting = self.waiting();
        if waiting.slots.is_empty() {
            return;
        }
        for slot in slots {
            for notify in waiting.slots.remove(slot).into_iter().flatten() {
                if let Some(notify) = notify.upgrade() {
                    notify.notify_one();
                }
            }
        }
    }
}
