//! An open batch, as the lane holds it: the writer's end of it is in [`writer`](crate::sqlite::writer).

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::sqlite::read;
use crate::sqlite::trouble::closed;
use crate::sqlite::writer::{Op, Opened};
use crate::sqlite::writes::Draft;
use crate::store::{
    Batch, Begun, DeadLetter, Found, InboxRow, LaneId, Lock, Scan, Slot, Timer, Writes,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How a batch was begun, for the lane.
pub(super) fn begun(lane: LaneId, opened: Opened) -> Begun {
    match opened {
        Opened::Lost(epoch, batch) => Begun::Lost { epoch, batch },
        Opened::Open(now, ops) => Begun::Open(Box::new(Open { lane, now, ops, draft: None })),
    }
}

/// A lane's turn. When it is dropped, what it wrote is taken back.
struct Open {
    lane: LaneId,
    now: Time,
    ops: mpsc::Sender<Op>,
    draft: Option<Draft>,
}

impl Open {
    /// Asks something inside the transaction. Whoever stops waiting has asked in vain, nothing else.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let ask = Op::Ask(Box::new(move |db| {
            Box::pin(async move {
                let _ = reply.send(question(db).await);
            })
        }));
        self.ops.send(ask).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.now
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        let lane = self.lane.clone();
        self.ask(move |db| Box::pin(async move { read::inbox(db, &lane, limit).await })).await
    }

    async fn due(&mut self, limit: u32) -> Result<(Vec<Timer>, Option<Time>), Error> {
        let (lane, now) = (self.lane.clone(), self.now);
        self.ask(move |db| Box::pin(async move { read::due(db, &lane, now, limit).await })).await
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        // Nobody else writes while the turn lasts: everything is locked.
        let slots: BTreeSet<Slot> = slots.keys().cloned().collect();
        let scans = scans.clone();
        self.ask(move |db| Box::pin(async move { read::find(db, &slots, &scans).await })).await
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        let (group, ids) = (self.lane.group.clone(), ids.clone());
        self.ask(move |db| Box::pin(async move { read::seen(db, &group, &ids).await })).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        let ids = ids.clone();
        self.ask(move |db| Box::pin(async move { read::dead(db, &ids).await })).await
    }

    /// Packs the writes, here and not in the task that all lanes share; they go out with the commit, by
    /// one text.
    async fn flush(&mut self, writes: Writes) -> Result<(), Error> {
        self.draft = Some(Draft::of(&self.lane, writes));
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Error> {
        let draft = self.draft.take();
        let draft = draft.unwrap_or_else(|| Draft::of(&self.lane, Writes::default()));
        let (reply, answer) = oneshot::channel();
        self.ops.send(Op::Commit(Box::new(draft), reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unknown, "the database was closed under a commit: open it again")
        })?
    }

    async fn roll_back(self: Box<Self>) {
        let (done, is_done) = oneshot::channel();
        if self.ops.send(Op::RollBack(done)).await.is_ok() {
            // If the writer has ended, so has the transaction.
            let _ = is_done.await;
        }
    }
}
