//! The writer: one task that owns the only connection that writes, and one transaction for many lanes.
//!
//! **Nobody can cancel a transaction.** Lanes and clients send jobs and wait for answers; the statements
//! run here, in a task of their own, on a connection that nobody else can reach (F41). Whoever stops
//! waiting, at whatever point, drops the ends of two channels and nothing more: the writer sees that and
//! takes the batch back to its savepoint.
//!
//! **Group commit.** What costs is the fsync, so it is shared. A batch runs inside a savepoint; when it
//! commits, the savepoint is released, and its answer waits. Whoever is waiting for a turn gets it in the
//! same transaction, within bounds; then one COMMIT answers all of them. A batch that fails is taken back
//! to its savepoint, which takes nothing from the others.
//!
//! **Messages are handed over before the commit**, when the savepoint is released, so that the lanes of a
//! chain can share one fsync. Nobody acts on a message that is then taken back:
//!
//! 1. Savepoints are released one after the other, so what is in the transaction after a release stays
//!    in it until the transaction itself ends. A released batch can be lost only with all of it.
//! 2. Acting on a message means to commit a batch. A batch that begins in the same transaction is
//!    committed with the message or lost with it. One that begins after its commit is simply later.
//! 3. If the transaction is lost, every lane is *fenced* before any other job is done: all epochs are
//!    raised by one, in a transaction of its own, and until that is committed every job is refused. So a
//!    batch that would begin after the loss meets another epoch in its compare-and-set, whether its lane
//!    took the lost messages or not; the lane drops its memory, is taken again, and reads from the
//!    positions that are in the file. Offsets that were handed out can then be given to other messages.
//! 4. What leaves the process (answers to clients, calls to the outside, hints to other lanes) waits for
//!    the answer to the batch, which waits for the COMMIT. Clients read on connections of their own,
//!    which see committed data only, and a position that is given to a new reader is a committed end.
//!
//! A failed COMMIT is answered with *unknown*: the lane asks the compare-and-set, which says that the lane
//! is fenced, and the owner that takes it next sees what is true. A failing disk ends the process.

use crate::broker::TopicSpec;
use crate::clock::{Clock, Stopwatch, Time};
use crate::error::Error;
use crate::sqlite::lock::Lock;
use crate::sqlite::prune::Hands;
use crate::sqlite::tail::Log;
use crate::sqlite::take;
use crate::sqlite::trouble::{closed, die_of_a_failing_disk, store, unknown};
use crate::sqlite::writes::{Draft, Texts};
use crate::store::{Advance, LaneId};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{Connection, Executor, SqliteConnection};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How many turns one transaction has at most, and how long it takes turns.
const TURNS: usize = 32;
const LONGEST: Duration = Duration::from_millis(5);

/// How often others may go on before a transaction ends, when its messages have woken an idle lane: that
/// lane is about to ask for a turn.
const YIELDS: usize = 16;

/// What came of the transaction that a job was done in.
pub(super) type Committed = Result<(), Error>;

/// Answers a job when it is known whether it was committed.
pub(super) type Answer = Box<dyn FnOnce(Committed) + Send>;

/// A job that is done in one go. It is given an error instead of the pen if it cannot be done.
pub(super) type Alone =
    Box<dyn for<'c> FnOnce(Result<&'c mut Pen, Error>) -> BoxFuture<'c, Option<Answer>> + Send>;

/// A question of an open batch.
pub(super) type Ask = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, ()> + Send>;

/// What an open batch wants.
pub(super) enum Op {
    Ask(Ask),
    Commit(Box<Draft>, oneshot::Sender<Committed>),
    RollBack(oneshot::Sender<()>),
}

/// How a batch was begun.
pub(super) enum Opened {
    /// It is open; when the sender is dropped it is taken back.
    Open(Time, mpsc::Sender<Op>),
    /// The lane is another's: epoch and batch.
    Lost(u64, u64),
}

/// What the writer is asked to do.
pub(super) enum Job {
    Alone(Alone),
    Begin(Box<Advance>, oneshot::Sender<Result<Opened, Error>>),
    Close(oneshot::Sender<()>),
}

/// What a job needs to write.
pub(super) struct Pen {
    pub(super) db: SqliteConnection,
    pub(super) log: Arc<Log>,
    pub(super) clock: Arc<dyn Clock>,
    /// Where deleting what is old goes on.
    pub(super) hands: Hands,
    texts: Texts,
}

impl Pen {
    pub(super) fn new(db: SqliteConnection, log: Arc<Log>, clock: Arc<dyn Clock>) -> Self {
        Self { db, log, clock, hands: Hands::default(), texts: Texts::default() }
    }

