//! An open batch.
//!
//! **One that locks nothing is one statement.** What the owner of a lane alone writes needs no lock, and
//! most batches read nothing else in order to change it. Such a batch begins without a word to the
//! database, if the lane [stands](super::standing) as this process left it; what it reads it reads without a
//! transaction; and all that it writes goes with its compare-and-set in one statement, which is its own
//! commit. A batch that must lock rows opens a [transaction](super::transaction) before it does.

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::postgres::log::{Append, Appended, Pieces, Tails, learn};
use crate::postgres::pool::{End, Lent, Pool};
use crate::postgres::puts::{Granted, Puts};
use crate::postgres::read;
use crate::postgres::standing::{Left, Standing, Told};
use crate::postgres::take;
use crate::postgres::texts::Texts;
use crate::postgres::transaction::Transaction;
use crate::postgres::trouble::{has_failed, store, superseded, unknown, was_there};
use crate::postgres::writes::{Context, Draft, Known, More, Own, Prepared, unread};
use crate::store::{
    self, Advance, Batch, Begun, DeadLetter, Due, Found, InboxRow, Lock, Scan, Slot, Writes,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What all batches of a store share.
#[derive(Clone)]
pub(super) struct Office {
    pub(super) pool: Arc<Pool>,
    pub(super) texts: Arc<Texts>,
    pub(super) standing: Arc<Standing>,
    pub(super) puts: Arc<Puts>,
    /// If the log is in the same database.
    pub(super) tails: Option<Arc<Tails>>,
}

/// Begins a batch. If the database is not to tell the time, it is `now`.
pub(super) async fn begin(
    office: Office,
    advance: &Advance,
    now: Option<Time>,
) -> Result<Begun, Error> {
    let open = |now, way| {
        let (known, entries, writes) = (BTreeMap::new(), BTreeMap::new(), Writes::default());
        Open { office: office.clone(), advance: advance.clone(), now, way, known, entries, writes }
    };
    if let Some(left) = office.standing.take(advance) {
        let left = match now {
            None if left.now(None) < advance.said => ask_again(&office.pool, left).await?,
            _ => left,
        };
        let now = left.now(now);
        return Ok(Begun::Open(Box::new(open(now, Way::Alone(left)))));
    }
    let opened = Transaction::open(&office.pool, &office.standing, advance, now, None).await?;
    Ok(match opened {
        Ok((now, transaction)) => Begun::Open(Box::new(open(now, Way::Within(transaction, None)))),
        Err((epoch, batch)) => Begun::Lost { epoch, batch },
    })
}

/// What this process takes for the time is a little behind, by as long as the answer took. Whoever was told
/// something that was said later than that asks again, so that nothing is handled before it was said.
async fn ask_again(pool: &Arc<Pool>, left: Left) -> Result<Left, Error> {
    let time = pool.run(|db| Box::pin(take::time(db))).await?;
    Ok(Left { told: Told::now(time), ..left })
}

/// How a batch goes.
enum Way {
    /// Without a transaction, of a lane that was left like this.
    Alone(Left),
    /// In one: it has locked something, or the lane was asked how it stands. And what it has appended to
    /// the log.
    Within(Transaction, Option<Appended>),
}

/// A batch of a lane. When it is dropped, what it wrote is taken back.
struct Open {
    office: Office,
    advance: Advance,
    now: Time,
    way: Way,
    /// What is known of the slots that were read in order to be changed.
    known: BTreeMap<Slot, Known>,
    /// The ids of the inbox's entries that were read, by number.
    entries: BTreeMap<i64, String>,
    /// What goes with the commit.
    writes: Writes,
}

impl Open {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        match &self.way {
            Way::Within(transaction, _) => transaction.ask(question).await,
            Way::Alone(_) => self.office.pool.run(question).await,
        }
    }

    /// From now on what is read can be locked.
    async fn within(&mut self) -> Result<(), Error> {
        if let Way::Alone(left) = &self.way {
            let (Office { pool, standing, .. }, told) = (&self.office, Some(left.told));
            let now = Some(self.now);
            let opened = Transaction::open(pool, standing, &self.advance, now, told).await?;
            let (_, transaction) =
                opened.map_err(|(epoch, _)| superseded(&self.advance.lane, epoch))?;
            self.way = Way::Within(transaction, None);
        }
        Ok(())
    }

    /// What was found at a slot, as far as it matters to whoever writes there.
    fn note(&mut self, slots: &BTreeMap<Slot, Lock>, found: &read::Slots) {
        for (slot, lock) in slots.iter().filter(|(_, lock)| **lock != Lock::Peek) {
            let known = match (found.get(slot), lock) {
                (None, Lock::Change) => Known::Absent,
                (None, _) => Known::Nothing,
                (Some((true, _)), _) => Known::Archived,
                (Some((false, _)), _) => Known::Here,
            };
            self.known.insert(slot.clone(), known);
        }
    }

    /// What the owner of the lane knows without having read it.
    fn note_known(&mut self, writes: &mut Writes) {
        let known = |known| match known {
            store::Known::Absent => Known::Assumed,
            store::Known::Here => Known::Here,
        };
        let all = std::mem::take(&mut writes.known).into_iter();
        let mut all: BTreeMap<Slot, Known> = all.map(|(slot, it)| (slot, known(it))).collect();
        // What was read is surer.
        all.extend(std::mem::take(&mut self.known));
        self.known = all;
    }

    /// What is said to the log that is in the same database.
    async fn append(&self, writes: &mut Writes) -> Result<Option<(Append, Pieces)>, Error> {
        let Some(tails) = self.office.tails.clone().filter(|_| !writes.outgoing.is_empty()) else {
            return Ok(None);
        };
        let messages = std::mem::take(&mut writes.outgoing);
        let append = Append { tails: Arc::clone(&tails), at: Some(self.now), messages };
        let names = append.unknown();
        if !names.is_empty() {
            self.ask(move |db| Box::pin(async move { learn(db, &tails, &names).await })).await?;
        }
        let pieces = append.cut()?;
        Ok(Some((append, pieces)))
    }

    /// The statement before, if something must be held that is not written; and the one that writes.
    fn prepare(
        &self,
        writes: &Writes,
        append: Option<&Pieces>,
        granted: &Granted,
    ) -> (Option<Prepared>, Option<Prepared>) {
        let context = Context {
            lane: &self.advance.lane,
            now: self.now,
            batch: self.advance.batch + 1,
            known: &self.known,
            granted,
            read: &self.entries,
        };
        let (own, texts) = (Own::of(writes), &self.office.texts);
        let mut draft = Draft::of(context, writes, &own);
        let held = draft.hold(writes, texts);
        let advance = Some(&self.advance).filter(|_| matches!(self.way, Way::Alone(_)));
        (held, draft.statement(More { advance, append }, texts))
    }

    /// Writes in the transaction, and says what that has appended to the log.
    async fn write(&mut self, mut writes: Writes) -> Result<Option<Appended>, Error> {
        let append = self.append(&mut writes).await?;
        let pieces = append.as_ref().map(|(_, pieces)| pieces);
        let (held, written) = self.prepare(&writes, pieces, &Granted::Nothing);
        let mut rows = Vec::new();
        for prepared in [held, written].into_iter().flatten() {
            rows = self.ask(move |db| Box::pin(execute(db, prepared))).await?;
        }
        append.map(|(append, _)| append.appended(&rows)).transpose()
    }

    /// Writes all of the batch by one statement, in a task of its own.
    async fn write_alone(mut self) -> Result<(), Error> {
        let mut writes = std::mem::take(&mut self.writes);
        let append = self.append(&mut writes).await?;
        let task = tokio::spawn(async move { self.send(&writes, append).await });
        task.await.map_err(|told| {
            Error::new(ErrorKind::Unknown, "the process let go of the database under a commit")
                .because(told)
        })?
    }

    /// Makes the statement; and again if something was there that was taken for granted not to be.
    async fn put(
        &self,
        lent: &mut Lent,
        writes: &Writes,
        append: Option<&Pieces>,
    ) -> Result<Vec<PgRow>, Error> {
        let prepared = |granted: &Granted| {
            self.prepare(writes, append, granted).1.expect("a compare-and-set is always written")
        };
        let bold = prepared(&self.office.puts.granted());
        match lent.within(|db| execute(db, bold)).await {
            Err(told) if was_there(&told) => {}
            done => return done,
        }
        let put = unread(writes, &self.known).cloned().collect();
        let none = BTreeSet::new();
        let found = lent.within(|db| async { read::find(db, &put, &none).await }).await?;
        self.office.puts.were_there(&found);
        let careful = prepared(&Granted::Nothing);
        lent.within(|db| execute(db, careful)).await
    }

    async fn send(&self, writes: &Writes, append: Option<(Append, Pieces)>) -> Result<(), Error> {
        let Advance { lane, epoch, batch, .. } = &self.advance;
        let mut lent = self.office.pool.lend().await?;
        let (append, pieces) = append.unzip();
        let done = self.put(&mut lent, writes, pieces.as_ref()).await;
        let told = match done {
            Ok(rows) => {
                lent.end(End::Well);
                if let Way::Alone(left) = &self.way {
                    self.office.standing.leave(lane.clone(), left.after_batch(self.now));
                }
                if let Some(append) = append {
                    append.appended(&rows)?.committed();
                }
                return Ok(());
            }
            Err(told) => told,
        };
        if !has_failed(&told) {
            lent.end(End::of(&told));
            return Err(unknown(&told));
        }
        // Why it has failed is told by how the lane stands now.
        let asked = self.advance.clone();
        let found = lent.within(|db| async move { take::look(db, &asked.lane).await }).await;
        lent.end(found.as_ref().err().map_or(End::Well, End::of));
        Err(match found {
            Ok(found) if found != (*epoch, *batch) => superseded(lane, found.0),
            _ => told,
        })
    }
}

