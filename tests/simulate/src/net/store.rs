//! The store as a process reaches it.

use super::wires::Wires;
use async_trait::async_trait;
use ballet::Error;
use ballet::clock::Time;
use ballet::store::{
    Advance, Batch, Begun, DeadLetter, Due, Entered, Found, InboxRow, Inboxed, Kept, LaneId, Lock,
    Position, Pruned, RunRow, Scan, Slot, Snapshot, Status, Store, Taken, Writes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A store at the end of a wire.
pub struct WiredStore {
    /// The wire.
    pub wires: Wires,
    /// The store.
    pub store: Arc<dyn Store>,
}

impl fmt::Debug for WiredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store behind {:?}", self.wires)
    }
}

#[async_trait]
impl Store for WiredStore {
    fn incarnation(&self) -> u32 {
        self.store.incarnation()
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        self.wires.to_store().await?;
        self.store.register(lane, positions).await
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        self.wires.to_store().await?;
        let taken = self.store.take(lane).await?;
        self.wires.trace.takes(lane, taken.epoch);
        Ok(taken)
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        self.wires.to_store().await?;
        Ok(match self.store.begin(advance).await? {
            Begun::Open(batch) => {
                self.wires.trace.begins(advance);
                Begun::Open(Box::new(Open { wires: self.wires.clone(), batch }))
            }
            lost @ Begun::Lost { .. } => lost,
        })
    }

    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        self.wires.to_store().await?;
        self.store.enter(lane, entry, unless).await
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        self.wires.to_store().await?;
        self.store.published(lane, epoch, batch).await?;
        self.wires.trace.publishes(lane, epoch, batch);
        Ok(())
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        self.wires.to_store().await?;
        self.store.waiting().await
    }

    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error> {
        self.wires.to_store().await?;
        self.store.prune(kind, age, limit).await
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        self.wires.to_store().await?;
        self.store.find(slots, scans).await
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        self.wires.to_store().await?;
        self.store.snapshot(group, table).await
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        self.wires.to_store().await?;
        self.store.forget(group, limit).await
    }

    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        self.wires.to_store().await?;
        self.store.runs(saga, status, limit).await
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        self.wires.to_store().await?;
        self.store.dead_letters(group, limit).await
    }
}

/// A transaction at the end of a wire. Inside of it nothing is slow: whoever is slow there keeps the turn
/// to write from everybody, as no database does.
struct Open {
    wires: Wires,
    batch: Box<dyn Batch>,
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.batch.now()
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        self.batch.inbox(limit).await
    }

    async fn due(&mut self, limit: u32) -> Result<Due, Error> {
        self.batch.due(limit).await
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        self.batch.read(slots, scans).await
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        self.batch.seen(ids).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        self.batch.dead(ids).await
    }

    async fn flush(&mut self, writes: Writes) -> Result<(), Error> {
        self.wires.trace.flushes(&writes);
        self.batch.flush(writes).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.batch.commit().await
    }

    async fn roll_back(self: Box<Self>) {
        self.batch.roll_back().await;
    }
}