    /// Makes sure of a topic.
    pub(super) async fn ensure(&mut self, topic: TopicSpec) -> Result<(), Error> {
        if self.log.has(&topic)? {
            return Ok(());
        }
        let made =
            sqlx::query("INSERT INTO topics (name, partitions, compacted) VALUES ($1, $2, $3)");
        let made = made.bind(&topic.name).bind(topic.partitions).bind(topic.compacted);
        let made = made.execute(&mut self.db).await.map_err(store)?;
        self.log.add(&topic, made.last_insert_rowid());
        Ok(())
    }

    /// Appends messages that come from no batch.
    pub(super) async fn produce(&mut self, mut draft: Draft) -> Result<(), Error> {
        let outgoing = draft.outgoing();
        draft.append(&self.log.place(&outgoing)?);
        let (text, args) = self.texts.alone(draft, self.clock.now());
        sqlx::query_with(text, args.0).execute(&mut self.db).await.map_err(store)?;
        self.log.append(outgoing);
        Ok(())
    }

    /// Writes a batch and releases its savepoint, by one text; says how many idle readers it has woken.
    async fn flush(&mut self, mut draft: Draft, lane: &LaneId, now: Time) -> Result<usize, Error> {
        let outgoing = draft.outgoing();
        draft.append(&self.log.place(&outgoing)?);
        let (text, args) = self.texts.batch(draft, lane, now);
        sqlx::query_with(text, args.0).execute(&mut self.db).await.map_err(store)?;
        Ok(self.log.append(outgoing))
    }

    async fn say(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        self.db.execute(sqlx::query(text)).await.map(drop)
    }
}

/// The transaction is gone, with everything in it.
struct Gone;

/// The transaction that is open.
#[derive(Default)]
struct Group {
    answers: Vec<Answer>,
    /// Idle readers that its messages have woken, and that have not come for a turn yet.
    woken: usize,
    closing: Option<oneshot::Sender<()>>,
}

/// The task that writes.
pub(super) struct Writer {
    pen: Pen,
    jobs: mpsc::Receiver<Job>,
    lock: Lock,
    /// A transaction was lost, and the lanes do not know yet.
    must_fence: bool,
}

impl Writer {
    pub(super) const fn new(pen: Pen, jobs: mpsc::Receiver<Job>, lock: Lock) -> Self {
        Self { pen, jobs, lock, must_fence: false }
    }

