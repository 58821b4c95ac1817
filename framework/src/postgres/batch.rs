//! An open batch: a transaction in a task of its own, and the lane's end of it.
//!
//! **Nobody can cancel a transaction** (F41). The statements run in a task that owns the connection; the
//! lane sends what it wants and waits for answers. Whoever stops waiting, at whatever point, drops the ends
//! of two channels and nothing more: the task sees that and rolls back.

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::postgres::log::{Append, Tails};
use crate::postgres::pool::{End, Lent, Pool};
use crate::postgres::read;
use crate::postgres::take;
use crate::postgres::trouble::{store, taken_back, unknown};
use crate::postgres::writes::{Context, Draft, Known, Own, Prepared, Texts};
use crate::store::{
    Advance, Batch, Begun, DeadLetter, Found, InboxRow, LaneId, Lock, Scan, Slot, Timer, Writes,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use sqlx::{Executor, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// A question of an open batch. It says how it went.
type Ask = Box<dyn for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, End> + Send>;

/// What an open batch wants.
enum Op {
    Ask(Ask),
    /// What is to be appended to the log before, if there is one.
    Commit(Option<Append>, oneshot::Sender<Result<(), Error>>),
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

/// How a batch was begun: the lane's time and where to send what is wanted, or who owns the lane and its
/// batch.
type Opened = Result<Result<(Time, mpsc::Sender<Op>), (u64, u64)>, Error>;

/// Begins a batch, in a task of its own.
pub(super) async fn begin(
    pool: &Arc<Pool>,
    (texts, tails): (&Arc<Texts>, Option<&Arc<Tails>>),
    advance: &Advance,
    now: Option<Time>,
) -> Result<Begun, Error> {
    let lent = pool.lend().await?;
    let (reply, answer) = oneshot::channel();
    tokio::spawn(serve(lent, advance.clone(), now, reply));
    let (now, ops) = match answer.await.map_err(|_| ended())?? {
        Err((epoch, batch)) => return Ok(Begun::Lost { epoch, batch }),
        Ok(open) => open,
    };
    Ok(Begun::Open(Box::new(Open {
        lane: advance.lane.clone(),
        number: advance.batch + 1,
        now,
        ops,
        texts: Arc::clone(texts),
        append: tails.map(|tails| Append {
            tails: Arc::clone(tails),
            at: Some(now),
            messages: Vec::new(),
        }),
        known: BTreeMap::new(),
        entries: BTreeMap::new(),
    })))
}

/// The task: one transaction from its beginning to its end.
async fn serve(
    mut lent: Lent,
    advance: Advance,
    now: Option<Time>,
    reply: oneshot::Sender<Opened>,
) {
    let advanced = lent
        .within(|db| async move {
            db.execute("BEGIN").await.map_err(store)?;
            take::advance(db, &advance, now).await
        })
        .await;
    let now = match advanced {
        Ok(Ok(now)) => now,
        Ok(Err(lost)) => {
            answer(reply, Ok(Err(lost)));
            return back(lent).await;
        }
        Err(told) => {
            lent.end(End::of(&told));
            return answer(reply, Err(told));
        }
    };
    let (ops, wanted) = mpsc::channel(1);
    if reply.send(Ok(Ok((now, ops)))).is_err() {
        return back(lent).await;
    }
    work(lent, wanted).await;
}

/// Does what the batch wants, until it ends. When it is dropped nothing has happened.
async fn work(mut lent: Lent, mut wanted: mpsc::Receiver<Op>) {
    let mut end = End::Well;
    while let Some(op) = wanted.recv().await {
        match op {
            // After an error the transaction only waits for its end.
            Op::Ask(_) if end != End::Well => {}
            Op::Ask(ask) => {
                let asked = lent.within(|db| async move { Ok(ask(db).await) }).await;
                end = asked.unwrap_or_else(|told| End::of(&told));
            }
            Op::Commit(append, reply) => {
                return answer(reply, commit(lent, end, append).await);
            }
            Op::RollBack(reply) => {
                roll_back(lent, end).await;
                return answer(reply, ());
            }
        }
    }
    roll_back(lent, end).await;
}

async fn commit(mut lent: Lent, end: End, append: Option<Append>) -> Result<(), Error> {
    if end != End::Well {
        roll_back(lent, end).await;
        return Err(taken_back());
    }
    let appended = match append {
        Some(append) => match lent.within(|db| append.write(db)).await {
            Ok(appended) => Some(appended),
            Err(told) => {
                roll_back(lent, End::of(&told)).await;
                return Err(told);
            }
        },
        None => None,
    };
    let done = lent.within(|db| say(db, "COMMIT")).await;
    lent.end(done.as_ref().err().map_or(End::Well, End::of));
    done.map_err(|told| unknown(&told))?;
    if let Some(appended) = appended {
        appended.committed();
    }
    Ok(())
}

/// Takes back what was done.
async fn roll_back(lent: Lent, end: End) {
    match end {
        End::Gone => lent.end(end),
        _ => back(lent).await,
    }
}

async fn back(mut lent: Lent) {
    let done = lent.within(|db| say(db, "ROLLBACK")).await;
    lent.end(done.as_ref().err().map_or(End::Well, End::of));
}

async fn say(db: &mut PgConnection, text: &'static str) -> Result<(), Error> {
    db.execute(text).await.map(drop).map_err(store)
}

/// A lane's transaction. When it is dropped, what it wrote is taken back.
struct Open {
    lane: LaneId,
    number: u64,
    now: Time,
    ops: mpsc::Sender<Op>,
    texts: Arc<Texts>,
    /// What it has said, if outbox and log are one.
    append: Option<Append>,
    /// What is known of the slots that were read in order to be changed.
    known: BTreeMap<Slot, Known>,
    /// The ids of the inbox's entries that were read, by number.
    entries: BTreeMap<i64, String>,
}

impl Open {
    /// Asks something inside the transaction. Whoever stops waiting has asked in vain, nothing else.
    async fn ask<T: Send + 'static>(
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
        self.ops.send(ask).await.map_err(|_| ended())?;
        // There is no answer after an error, nor when it took too long.
        is_answered.await.map_err(|_| taken_back())?
    }

    async fn execute(&self, (text, args): Prepared) -> Result<(), Error> {
        self.ask(move |db| {
            Box::pin(async move {
                sqlx::query_with(text, args).execute(db).await.map(drop).map_err(store)
            })
        })
        .await
    }
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.now
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        let lane = self.lane.clone();
        let rows = self.ask(move |db| Box::pin(async move { read::inbox(db, &lane, limit).await }));
        let rows = rows.await?;
        self.entries.extend(rows.iter().map(|row| (row.number, row.entry.id.clone())));
        Ok(rows)
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
        let (wanted, scans) = (slots.clone(), scans.clone());
        let inside =
            self.ask(move |db| Box::pin(async move { read::inside(db, &wanted, &scans).await }));
        let (found, scans) = inside.await?;
        for slot in slots.iter().filter(|(_, lock)| **lock == Lock::Change).map(|(slot, _)| slot) {
            let known = match found.get(slot) {
                None => Known::Absent,
                Some((true, _)) => Known::Archived,
                Some((false, _)) => Known::Here,
            };
            self.known.insert(slot.clone(), known);
        }
        let slots = found.into_iter().map(|(slot, (_, body))| (slot, body)).collect();
        Ok(Found { slots, scans })
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        let (group, ids) = (self.lane.group.clone(), ids.clone());
        self.ask(move |db| Box::pin(async move { read::seen(db, &group, &ids).await })).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        let ids = ids.clone();
        self.ask(move |db| Box::pin(async move { read::dead(db, &ids).await })).await
    }

    /// One statement; and one more before it if something was read to be changed that is not there and is
    /// not written either.
    async fn flush(&mut self, mut writes: Writes) -> Result<(), Error> {
        if let Some(append) = &mut self.append {
            append.messages.append(&mut writes.outgoing);
        }
        let (held, flushed) = {
            let own = Own::of(&writes);
            let context = Context {
                lane: &self.lane,
                now: self.now,
                batch: self.number,
                known: &self.known,
                read: &self.entries,
            };
            let mut draft = Draft::of(context, &writes, &own);
            (draft.hold(&writes, &self.texts), draft.statement(&self.texts))
        };
        for prepared in [held, flushed].into_iter().flatten() {
            self.execute(prepared).await?;
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let append = self.append.filter(|append| !append.messages.is_empty());
        self.ops.send(Op::Commit(append, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unknown, "the process let go of the database under a commit")
        })?
    }

    async fn roll_back(self: Box<Self>) {
        let (done, is_done) = oneshot::channel();
        if self.ops.send(Op::RollBack(done)).await.is_ok() {
            // If the task has ended, so has the transaction.
            let _ = is_done.await;
        }
    }
}
