//! An open batch, as the lane holds it: the writer's end of it is in [`writer`](crate::sqlite::writer).

use crate::clock::Time;
use crate::error::Error;
use crate::sqlite::job::{self, Job, Opened};
use crate::sqlite::read;
use crate::sqlite::trouble::closed;
use crate::sqlite::turn::Turn;
use crate::sqlite::writes::Draft;
use crate::store::commit::closed_under_a_commit;
use crate::store::{
    Advance, Batch, Begun, Commit, DeadLetter, Due, Found, InboxRow, Lock, Scan, Slot, Writes,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How a batch was begun, for the lane.
pub(super) fn begun(advance: &Advance, opened: Opened, jobs: &mpsc::Sender<Job>) -> Begun {
    match opened {
        Opened::Lost(epoch, batch) => Begun::Lost { epoch, batch },
        Opened::Open(now, turn) => {
            let (advance, jobs) = (advance.clone(), jobs.clone());
            Begun::Open(Box::new(Open { advance, now, turn, jobs, draft: None }))
        }
    }
}

/// A lane's turn. When it is dropped, nothing was written.
struct Open {
    advance: Advance,
    now: Time,
    turn: Turn,
    jobs: mpsc::Sender<Job>,
    draft: Option<Draft>,
}

impl Open {
    /// Asks something that sees all that is written before. Whoever stops waiting has asked in vain,
    /// nothing else.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let ask = Job::Ask(Box::new(move |db| {
            Box::pin(async move {
                let answered = question(db).await;
                let is_well = answered.is_ok();
                let _ = reply.send(answered);
                is_well
            })
        }));
        job::send(&self.jobs, ask, answer).await
    }
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.now
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        let lane = self.advance.lane.clone();
        self.ask(move |db| Box::pin(async move { read::inbox(db, &lane, limit).await })).await
    }

    async fn due(&mut self, limit: u32) -> Result<Due, Error> {
        let (lane, now) = (self.advance.lane.clone(), self.now);
        self.ask(move |db| Box::pin(async move { read::due(db, &lane, now, limit).await })).await
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        self.turn.hold(&self.advance.lane.group, slots).await;
        let slots: BTreeSet<Slot> = slots.keys().cloned().collect();
        let scans = scans.clone();
        self.ask(move |db| Box::pin(async move { read::find(db, &slots, &scans).await })).await
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        let (group, ids) = (self.advance.lane.group.clone(), ids.clone());
        self.ask(move |db| Box::pin(async move { read::seen(db, &group, &ids).await })).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        let ids = ids.clone();
        self.ask(move |db| Box::pin(async move { read::dead(db, &ids).await })).await
    }

    /// Packs the writes, here and not in the task that all lanes share; they go out with the commit, by
    /// one text.
    async fn flush(&mut self, writes: Writes) -> Result<(), Error> {
        self.draft = Some(Draft::of(&self.advance.lane, writes));
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.precommit().await?.done().await
    }

    async fn precommit(self: Box<Self>) -> Result<Commit, Error> {
        let Self { advance, now, turn, jobs, draft } = *self;
        let draft = draft.unwrap_or_else(|| Draft::of(&advance.lane, Writes::default()));
        let (reply, answer) = oneshot::channel();
        let batch = job::Batch { advance, now, draft, turn };
        jobs.send(Job::Commit(Box::new(batch), reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed_under_a_commit()))
    }

    async fn roll_back(self: Box<Self>) {}
}