    /// Works until the last end of the channel is dropped, or until it is told to close.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let closing = self.group(job).await;
            if closing.is_some() {
                self.close(closing).await;
                return;
            }
        }
        self.close(None).await;
    }

    async fn close(self, closing: Option<oneshot::Sender<()>>) {
        let Self { pen, jobs, lock, .. } = self;
        drop(jobs);
        if let Err(told) = pen.db.close().await {
            tracing::warn!(%told, "the database was not closed cleanly; it is when it is next opened");
        }
        drop(lock);
        if let Some(closing) = closing {
            // Nobody waits any more, or somebody does.
            let _ = closing.send(());
        }
    }

    /// One transaction: this job, and those that come while it is open.
    async fn group(&mut self, first: Job) -> Option<oneshot::Sender<()>> {
        if let Err(told) = self.open().await {
            return refuse(first, told).await;
        }
        let mut group = Group::default();
        let started = Stopwatch::start();
        let mut next = Some(first);
        let mut turns = 0;
        while let Some(job) = next.take() {
            turns += 1;
            let turn = AssertUnwindSafe(self.turn(job, &mut group)).catch_unwind().await;
            if !matches!(turn, Ok(Ok(()))) {
                self.lost(group.answers, "the transaction was taken back").await;
                return group.closing;
            }
            if turns < TURNS && started.elapsed() < LONGEST && group.closing.is_none() {
                next = self.next(&mut group).await;
            }
        }
        self.commit(group).await
    }

    /// Begins a transaction; if one was lost before, first fences all lanes.
    async fn open(&mut self) -> Result<(), Error> {
        self.pen.say("BEGIN IMMEDIATE").await.map_err(store)?;
        if !self.must_fence {
            return Ok(());
        }
        if let Err(told) = self.fence().await {
            self.forget().await;
            return Err(store(told));
        }
        self.must_fence = false;
        Ok(())
    }

    async fn fence(&mut self) -> Result<(), sqlx::Error> {
        take::fence(&mut self.pen.db).await?;
        self.pen.say("COMMIT").await?;
        tracing::warn!("a transaction was lost: every lane is taken again");
        self.pen.say("BEGIN IMMEDIATE").await
    }

    /// Another job that wants its turn, or is about to.
    async fn next(&mut self, group: &mut Group) -> Option<Job> {
        for _ in 0..YIELDS {
            match self.jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(mpsc::error::TryRecvError::Empty) if group.woken > 0 => {
                    tokio::task::yield_now().await;
                }
                Err(_) => return None,
            }
        }
        None
    }

    async fn turn(&mut self, job: Job, group: &mut Group) -> Result<(), Gone> {
        match job {
            Job::Alone(alone) => match alone(Ok(&mut self.pen)).await {
                Some(answer) => group.answers.push(answer),
                None => self.is_open().await?,
            },
            Job::Begin(advance, reply) => {
                group.woken = group.woken.saturating_sub(1);
                self.batch(&advance, reply, group).await?;
            }
            Job::Close(closing) => group.closing = Some(closing),
        }
        Ok(())
    }

    /// A statement has failed. Some errors take back the whole transaction, and only asking tells.
    async fn is_open(&mut self) -> Result<(), Gone> {
        match self.pen.say("BEGIN").await {
            Err(_) => Ok(()),
            Ok(()) => Err(Gone),
        }
    }

    /// One batch of a lane, from its compare-and-set to its end.
    async fn batch(
        &mut self,
        advance: &Advance,
        reply: oneshot::Sender<Result<Opened, Error>>,
        group: &mut Group,
    ) -> Result<(), Gone> {
        let now = self.pen.clock.now();
        let (ops, mut wanted) = mpsc::channel(1);
        let (now, opened) = match take::advance(&mut self.pen.db, advance, now).await {
            Ok(Ok(now)) => (now, Ok(Opened::Open(now, ops))),
            Ok(Err((epoch, batch))) => (now, Ok(Opened::Lost(epoch, batch))),
            Err(told) => (now, Err(told)),
        };
        let is_open = matches!(opened, Ok(Opened::Open(..)));
        // If nobody waits any more the batch has nobody who ends it either.
        if reply.send(opened).is_err() || !is_open {
            return self.back().await;
        }
        while let Some(op) = wanted.recv().await {
            match op {
                Op::Ask(ask) => ask(&mut self.pen.db).await,
                Op::Commit(draft, reply) => {
                    return match self.pen.flush(*draft, &advance.lane, now).await {
                        Ok(woken) => {
                            group.woken += woken;
                            group.answers.push(Box::new(move |committed| answer(reply, committed)));
                            Ok(())
                        }
                        Err(told) => {
                            let back = self.back().await;
                            answer(reply, Err(told));
                            back
                        }
                    };
                }
                Op::RollBack(done) => {
                    let back = self.back().await;
                    answer(done, ());
                    return back;
                }
            }
        }
        self.back().await
    }

    /// Takes a batch back to its savepoint.
    async fn back(&mut self) -> Result<(), Gone> {
        self.pen.say("ROLLBACK TO batch; RELEASE batch").await.map_err(|_| Gone)
    }

    async fn commit(&mut self, group: Group) -> Option<oneshot::Sender<()>> {
        let Group { answers, closing, .. } = group;
        if answers.is_empty() {
            self.forget().await;
            return closing;
        }
        match self.pen.say("COMMIT").await {
            Ok(()) => {
                self.pen.log.committed();
                answers.into_iter().for_each(|answer| answer(Ok(())));
            }
            Err(told) => {
                die_of_a_failing_disk(&told);
                self.lost(answers, &told.to_string()).await;
            }
        }
        closing
    }

    /// The transaction is lost, or nobody knows: whoever took part is told so, and all are fenced.
    async fn lost(&mut self, answers: Vec<Answer>, told: &str) {
        self.forget().await;
        self.must_fence = true;
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

/// Whoever asked may have stopped waiting.
fn answer<T>(reply: oneshot::Sender<T>, said: T) {
    let _ = reply.send(said);
}

/// Refuses a job for which no transaction could be begun.
async fn refuse(job: Job, told: Error) -> Option<oneshot::Sender<()>> {
    match job {
        Job::Alone(alone) => {
            alone(Err(told)).await;
            None
        }
        Job::Begin(_, reply) => {
            answer(reply, Err(told));
            None
        }
        Job::Close(closing) => Some(closing),
    }
}

/// Sends a job, and waits for what comes of it.
pub(super) async fn send<T>(
    jobs: &mpsc::Sender<Job>,
    job: Job,
    reply: oneshot::Receiver<Result<T, Error>>,
) -> Result<T, Error> {
    jobs.send(job).await.map_err(|_| closed())?;
    reply.await.map_err(|_| closed())?
}
