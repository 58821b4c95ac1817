//! The writer: one task that owns the only connection that writes, and one transaction for many lanes.
//!
//! **Nobody can cancel a transaction.** Lanes and clients send jobs and wait for answers; the statements
//! run here, in a task of their own, on a connection that nobody else can reach (F41). Whoever stops
//! waiting, at whatever point, drops the end of a channel and nothing more.
//!
//! **A batch holds nobody up.** While a lane works on what it has read, others are served. Its begin looks
//! at the lane's row, and its commit brings everything at once: in a savepoint the row is advanced by
//! compare-and-set, and if it is still the same, all is written. What it had read to change is still as it
//! was, for nobody else of its group had its turn in between ([`Turn`](crate::sqlite::turn::Turn)).
//!
//! **Group commit.** What costs is the fsync, so it is shared. A batch is in the transaction when its
//! savepoint is released, and is [precommitted](crate::store::Commit) then. Whoever comes meanwhile is served in the same
//! transaction, within bounds; then there is one COMMIT, and one [flush](crate::sqlite::disk) answers all of them. A batch
//! that fails is taken back to its savepoint, which takes nothing from the others. While the disk is busy with the
//! transactions before, this one goes on: it would only wait.
//!
//! **What is precommitted is handed over**: messages to the lanes that read them, entries to the lane whose
//! inbox they are in, and its own state to the lane that wrote it, which goes on with its next batch. So the
//! lanes of a chain share one fsync, and nobody stands still during one. Nobody acts on what is then taken
//! back:
//!
//! 1. Savepoints are released one after the other, so what is in the transaction after a release stays
//!    in it until the transaction itself ends. A released batch can be lost only with all of it.
//! 2. Acting on a message, or on a row that was read, means to commit a batch. A batch that is written in
//!    the same transaction is committed with what it has read or lost with it. One that is written after
//!    its commit is simply later.
//! 3. If the transaction is lost, every lane is *fenced* before any other job is done: all epochs are
//!    raised by one, in a transaction of its own, and until that is committed every job is refused. So a
//!    batch that would be written after the loss meets another epoch in its compare-and-set, whether its
//!    lane took the lost messages or not; the lane drops its memory, is taken again, and reads from the
//!    positions that are in the file. Offsets that were handed out can then be given to other messages.
//!    Likewise a lane's next batch, if it is written after the one before was lost.
//! 4. What leaves the process (answers to clients, calls to the outside) waits for the second answer to the
//!    batch, which waits for the COMMIT and the disk. Clients read on connections of their own,
//!    which see committed data only, and wait for the disk then; a position that is given to a new reader is a
//!    committed end.
//! 5. A power cut takes the last transactions with the process that has seen them, and nothing that was told.
//!
//! A failed COMMIT is answered with *unknown*: the lane drops its memory and is taken again, and so sees what
//! is true. A failing disk ends the process.

use crate::clock::{Stopwatch, rest};
use crate::error::Error;
use crate::sqlite::disk::Disk;
use crate::sqlite::enter::{self, Entering};
use crate::sqlite::job::{Answer, Batch, Group, Job, Opened, Reply, answer};
use crate::sqlite::lock::Lock;
use crate::sqlite::pen::{Lost, Pen};
use crate::sqlite::take;
use crate::sqlite::trouble::{die_of_a_failing_disk, store, unknown};
use crate::sqlite::turn::Turns;
use crate::store::{Advance, Commit, Entered};
use futures::FutureExt;
use sqlx::Connection;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

/// How many jobs one transaction serves at most, and how long it is open.
const JOBS: usize = 256;
const LONGEST: Duration = Duration::from_millis(5);

/// How long a transaction waits for a job that is about to come: about as long as a commit takes.
const PATIENCE: Duration = Duration::from_millis(1);

/// How many entries are put into inboxes by one statement.
const TOGETHER: usize = 512;

/// The task that writes.
pub(super) struct Writer {
    pen: Pen,
    jobs: mpsc::Receiver<Job>,
    /// A job that was taken from the queue and has not been done.
    next: Option<Job>,
    turns: Turns,
    disk: Disk,
    lock: Lock,
    /// A transaction was lost, and the lanes do not know yet.
    must_fence: bool,
}

