//! The store: one transaction at a time, applied as a whole at its commit.

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::memory::state::State;
use crate::memory::{Node, Point};
use crate::mistake::Mistake;
use crate::store::{
    Advance, Batch, Begun, DeadLetter, Due, Entered, Found, InboxRow, Inboxed, Kept, LaneId, Lock,
    Position, Pruned, RunRow, Scan, Slot, Snapshot, Space, Status, Store, Taken, Writes,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

#[async_trait]
impl Store for Node {
    fn incarnation(&self) -> u32 {
        1
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        self.breathe().await;
        let _turn = self.world.writer.lock().await;
        self.world.state().register(lane, positions);
        Ok(())
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        self.pass(Point::Take(lane.clone()), ErrorKind::Store).await?;
        let taken = {
            let _turn = self.world.writer.lock().await;
            self.world.state().take(lane, self.world.clock.now())
        };
        self.pass(Point::Taken(lane.clone()), ErrorKind::Store).await?;
        Ok(taken)
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        self.pass(Point::Begin(advance.lane.clone()), ErrorKind::Store).await?;
        let turn = self.world.writer.clone().lock_owned().await;
        let checked = self.world.state().check(advance);
        if let Err((epoch, batch)) = checked {
            return Ok(Begun::Lost { epoch, batch });
        }
        if Mistake::PositionApart.is_made() {
            self.world.state().move_on(advance);
        }
        let lane = |state: &State| state.lanes.get(&advance.lane).map(|lane| lane.time);
        let before = lane(&self.world.state()).filter(|_| !Mistake::ClockGoesBack.is_made());
        Ok(Begun::Open(Box::new(Open {
            node: self.clone(),
            advance: advance.clone(),
            now: self.world.clock.now().max(before.unwrap_or_default()),
            writes: Writes::default(),
            turn: Some(turn),
        })))
    }

    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        self.pass(Point::Enter(lane.clone()), ErrorKind::Store).await?;
        let entered = {
            let _turn = self.world.writer.lock().await;
            let mut state = self.world.state();
            let exists = unless.and_then(|slot| state.slots.get(slot)).map(|at| at.body.clone());
            match exists {
                Some(body) => Entered::Exists(body),
                None => match state.enter(lane, entry, self.world.clock.now()) {
                    Some(body) => Entered::Waiting(body),
                    None => Entered::New,
                },
            }
        };
        self.pass(Point::Entered(lane.clone()), ErrorKind::Unknown).await?;
        Ok(entered)
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        self.pass(Point::Mark(lane.clone()), ErrorKind::Store).await?;
        {
            let _turn = self.world.writer.lock().await;
            self.world.state().mark(lane, epoch, batch);
        }
        self.pass(Point::Marked(lane.clone()), ErrorKind::Store).await
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        self.breathe().await;
        Ok(self.world.state().waiting())
    }

    /// One step is the whole round: nothing here is so large that it must be cut.
    async fn prune(&self, kind: Kept, age: Duration, _: u32) -> Result<Pruned, Error> {
        self.breathe().await;
        let _turn = self.world.writer.lock().await;
        let before = self.world.clock.now().before(age);
        let rows = self.world.state().prune(kind, before);
        let deleted = rows + self.world.prune_log(kind, before);
        Ok(Pruned { deleted, is_done: true })
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        self.breathe().await;
        Ok(self.look(slots.iter(), scans))
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        self.breathe().await;
        Ok(self.world.state().snapshot(group, table))
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        self.breathe().await;
        let _turn = self.world.writer.lock().await;
        Ok(self.world.state().forget_group(group, limit))
    }

    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        self.breathe().await;
        let state = self.world.state();
        let runs = state.slots.iter().rev().filter(|(slot, value)| {
            slot.space == Space::Runs
                && slot.table == saga
                && (status.is_none() || value.status == status)
        });
        let row = |(slot, value): (&Slot, &crate::store::Value)| RunRow {
            saga: slot.table.to_string(),
            run: String::from_utf8_lossy(&slot.key).into_owned(),
            status: value.status.unwrap_or(Status::Running),
            body: value.body.clone(),
        };
        Ok(runs.take(limit as usize).map(row).collect())
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        self.breathe().await;
        Ok(self.world.state().dead.get(&id).cloned())
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        self.breathe().await;
        let state = self.world.state();
        let mut all: Vec<DeadLetter> = state.dead.values().cloned().collect();
        all.retain(|letter| group.is_none_or(|group| letter.lane.group == group));
        all.sort_by_key(|letter| std::cmp::Reverse(letter.at));
        all.truncate(limit as usize);
        Ok(all)
    }
}

