//! Who waits for what in this process: hints only, everything is found by looking too.
//!
//! What lanes of this process write they tell here. What other processes write nobody tells: that is looked for, by
//! one task for all ([`elsewhere`](crate::engine::elsewhere)), which tells it here too.

use crate::engine::desk::{Answer, Desk};
use crate::engine::health::Health;
use crate::store::{Inboxed, LaneId, Slot, Space, Status, Value};
use crate::sync::{AtomicBool, Mutex, MutexGuard, Notify, Ordering, PoisonError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Default)]
struct Waiting {
    /// Which lanes each group has in this process; `None` until its members have met.
    groups: BTreeMap<String, Option<BTreeSet<u32>>>,
    health: BTreeMap<LaneId, Health>,
    lanes: BTreeMap<LaneId, Arc<Bell>>,
    slots: BTreeMap<Slot, Vec<Arc<Waker>>>,
}

/// Which versions of what is in a slot somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// All.
    Every,
    /// That of a run which is over.
    Last,
}

impl Version {
    fn is(self, value: Option<&Value>) -> bool {
        let is_end = || value.and_then(|value| value.status).is_some_and(Status::is_end);
        self == Self::Every || is_end()
    }
}

struct Waker {
    version: Version,
    notify: Notify,
    /// What was written last, if that is told and nobody has looked yet.
    written: Mutex<Option<Option<Bytes>>>,
    /// Whether others may write it, of whom nobody hears.
    is_elsewhere: AtomicBool,
    /// What was found there last.
    found: Mutex<Option<Bytes>>,
}

impl Waker {
    fn new(version: Version) -> Self {
        Self {
            version,
            notify: Notify::new(),
            written: Mutex::default(),
            is_elsewhere: AtomicBool::new(false),
            found: Mutex::default(),
        }
    }

    /// This was written, or read, by this process.
    fn knows(&self, body: Option<&Bytes>) {
        *lock(&self.found) = body.cloned();
    }

    /// This was found by looking, and may be older than what was told meanwhile. Says whether it is new.
    fn finds(&self, body: &Bytes, is_sure: bool) -> bool {
        let mut found = lock(&self.found);
        if found.as_ref() == Some(body) {
            return false;
        }
        *found = Some(body.clone());
        let mut written = lock(&self.written);
        *written = match written.take() {
            None if is_sure => Some(Some(body.clone())),
            // Whoever waits looks for himself which of them is newer.
            _ => None,
        };
        self.notify.notify_one();
        true
    }
}

/// What a lane listens to while it has nothing to do: that there is something in its inbox, or at its desk.
pub(crate) struct Bell {
    notify: Notify,
    state: Mutex<Rings>,
    pub(crate) desk: Desk,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Rings {
    /// How often somebody of this process has told the lane.
    told: u64,
    /// It was told, and has not looked yet; or it has, and works on what it found.
    is_at_it: bool,
}

impl Bell {
    fn new() -> Self {
        Self { notify: Notify::new(), state: Mutex::default(), desk: Desk::default() }
    }

    /// Somebody of this process has put something into the inbox.
    pub(crate) fn ring(&self) {
        let mut state = lock(&self.state);
        state.told += 1;
        state.is_at_it = true;
        drop(state);
        self.notify.notify_one();
    }

    /// Waits until the lane is to look into its inbox.
    pub(crate) async fn rung(&self) {
        self.notify.notified().await;
        lock(&self.state).is_at_it = true;
    }

    /// Whatever the lane had found is done. Not if it was told again meanwhile, and has not looked yet.
    pub(crate) fn done(&self, told: u64) {
        let mut state = lock(&self.state);
        if state.told == told {
            state.is_at_it = false;
        }
    }

