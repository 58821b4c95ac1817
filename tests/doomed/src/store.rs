//! A store that says what is passed.

use crate::Points;
use crate::point::Point;
use async_trait::async_trait;
use ballet::Error;
use ballet::clock::Time;
use ballet::store::{
    Advance, Batch, Begun, DeadLetter, Due, Entered, Found, InboxRow, Inboxed, Kept, LaneId, Lock,
    Position, Pruned, RunRow, Scan, Slot, Snapshot, Status, Store, Taken, Writes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The store of a service.
pub(crate) struct Guarded {
    pub(crate) service: &'static str,
    pub(crate) points: Points,
    pub(crate) store: Arc<dyn Store>,
}

#[async_trait]
impl Store for Guarded {
    fn incarnation(&self) -> u32 {
        self.store.incarnation()
    }

    fn is_fused(&self) -> bool {
        self.store.is_fused()
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        self.store.register(lane, positions).await
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        self.points.pass(self.service, Point::Take);
        let taken = self.store.take(lane).await?;
        self.points.pass(self.service, Point::Taken);
        Ok(taken)
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        self.points.pass(self.service, Point::Begin);
        Ok(match self.store.begin(advance).await? {
            Begun::Open(batch) => {
                let (service, points) = (self.service, self.points.clone());
                Begun::Open(Box::new(Open { service, points, batch }))
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
        self.points.pass(self.service, Point::Enter);
        let entered = self.store.enter(lane, entry, unless).await?;
        self.points.pass(self.service, Point::Entered);
        Ok(entered)
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        self.points.pass(self.service, Point::Mark);
        self.store.published(lane, epoch, batch).await?;
        self.points.pass(self.service, Point::Marked);
        Ok(())
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        self.store.waiting().await
    }

    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error> {
        self.store.prune(kind, age, limit).await
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        self.store.find(slots, scans).await
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        self.store.snapshot(group, table).await
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        self.store.forget(group, limit).await
    }

    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        self.store.runs(saga, status, limit).await
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        self.store.dead_letter(id).await
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        self.store.dead_letters(group, limit).await
    }
}

/// A batch of a service.
struct Open {
    service: &'static str,
    points: Points,
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
        self.batch.flush(writes).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.points.pass(self.service, Point::Commit);
        self.batch.commit().await?;
        self.points.pass(self.service, Point::Committed);
        Ok(())
    }

    async fn roll_back(self: Box<Self>) {
        self.batch.roll_back().await;
    }
}