impl Node {
    fn look<'a>(&self, slots: impl Iterator<Item = &'a Slot>, scans: &BTreeSet<Scan>) -> Found {
        let state = self.world.state();
        let at = |slot: &Slot| Some((slot.clone(), state.slots.get(slot)?.body.clone()));
        Found {
            slots: slots.filter_map(at).collect(),
            scans: scans.iter().map(|scan| (scan.clone(), state.scan(scan))).collect(),
        }
    }
}

/// A transaction: it holds the turn until it ends.
struct Open {
    node: Node,
    advance: Advance,
    now: Time,
    writes: Writes,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Open {
    /// A process that is dead lets go of its transaction, as a database takes back one whose connection
    /// is gone.
    async fn breathe(&mut self) {
        self.node.breathe_holding(&mut self.turn).await;
    }
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.now
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        self.breathe().await;
        let mut state = self.node.world.state();
        let lane = state.lanes.get_mut(&self.advance.lane);
        let Some(inbox) = lane.map(|lane| &mut lane.inbox) else { return Ok(Vec::new()) };
        let rows = inbox.values().take(limit as usize).cloned().collect();
        if Mistake::InboxLost.is_made() {
            inbox.clear();
        }
        Ok(rows)
    }

    async fn due(&mut self, limit: u32) -> Result<Due, Error> {
        self.breathe().await;
        let state = self.node.world.state();
        let all = state.lanes.get(&self.advance.lane).into_iter().flat_map(|lane| &lane.timers);
        let timers = all.map(|(timer, key)| (timer.clone(), key.clone()));
        Ok(Due::of(timers.take(limit as usize + 1), self.now, limit))
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        self.breathe().await;
        Ok(self.node.look(slots.keys(), scans))
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        self.breathe().await;
        let state = self.node.world.state();
        let group = &self.advance.lane.group;
        let was = |id: &&String| state.seen.contains_key(&(group.clone(), (*id).clone()));
        Ok(ids.iter().filter(was).cloned().collect())
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        self.breathe().await;
        let state = self.node.world.state();
        Ok(ids.iter().filter_map(|id| state.dead.get(id).cloned()).collect())
    }

    async fn flush(&mut self, writes: Writes) -> Result<(), Error> {
        self.breathe().await;
        let is_early = |slot: &Slot| match slot.space {
            Space::Barriers => Mistake::BarrierBeforeTheEffect.is_made(),
            Space::Rows => Mistake::RowsApart.is_made(),
            Space::Runs => false,
        };
        for (slot, value) in writes.slots.iter().filter(|(slot, _)| is_early(slot)) {
            self.node.world.state().write(slot.clone(), value.clone(), self.now);
        }
        self.writes = writes;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        let Self { node, advance, now, writes, mut turn } = *self;
        let lane = advance.lane.clone();
        node.pass_holding(Point::Commit(lane.clone()), ErrorKind::Unknown, &mut turn).await?;
        if let Some(slot) = node.world.state().not_absent(&writes) {
            return Err(Error::new(
                ErrorKind::Store,
                format!("something is there already: {slot}"),
            ));
        }
        if let Some(id) = node.world.state().entered(&lane, &writes) {
            let told = format!("an entry `{id}` waits in the inbox of lane {lane}");
            return Err(Error::new(ErrorKind::Store, told));
        }
        node.world.state().apply(&advance, now, writes);
        drop(turn);
        node.pass(Point::Committed(lane), ErrorKind::Unknown).await?;
        if Mistake::PositionAfter.is_made() {
            node.world.state().move_on(&advance);
        }
        Ok(())
    }

    async fn roll_back(self: Box<Self>) {}
}