async fn execute(db: &mut PgConnection, (text, args): Prepared) -> Result<Vec<PgRow>, Error> {
    sqlx::query_with(text, args).fetch_all(db).await.map_err(store)
}

#[async_trait]
impl Batch for Open {
    fn now(&self) -> Time {
        self.now
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        let lane = self.advance.lane.clone();
        let rows = self.ask(move |db| Box::pin(async move { read::inbox(db, &lane, limit).await }));
        let rows = rows.await?;
        self.entries.extend(rows.iter().map(|row| (row.number, row.entry.id.clone())));
        Ok(rows)
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
        if slots.values().any(|lock| *lock == Lock::Change) {
            self.within().await?;
        }
        let (wanted, scans) = (slots.clone(), scans.clone());
        let inside =
            self.ask(move |db| Box::pin(async move { read::inside(db, &wanted, &scans).await }));
        let (found, scans) = inside.await?;
        self.note(slots, &found);
        let slots = found.into_iter().map(|(slot, (_, body))| (slot, body)).collect();
        Ok(Found { slots, scans })
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        let (group, ids) = (self.advance.lane.group.clone(), ids.clone());
        self.ask(move |db| Box::pin(async move { read::seen(db, &group, &ids).await })).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        let ids = ids.clone();
        self.ask(move |db| Box::pin(async move { read::dead(db, &ids).await })).await
    }

    /// In a transaction it is one statement, and one more before it if something was read to be changed that
    /// is not there and is not written either. Otherwise it goes with the commit.
    async fn flush(&mut self, mut writes: Writes) -> Result<(), Error> {
        self.note_known(&mut writes);
        if let Way::Alone(_) = self.way {
            self.writes = writes;
            return Ok(());
        }
        let written = self.write(writes).await?;
        if let Way::Within(_, appended) = &mut self.way {
            *appended = written;
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        match self.way {
            Way::Within(transaction, appended) => transaction.commit(appended).await,
            Way::Alone(_) => self.write_alone().await,
        }
    }

    async fn roll_back(self: Box<Self>) {
        match self.way {
            Way::Within(transaction, _) => transaction.roll_back().await,
            Way::Alone(left) => self.office.standing.leave(self.advance.lane, left),
        }
    }
}
