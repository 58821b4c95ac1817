//! The transaction of a batch that locks what others may want too.
//!
//! **Nobody can cancel a transaction** (F41). The statements run in a task that owns the connection; the
//! lane sends what it wants and waits for answers. Whoever stops waiting, at whatever point, drops the ends
//! of two channels and nothing more: the task sees that and rolls back.

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::postgres::log::Appended;
use crate::postgres::pool::{End, Lent, Pool};
use crate::postgres::standing::{Left, Standing, Told};
use crate::postgres::take;
use crate::postgres::trouble::{store, taken_back, unknown};
use crate::store::Advance;
use futures::future::BoxFuture;
use sqlx::{Executor, PgConnection};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A question of an open transaction. It says how it went.
type Ask = Box<dyn for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, End> + Send>;

/// What is wanted of an open transaction.
enum Op {
    Ask(Ask),
    /// And what it has appended to the log, if there is one.
    Commit(Option<Appended>, oneshot::Sender<Result<(), Error>>),
    RollBack(oneshot::Sender<()>),
}

/// Whoever asked may have stopped waiting.
fn answer<T>(reply: oneshot::Sender<T>, said: T) {
    let _ = reply.send(said);
}

/// The task ended without an answer: the runtime does, or a statement panicked.
fn ended() -> Error {
    Error::new(ErrorKind::Store, "the transaction has ended: it was taken back")
}

/// The lane's end of its transaction. When it is dropped, what was written is taken back.
pub(super) struct Transaction(mpsc::Sender<Op>);

/// A transaction in which the lane has advanced, and the lane's time; or the epoch and the batch that it
/// was found with.
pub(super) type Opened = Result<(Time, Transaction), (u64, u64)>;

/// The task: one transaction from its beginning to its end.
struct Task {
    advance: Advance,
    now: Option<Time>,
    told: Option<Told>,
    standing: Arc<Standing>,
}

impl Transaction {
    /// Opens one in a task of its own, and advances the lane in it. The time is `now`, if it is known; and as
    /// it was `told`, if that was before.
    pub(super) async fn open(
        pool: &Arc<Pool>,
        standing: &Arc<Standing>,
        advance: &Advance,
        now: Option<Time>,
        told: Option<Told>,
    ) -> Result<Opened, Error> {
        let lent = pool.lend().await?;
        let (reply, answer) = oneshot::channel();
        let task = Task { advance: advance.clone(), now, told, standing: Arc::clone(standing) };
        tokio::spawn(task.serve(lent, reply));
        let opened = answer.await.map_err(|_| ended())??;
        Ok(opened.map(|(now, ops)| (now, Self(ops))))
    }

    /// Asks something inside. Whoever stops waiting has asked in vain, nothing else.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (reply, is_answered) = oneshot::channel();
        let ask = Op::Ask(Box::new(move |db| {
            Box::pin(async move {
                let said = question(db).await;
                let end = said.as_ref().err().map_or(End::Well, End::of);
                answer(reply, said);
                end
            })
        }));
        self.0.send(ask).await.map_err(|_| ended())?;
        // There is no answer after an error, nor when it took too long.
        is_answered.await.map_err(|_| taken_back())?
    }

    pub(super) async fn commit(self, appended: Option<Appended>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Op::Commit(appended, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unknown, "the process let go of the database under a commit")
        })?
    }

    pub(super) async fn roll_back(self) {
        let (done, is_done) = oneshot::channel();
        if self.0.send(Op::RollBack(done)).await.is_ok() {
            // If the task has ended, so has the transaction.
            let _ = is_done.await;
        }
    }
}

/// How it was opened: the lane's time and where to send what is wanted, or who owns the lane and its batch.
type Said = Result<Result<(Time, mpsc::Sender<Op>), (u64, u64)>, Error>;

impl Task {
    async fn serve(mut self, mut lent: Lent, reply: oneshot::Sender<Said>) {
        let (asked, now) = (self.advance.clone(), self.now);
        let advanced = lent
            .within(|db| async move {
                db.execute("BEGIN").await.map_err(store)?;
                take::advance(db, &asked, now).await
            })
            .await;
        let now = match advanced {
            Ok(Ok(now)) => now,
            Ok(Err(lost)) => {
                answer(reply, Ok(Err(lost)));
                back(lent).await;
                return;
            }
            Err(told) => {
                lent.end(End::of(&told));
                return answer(reply, Err(told));
            }
        };
        (self.now, self.told) = (Some(now), self.told.or_else(|| Some(Told::now(now))));
        let (ops, wanted) = mpsc::channel(1);
        match reply.send(Ok(Ok((now, ops)))) {
            Ok(()) => self.work(lent, wanted).await,
            Err(_) => drop(back(lent).await),
        }
    }

    /// Does what the batch wants, until it ends. When it is dropped nothing has happened.
    async fn work(self, mut lent: Lent, mut wanted: mpsc::Receiver<Op>) {
        let mut end = End::Well;
        while let Some(op) = wanted.recv().await {
            match op {
                // After an error the transaction only waits for its end.
                Op::Ask(_) if end != End::Well => {}
                Op::Ask(ask) => {
                    let asked = lent.within(|db| async move { Ok(ask(db).await) }).await;
                    end = asked.unwrap_or_else(|told| End::of(&told));
                }
                Op::Commit(appended, reply) => {
                    return answer(reply, self.commit(lent, end, appended).await);
                }
                Op::RollBack(reply) => {
                    if roll_back(lent, end).await {
                        self.leaves(0);
                    }
                    return answer(reply, ());
                }
            }
        }
        roll_back(lent, end).await;
    }

    /// The lane stands like this after so many batches of it: one or none.
    fn leaves(&self, batches: u64) {
        let Advance { lane, epoch, batch, .. } = &self.advance;
        if let (Some(last), Some(told)) = (self.now, self.told) {
            let left = Left { epoch: *epoch, batch: batch + batches, last, told };
            self.standing.leave(lane.clone(), left);
        }
    }

    async fn commit(
        self,
        mut lent: Lent,
        end: End,
        appended: Option<Appended>,
    ) -> Result<(), Error> {
        if end != End::Well {
            roll_back(lent, end).await;
            return Err(taken_back());
        }
        let done = lent.within(|db| say(db, "COMMIT")).await;
        lent.end(done.as_ref().err().map_or(End::Well, End::of));
        done.map_err(|told| unknown(&told))?;
        self.leaves(1);
        if let Some(appended) = appended {
            appended.committed();
        }
        Ok(())
    }
}

/// Takes back what was done, and says whether the database has said so.
async fn roll_back(lent: Lent, end: End) -> bool {
    match end {
        End::Gone => {
            lent.end(end);
            false
        }
        _ => back(lent).await,
    }
}

async fn back(mut lent: Lent) -> bool {
    let done = lent.within(|db| say(db, "ROLLBACK")).await;
    lent.end(done.as_ref().err().map_or(End::Well, End::of));
    done.is_ok()
}

async fn say(db: &mut PgConnection, text: &'static str) -> Result<(), Error> {
    db.execute(text).await.map(drop).map_err(store)
}
