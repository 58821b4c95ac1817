//! The tables of the store in memory.

use crate::clock::Time;
use crate::edge::Edge;
use crate::message::{Key, Outgoing};
use crate::mistake::Mistake;
use crate::store::{
    Advance, Calling, DeadLetter, InboxRow, Inboxed, Kept, Known, LaneId, Parked, Position, Scan,
    Slot, Space, Status, Taken, Timer, Value, Writes,
};
use crate::text::Text;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Everything about one lane.
#[derive(Debug, Default, Clone)]
pub(crate) struct LaneState {
    pub(crate) epoch: u64,
    takes: u32,
    pub(crate) batch: u64,
    pub(crate) time: Time,
    pub(crate) positions: BTreeMap<String, Position>,
    pub(crate) published: u64,
    pub(crate) sent: BTreeMap<(Text, u32), u64>,
    pub(crate) taken: BTreeMap<Edge, u64>,
    pub(crate) timers: BTreeMap<Timer, Key>,
    pub(crate) calls: BTreeMap<String, Calling>,
    pub(crate) parked: BTreeMap<u64, Parked>,
    pub(crate) inbox: BTreeMap<i64, InboxRow>,
    /// Batches with messages, and when they were committed.
    pub(crate) outbox: BTreeMap<u64, (Time, Vec<Outgoing>)>,
}

/// The database.
#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    pub(crate) lanes: BTreeMap<LaneId, LaneState>,
    pub(crate) slots: BTreeMap<Slot, Value>,
    /// When each slot was written last.
    written: BTreeMap<Slot, Time>,
    pub(crate) seen: BTreeMap<(Text, String), Time>,
    pub(crate) dead: BTreeMap<Uuid, DeadLetter>,
    next_entry: i64,
}

impl LaneState {
    fn unpublished(&self) -> Vec<(u64, Vec<Outgoing>)> {
        let waiting = self.outbox.range(self.published + 1..);
        waiting.map(|(batch, (_, messages))| (*batch, messages.clone())).collect()
    }

    /// Forgets the batches of before that time that have reached the broker.
    fn forget_published(&mut self, before: Time) -> u64 {
        let (published, all) = (self.published, self.outbox.len());
        self.outbox.retain(|number, (at, _)| {
            (*number > published && !Mistake::CutUnpublished.is_made()) || *at >= before
        });
        (all - self.outbox.len()) as u64
    }
}

impl State {
    pub(crate) fn take(&mut self, id: &LaneId, now: Time) -> Taken {
        let lane = self.lanes.entry(id.clone()).or_default();
        lane.epoch += u64::from(!Mistake::TakeWithoutEpoch.is_made());
        lane.takes += 1;
        lane.time = lane.time.max(now);
        if Mistake::TimerOfMemory.is_made() {
            lane.timers.clear();
        }
        Taken {
            epoch: lane.epoch,
            takes: lane.takes,
            batch: lane.batch,
            time: lane.time,
            positions: lane.positions.clone(),
            sent: lane.sent.clone(),
            taken: lane.taken.clone(),
            parked: lane.parked.values().cloned().collect(),
            calls: lane.calls.values().cloned().collect(),
            unpublished: lane.unpublished(),
            due: lane.timers.keys().next().map(|timer| timer.due),
        }
    }

    pub(crate) fn register(&mut self, id: &LaneId, positions: &BTreeMap<String, Position>) {
        let lane = self.lanes.entry(id.clone()).or_default();
        for (topic, position) in positions {
            lane.positions.entry(topic.clone()).or_insert(*position);
        }
    }

    /// The compare-and-set, without writing: the writes are applied at the commit.
    pub(crate) fn check(&self, advance: &Advance) -> Result<(), (u64, u64)> {
        let found = self.lanes.get(&advance.lane).map_or((0, 0), |lane| (lane.epoch, lane.batch));
        let is_owner = found.0 == advance.epoch || Mistake::NoEpoch.is_made();
        let is_next = found.1 == advance.batch || Mistake::NoBatchNumber.is_made();
        if is_owner && is_next { Ok(()) } else { Err(found) }
    }

    pub(crate) fn enter(&mut self, lane: &LaneId, entry: &Inboxed, now: Time) -> Option<Bytes> {
        let number = self.next_entry;
        let inbox = &mut self.lanes.entry(lane.clone()).or_default().inbox;
        if let Some(waiting) = inbox.values().find(|row| row.entry.id == entry.id) {
            return Some(waiting.entry.body.clone());
        }
        inbox.insert(number, InboxRow { number, at: now, entry: entry.clone() });
        self.next_entry += 1;
        None
    }

    pub(crate) fn mark(&mut self, id: &LaneId, epoch: u64, batch: u64) {
        if let Some(lane) = self.lanes.get_mut(id).filter(|lane| lane.epoch == epoch) {
            lane.published = lane.published.max(batch);
        }
    }

    /// How far a lane has read.
    pub(super) fn move_on(&mut self, advance: &Advance) {
        let lane = self.lanes.entry(advance.lane.clone()).or_default();
        lane.positions.extend(advance.positions.clone());
    }

