//! What the writer is asked to do, and how it answers; it is done in [`writer`](crate::sqlite::writer).

use crate::clock::Time;
use crate::error::Error;
use crate::sqlite::enter::Entering;
use crate::sqlite::pen::Pen;
use crate::sqlite::trouble::closed;
use crate::sqlite::turn::Turn;
use crate::sqlite::writes::Draft;
use crate::store::{Advance, Commit, Entered, LaneId};
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot};

/// What came of the transaction that a job was done in.
pub(super) type Committed = Result<(), Error>;

/// Answers a job when it is known whether it was committed.
pub(super) type Answer = Box<dyn FnOnce(Committed) + Send>;

/// Where a job is answered.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A job that writes, in one go. It is given an error instead of the pen if it cannot be done.
pub(super) type Alone =
    Box<dyn for<'c> FnOnce(Result<&'c mut Pen, Error>) -> BoxFuture<'c, Option<Answer>> + Send>;

/// A question of an open batch. Says whether it was answered.
pub(super) type Ask =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, bool> + Send>;

/// How a batch was begun.
pub(super) enum Opened {
    /// It is its turn, at this time of the lane.
    Open(Time, Turn),
    /// The lane is another's: epoch and batch.
    Lost(u64, u64),
}

/// A batch that is to be written, at the time at which it began.
pub(super) struct Batch {
    pub(super) advance: Advance,
    pub(super) now: Time,
    pub(super) draft: Draft,
    pub(super) turn: Turn,
}

/// What the writer is asked to do.
pub(super) enum Job {
    Alone(Alone),
    /// Those that stand one after the other are done together.
    Enter(Box<Entering>, Reply<(Entered, Commit)>),
    Begin(Box<Advance>, Reply<Opened>),
    Ask(Ask),
    Commit(Box<Batch>, Reply<Commit>),
    Close(oneshot::Sender<()>),
}

impl Job {
    /// Whether it needs a transaction.
    pub(super) const fn writes(&self) -> bool {
        matches!(self, Self::Alone(_) | Self::Enter(..) | Self::Commit(..))
    }

    /// Says that it cannot be done.
    pub(super) async fn refuse(self, told: Error) {
        match self {
            Self::Alone(alone) => drop(alone(Err(told)).await),
            Self::Enter(_, reply) => answer(reply, Err(told)),
            Self::Begin(_, reply) => answer(reply, Err(told)),
            Self::Commit(_, reply) => answer(reply, Err(told)),
            // Whoever asks finds that nobody answers.
            Self::Ask(_) | Self::Close(_) => {}
        }
    }
}

/// The jobs that are done together, in one transaction if one of them writes.
#[derive(Default)]
pub(super) struct Group {
    pub(super) is_open: bool,
    pub(super) answers: Vec<Answer>,
    /// Idle readers that its messages have woken, and that have not come for a turn yet.
    pub(super) woken: usize,
    /// Lanes whose inbox has something new, and that have not come for a turn since.
    pub(super) entered: BTreeSet<LaneId>,
    pub(super) closing: Option<oneshot::Sender<()>>,
}

impl Group {
    /// Something is in the transaction.
    pub(super) fn precommitted(&mut self) -> Commit {
        let (tells, told) = oneshot::channel();
        self.answers.push(Box::new(move |committed| answer(tells, committed)));
        Commit::Pre(told)
    }
}

/// Whoever asked may have stopped waiting.
pub(super) fn answer<T>(reply: oneshot::Sender<T>, said: T) {
    let _ = reply.send(said);
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