impl Writer {
    pub(super) fn new(pen: Pen, jobs: mpsc::Receiver<Job>, disk: Disk, lock: Lock) -> Self {
        Self { pen, jobs, next: None, turns: Turns::default(), disk, lock, must_fence: false }
    }

    /// Works until the last end of the channel is dropped, or until it is told to close.
    pub(super) async fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let job = match self.next.take() {
                Some(job) => Some(job),
                None => self.jobs.recv().await,
            };
            let Some(job) = job else { break };
            closing = self.group(job).await;
        }
        let Self { pen, jobs, next, disk, lock, .. } = self;
        drop((jobs, next));
        disk.close().await;
        if let Err(told) = pen.db.close().await {
            tracing::warn!(%told, "the database was not closed cleanly; it is when it is next opened");
        }
        drop(lock);
        if let Some(closing) = closing {
            answer(closing, ());
        }
    }

    /// This job and those that come while there is something to commit; then the commit.
    async fn group(&mut self, first: Job) -> Option<oneshot::Sender<()>> {
        if let Job::Close(closing) = first {
            return Some(closing);
        }
        if let Err(told) = self.fence().await {
            first.refuse(store(told)).await;
            return None;
        }
        let (mut group, started) = (Group::default(), Stopwatch::start());
        let mut next = Some(first);
        for _ in 0..JOBS {
            let Some(job) = next.take() else { break };
            let done = AssertUnwindSafe(self.job(job, &mut group)).catch_unwind().await;
            if !matches!(done, Ok(Ok(()))) {
                self.lost(group.answers, "the transaction was taken back").await;
                return group.closing;
            }
            let left = LONGEST.saturating_sub(started.elapsed());
            if !group.is_open || group.closing.is_some() || left.is_zero() {
                break;
            }
            let is_awaited = group.woken > 0 || !group.entered.is_empty();
            next = self.another(is_awaited, left).await;
        }
        self.next = self.next.take().or(next);
        self.commit(group).await
    }

    /// Another job that has come. While a batch is open, or a lane was handed something, one is awaited:
    /// it is about to come, and can share the commit. So can whatever comes while the disk is busy.
    async fn another(&mut self, is_awaited: bool, left: Duration) -> Option<Job> {
        if let Some(job) = self.next.take() {
            return Some(job);
        }
        match self.jobs.try_recv() {
            Ok(job) => return Some(job),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let is_awaited = is_awaited || self.turns.are_open();
        let company = async {
            if is_awaited {
                tokio::join!(self.disk.idle(), rest(left.min(PATIENCE)));
            } else {
                self.disk.idle().await;
            }
        };
        tokio::select! {
            biased;
            job = self.jobs.recv() => job,
            () = company => None,
            () = rest(left) => None,
        }
    }

    /// If a transaction was lost, fences all lanes before anything else is done.
    async fn fence(&mut self) -> Result<(), sqlx::Error> {
        if !self.must_fence {
            return Ok(());
        }
        if let Err(told) = self.fence_all().await {
            self.forget().await;
            return Err(told);
        }
        self.must_fence = false;
        tracing::warn!("a transaction was lost: every lane is taken again");
        Ok(())
    }

    async fn fence_all(&mut self) -> Result<(), sqlx::Error> {
        self.pen.say("BEGIN IMMEDIATE").await?;
        take::fence(&mut self.pen.db).await?;
        self.pen.say("COMMIT").await
    }

    async fn job(&mut self, job: Job, group: &mut Group) -> Result<(), Lost> {
        if job.writes() && !group.is_open {
            if let Err(told) = self.pen.say("BEGIN IMMEDIATE").await {
                job.refuse(store(told)).await;
                return Ok(());
            }
            group.is_open = true;
        }
        match job {
            Job::Alone(alone) => match alone(Ok(&mut self.pen)).await {
                Some(answer) => group.answers.push(answer),
                None => self.is_there(group.is_open).await?,
            },
            Job::Enter(entering, reply) => self.enter(*entering, reply, group).await?,
            Job::Begin(advance, reply) => {
                group.woken = group.woken.saturating_sub(1);
                group.entered.remove(&advance.lane);
                let opened = self.begin(&advance).await;
                let is_well = opened.is_ok();
                answer(reply, opened);
                if !is_well {
                    self.is_there(group.is_open).await?;
                }
            }
            Job::Ask(ask) => {
                if !ask(&mut self.pen.db).await {
                    self.is_there(group.is_open).await?;
                }
            }
            Job::Commit(batch, reply) => self.batch(*batch, reply, group).await?,
            Job::Close(closing) => group.closing = Some(closing),
        }
        Ok(())
    }

    /// A statement has failed. Some errors take back the whole transaction, and only asking tells.
    async fn is_there(&mut self, is_open: bool) -> Result<(), Lost> {
        match is_open {
            true if self.pen.say("BEGIN").await.is_ok() => Err(Lost),
            _ => Ok(()),
        }
    }

    /// Puts an entry into its inbox, with all those that come right after it.
    async fn enter(
        &mut self,
        first: Entering,
        reply: Reply<(Entered, Commit)>,
        group: &mut Group,
    ) -> Result<(), Lost> {
        let (mut all, mut replies) = (vec![first], vec![reply]);
        while all.len() < TOGETHER {
            match self.jobs.try_recv() {
                Ok(Job::Enter(entering, reply)) => {
                    all.push(*entering);
                    replies.push(reply);
                }
                other => {
                    self.next = other.ok();
                    break;
                }
            }
        }
        match enter::enter_all(&mut self.pen.db, &all, self.pen.clock.now()).await {
            Ok(entered) => {
                for ((entered, reply), Entering { lane, .. }) in
                    entered.into_iter().zip(replies).zip(all)
                {
                    answer(reply, Ok((entered, group.precommitted())));
                    if self.pen.knows(&lane) {
                        group.entered.insert(lane);
                    }
                }
                Ok(())
            }
            Err(told) => {
                for reply in replies {
                    answer(reply, Err(Error::new(told.kind(), &told)));
                }
                self.is_there(group.is_open).await
            }
        }
    }

    /// Gives a batch its turn, if the lane is still as its owner knows it.
    async fn begin(&mut self, advance: &Advance) -> Result<Opened, Error> {
        let (epoch, batch, time) = self.pen.look(&advance.lane).await?;
        if (epoch, batch) != (advance.epoch, advance.batch) {
            return Ok(Opened::Lost(epoch, batch));
        }
        Ok(Opened::Open(time.max(self.pen.clock.now()), self.turns.begin()))
    }

    /// Writes a batch, and ends its turn.
    async fn batch(
        &mut self,
        batch: Batch,
        reply: Reply<Commit>,
        group: &mut Group,
    ) -> Result<(), Lost> {
        let Batch { advance, now, draft, turn } = batch;
        match self.pen.batch(draft, &advance, now).await? {
            Ok(woken) => {
                group.woken += woken;
                answer(reply, Ok(group.precommitted()));
            }
            Err(told) => answer(reply, Err(told)),
        }
        drop(turn);
        Ok(())
    }

    async fn commit(&mut self, group: Group) -> Option<oneshot::Sender<()>> {
        let Group { is_open, answers, closing, .. } = group;
        if answers.is_empty() {
            if is_open {
                self.forget().await; // What was done has failed, and may have left something.
            }
            return closing;
        }
        let number = self.disk.begins();
        match self.pen.say("COMMIT").await {
            Ok(()) => {
                self.pen.log.committed();
                self.disk.flush(number, answers).await;
            }
            Err(told) => {
                die_of_a_failing_disk(&told);
                self.disk.flush(number, Vec::new()).await;
                self.lost(answers, &store(told).to_string()).await;
            }
        }
        closing
    }

    /// The transaction is lost, or nobody knows: whoever took part is told so, and all are fenced.
    async fn lost(&mut self, answers: Vec<Answer>, told: &str) {
        self.forget().await;
        self.must_fence = true;
        self.pen.forget();
        self.pen.log.taken_back();
        answers.into_iter().for_each(|answer| answer(Err(unknown(told))));
    }

    /// Takes back what is open; if nothing is, that is as well.
    async fn forget(&mut self) {
        if let Err(told) = self.pen.say("ROLLBACK").await {
            tracing::debug!(%told, "there was nothing to roll back");
        }
    }
}