    /// Applies a whole batch.
    pub(crate) fn apply(&mut self, advance: &Advance, now: Time, writes: Writes) {
        for (id, entry) in &writes.inbox {
            self.enter(id, entry, now);
        }
        for (slot, value) in writes.slots {
            self.write(slot, value, now);
        }
        let group = &advance.lane.group;
        self.seen.extend(writes.seen.into_iter().map(|id| ((group.clone(), id), now)));
        self.dead.retain(|id, _| !writes.replayed.contains(id));
        self.dead.extend(writes.dead.into_iter().map(|letter| (letter.id, letter)));

        self.mark(&advance.lane, advance.epoch, advance.published);
        if !Mistake::PositionAfter.is_made() {
            self.move_on(advance);
        }
        let lane = self.lanes.entry(advance.lane.clone()).or_default();
        lane.batch += 1;
        lane.takes = 0;
        lane.time = now;
        lane.sent.extend(writes.sent);
        lane.taken.extend(writes.taken);
        lane.timers.retain(|timer, _| !writes.timers_gone.contains(timer));
        lane.timers.extend(writes.timers);
        lane.calls.retain(|id, _| !writes.called.contains(id));
        lane.calls.extend(writes.calls.into_iter().map(|call| (call.id.clone(), call)));
        lane.parked.retain(|number, _| !writes.released.contains(number));
        lane.parked.extend(writes.parked.into_iter().map(|parked| (parked.number, parked)));
        lane.inbox.retain(|number, _| !writes.inbox_taken.contains(number));
        if !writes.outgoing.is_empty() {
            lane.outbox.insert(lane.batch, (now, writes.outgoing));
        }
    }

    /// Something that is where the batch takes it that there is nothing.
    pub(crate) fn not_absent(&self, writes: &Writes) -> Option<Slot> {
        let absent = writes.known.iter().filter(|(_, known)| **known == Known::Absent);
        let mut there = absent.map(|(slot, _)| slot).filter(|slot| self.slots.contains_key(slot));
        there.next().filter(|_| !Mistake::TakenForAbsent.is_made()).cloned()
    }

    /// An entry that waits in the inbox of the lane and must not.
    pub(crate) fn entered(&self, lane: &LaneId, writes: &Writes) -> Option<String> {
        let waiting = self.lanes.get(lane).into_iter().flat_map(|lane| lane.inbox.values());
        let ids: BTreeSet<&String> = waiting.map(|row| &row.entry.id).collect();
        let mut there = writes.not_entered.iter().filter(|id| ids.contains(id));
        there.next().filter(|_| !Mistake::HandedBesideTheInbox.is_made()).cloned()
    }

    pub(crate) fn write(&mut self, slot: Slot, value: Option<Value>, now: Time) {
        match value {
            Some(value) => {
                self.written.insert(slot.clone(), now);
                self.slots.insert(slot, value);
            }
            None => {
                self.written.remove(&slot);
                self.slots.remove(&slot);
            }
        }
    }

    /// Deletes what is older than this, and says how much that was.
    pub(crate) fn prune(&mut self, kind: Kept, before: Time) -> u64 {
        match kind {
            Kept::Log | Kept::Unread => 0,
            Kept::Outbox => self.lanes.values_mut().map(|lane| lane.forget_published(before)).sum(),
            Kept::Archive => self.forget(before, |slot, value| {
                slot.space == Space::Runs && value.status.is_some_and(Status::is_end)
            }),
            Kept::Barriers => self.forget(before, |slot, value| {
                slot.space == Space::Barriers && value.status.is_none()
            }),
            Kept::Seen => {
                let all = self.seen.len();
                self.seen.retain(|_, at| *at >= before && !Mistake::ForgetTooEarly.is_made());
                (all - self.seen.len()) as u64
            }
            Kept::DeadLetters => {
                let all = self.dead.len();
                self.dead.retain(|_, letter| letter.at >= before);
                (all - self.dead.len()) as u64
            }
        }
    }

    fn forget(&mut self, before: Time, is_kind: impl Fn(&Slot, &Value) -> bool) -> u64 {
        let is_old = |slot: &Slot| self.written.get(slot).is_some_and(|at| *at < before);
        let old = self.slots.iter().filter(|(slot, value)| is_kind(slot, value) && is_old(slot));
        let old: Vec<Slot> = old.map(|(slot, _)| slot.clone()).collect();
        for slot in &old {
            self.slots.remove(slot);
            self.written.remove(slot);
        }
        old.len() as u64
    }

    /// Where the slowest group reads a partition next; `None` if nobody reads it.
    pub(crate) fn read_by_all(&self, topic: &str, partition: u32) -> Option<u64> {
        let lanes = self.lanes.iter().filter(|(id, _)| id.lane == partition);
        lanes.filter_map(|(_, lane)| lane.positions.get(topic)).map(|at| at.next).min()
    }

    /// The lanes in whose inbox something waits.
    pub(crate) fn waiting(&self) -> BTreeSet<LaneId> {
        let waiting = self.lanes.iter().filter(|(_, lane)| !lane.inbox.is_empty());
        waiting.map(|(id, _)| id.clone()).collect()
    }

    /// The rows of a range, in order.
    pub(crate) fn scan(&self, scan: &Scan) -> Vec<(Bytes, Bytes)> {
        let from = Slot::new(Space::Rows, scan.table.clone(), scan.from.clone());
        let rows = self.slots.range(from..).take_while(|(slot, _)| {
            slot.space == Space::Rows
                && slot.table == scan.table
                && scan.to.as_ref().is_none_or(|to| slot.key < *to)
        });
        rows.take(scan.limit as usize)
            .map(|(slot, value)| (slot.key.clone(), value.body.clone()))
            .collect()
    }
}