    /// How often it was told.
    pub(crate) fn told(&self) -> u64 {
        lock(&self.state).told
    }
}

/// A client that waits for a slot, as long as it holds this.
pub(crate) struct Watching {
    hub: Hub,
    slot: Slot,
    waker: Arc<Waker>,
}

impl Watching {
    /// Others may write there, of whom nobody hears: it is looked for from now on, whether there is anything else
    /// than this.
    pub(crate) fn look_elsewhere(&self, known: Option<&Bytes>) {
        self.waker.knows(known);
        if !self.waker.is_elsewhere.swap(true, Ordering::SeqCst) {
            self.hub.looks.notify_one();
        }
    }

    /// Waits until the slot is written, and says what was, if that is sure to be the newest: of runs and of
    /// what is remembered of requests, which one lane writes. The lanes that write the same row may overtake
    /// each other on their way to us.
    pub(crate) async fn written(&self) -> Option<Option<Bytes>> {
        self.waker.notify.notified().await;
        lock(&self.waker.written).take()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut waiting = self.hub.waiting();
        if let Some(all) = waiting.slots.get_mut(&self.slot) {
            all.retain(|other| !Arc::ptr_eq(other, &self.waker));
            if all.is_empty() {
                waiting.slots.remove(&self.slot);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes lanes whose inbox has something, and clients whose slot has changed.
#[derive(Clone)]
pub(crate) struct Hub {
    waiting: Arc<Mutex<Waiting>>,
    /// Somebody waits for what others may write.
    looks: Arc<Notify>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { waiting: Arc::default(), looks: Arc::new(Notify::new()) }
    }
}

impl Hub {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    /// What a lane listens to.
    pub(crate) fn lane(&self, lane: &LaneId) -> Arc<Bell> {
        let mut waiting = self.waiting();
        Arc::clone(waiting.lanes.entry(lane.clone()).or_insert_with(|| Arc::new(Bell::new())))
    }

    /// Hands an entry to a lane of this process; `None` if none takes it.
    pub(crate) fn hand(&self, lane: &LaneId, entry: &Inboxed, slot: &Slot) -> Option<Answer> {
        let bell = self.waiting().lanes.get(lane).cloned()?;
        bell.desk.hand(entry, slot)
    }

    /// Something is put into the inbox of a lane by a caller's own transaction, which is open.
    pub(crate) fn joined(&self, lane: &LaneId) {
        if let Some(bell) = self.waiting().lanes.get(lane) {
            bell.desk.joined();
        }
    }

    /// Something has entered the inbox of a lane.
    pub(crate) fn entered(&self, lane: &LaneId) {
        if let Some(bell) = self.waiting().lanes.get(lane) {
            bell.ring();
        }
    }

    /// How the lanes of this process stand that have not been told of anything, before somebody looks into
    /// their inboxes.
    pub(crate) fn untold(&self) -> BTreeMap<LaneId, u64> {
        let waiting = self.waiting();
        let state = waiting.lanes.iter().map(|(lane, bell)| (lane, *lock(&bell.state)));
        let untold = state.filter(|(_, state)| !state.is_at_it);
        untold.map(|(lane, state)| (lane.clone(), state.told)).collect()
    }

    /// Something is in the inbox of a lane that had not been told of anything when it was looked for. Says whether
    /// that is so still: then others have put it there.
    pub(crate) fn found_in_inbox(&self, lane: &LaneId, told: u64) -> bool {
        let waiting = self.waiting();
        let Some(bell) = waiting.lanes.get(lane) else { return false };
        let is_news = *lock(&bell.state) == Rings { told, is_at_it: false };
        if is_news {
            bell.notify.notify_one();
        }
        is_news
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

    /// A group is to be served, and has not met yet, or not again.
    pub(crate) fn expect(&self, group: &str) {
        self.waiting().groups.insert(group.to_owned(), None);
    }

    /// A group has met: these lanes are this process's, which may be none.
    pub(crate) fn assigned(&self, group: &str, lanes: &BTreeSet<u32>) {
        self.waiting().groups.insert(group.to_owned(), Some(lanes.clone()));
    }

    /// Whether a lane is this process's, so that what it writes is told here.
    pub(crate) fn has(&self, lane: &LaneId) -> bool {
        let waiting = self.waiting();
        let lanes = waiting.groups.get(&*lane.group).and_then(Option::as_ref);
        lanes.is_some_and(|lanes| lanes.contains(&lane.lane))
    }

    /// Whether all lanes of a group are this process's, of so many.
    pub(crate) fn has_all(&self, group: &str, lanes: u32) -> bool {
        let waiting = self.waiting();
        let ours = waiting.groups.get(group).and_then(Option::as_ref);
        ours.is_some_and(|ours| ours.len() >= lanes as usize)
    }

    /// A group is no more.
    pub(crate) fn forget(&self, group: &str) {
        let mut waiting = self.waiting();
        waiting.groups.remove(group);
        waiting.health.retain(|lane, _| lane.group != group);
        waiting.lanes.retain(|lane, _| lane.group != group);
    }

    /// How the lanes of this process are.
    pub(crate) fn health(&self) -> BTreeMap<LaneId, Health> {
        self.waiting().health.clone()
    }

    /// Whether every group has met, and every lane that fell to this process was taken and is well.
    pub(crate) fn is_ready(&self) -> bool {
        let waiting = self.waiting();
        let is_well = |lane| waiting.health.get(&lane).is_some_and(Health::is_well);
        waiting.health.values().all(Health::is_well)
            && waiting.groups.iter().all(|(group, lanes)| {
                let lanes = lanes.as_ref();
                lanes.is_some_and(|lanes| {
                    lanes.iter().all(|lane| is_well(LaneId::new(group.as_str(), *lane)))
                })
            })
    }

    /// Waits for what is written to a slot from now on.
    pub(crate) fn watch(&self, slot: &Slot, version: Version) -> Watching {
        let waker = Arc::new(Waker::new(version));
        self.waiting().slots.entry(slot.clone()).or_default().push(Arc::clone(&waker));
        Watching { hub: self.clone(), slot: slot.clone(), waker }
    }

    /// These slots were written, and it is committed.
    pub(crate) fn written(&self, slots: impl Iterator<Item = (Slot, Option<Value>)>) {
        let waiting = self.waiting();
        if waiting.slots.is_empty() {
            return;
        }
        for (slot, value) in slots {
            let Some(all) = waiting.slots.get(&slot) else { continue };
            for waker in all.iter().filter(|waker| waker.version.is(value.as_ref())) {
                let is_sure = slot.space != Space::Rows;
                let body = value.as_ref().map(|value| value.body.clone());
                waker.knows(body.as_ref());
                *lock(&waker.written) = is_sure.then_some(body);
                waker.notify.notify_one();
            }
        }
    }

    /// Waits until somebody waits for what others may write, who did not before.
    pub(crate) async fn somebody_looks(&self) {
        self.looks.notified().await;
    }

    /// The slots in which somebody waits for what others may write.
    pub(crate) fn looked_for(&self) -> BTreeSet<Slot> {
        let is_elsewhere = |waker: &Arc<Waker>| waker.is_elsewhere.load(Ordering::SeqCst);
        let waiting = self.waiting();
        let slots = waiting.slots.iter().filter(|(_, all)| all.iter().any(is_elsewhere));
        slots.map(|(slot, _)| slot.clone()).collect()
    }

    /// This is in slots that were looked for, and it is committed. Says whether anything of it is new.
    pub(crate) fn found(&self, found: &BTreeMap<Slot, Bytes>) -> bool {
        let waiting = self.waiting();
        let mut is_new = false;
        for (slot, body) in found {
            // A row may be written by many, and whoever has begun to wait since has perhaps read a newer one.
            let is_sure = slot.space != Space::Rows;
            for waker in waiting.slots.get(slot).into_iter().flatten() {
                is_new |= waker.finds(body, is_sure);
            }
        }
        is_new
    }
}
