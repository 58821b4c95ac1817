//! The embedded pair: a store and its log in one SQLite file.
//!
//! A batch appends its messages in its own transaction, so outbox and log are one and there is nothing to
//! publish. Lanes share transactions and their fsync; `sqlite/writer.rs` tells how, and why nobody acts on
//! what is then taken back. One process at a time opens the file; a second one is refused.

mod batch;
mod disk;
mod enter;
mod gone;
mod job;
mod join;
mod lock;
mod log;
mod pack;
mod pen;
mod place;
mod prune;
mod read;
mod readers;
mod schema;
mod tail;
mod take;
#[cfg(test)]
mod tests;
mod trouble;
mod turn;
mod writer;
mod writes;

use crate::broker::Broker;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::store::{
    Advance, Begun, Commit, DeadLetter, Entered, Found, Inboxed, Kept, LaneId, Position, Pruned,
    RunRow, Scan, Slot, Snapshot, Status, Store, Taken,
};
use async_trait::async_trait;
use disk::Disk;
use enter::Entering;
use futures::future::BoxFuture;
use job::{Answer, Committed, Job};
use lock::Lock;
use pen::Pen;
use readers::Readers;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tail::Log;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use writer::Writer;

/// How many jobs may wait for the writer before whoever brings more waits too.
const WAITING: usize = 1_024;

/// A store and a log in one SQLite file, for one process.
///
/// Every commit that is answered is on the disk, and so is all that is read for whoever asks.
#[derive(Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    incarnation: u32,
    jobs: mpsc::Sender<Job>,
    log: Arc<Log>,
    readers: Arc<Readers>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store in `{}`", self.shared.path.display())
    }
}

impl Sqlite {
    /// Opens the store in this file, and makes the file if there is none. The task that writes runs on
    /// the runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if another process has it open, or if it is damaged,
    /// another program's or a newer version's.
    ///
    /// # If the process dies
    ///
    /// Whenever that is, the file is as the last commit left it, and the next process may open it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, Error> {
        Self::open_with_clock(path, Arc::new(SystemClock)).await
    }

    /// The same for an application that has a name: whoever opens a file first by a name owns it, and
    /// nobody of another name works on it by mistake. Without a name nobody is asked.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and if the file belongs to somebody else.
    ///
    /// # If the process dies
    ///
    /// As for [`open`](Self::open); whose the file is, is written down or not, and the next one says it
    /// again.
    pub async fn open_for(path: impl AsRef<Path>, owner: &str) -> Result<Arc<Self>, Error> {
        Self::open_as(path.as_ref(), Some(owner), Arc::new(SystemClock), Disk::of).await
    }

    /// As [`open`](Self::open), with another clock.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    ///
    /// # If the process dies
    ///
    /// As for [`open`](Self::open).
    pub async fn open_with_clock(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Error> {
        Self::open_as(path.as_ref(), None, clock, Disk::of).await
    }

    async fn open_as(
        path: &Path,
        owner: Option<&str>,
        clock: Arc<dyn Clock>,
        disk: impl FnOnce(&Path) -> Result<Disk, Error>,
    ) -> Result<Arc<Self>, Error> {
        let path = path.to_owned();
        let lock = Lock::take(&path).await?;
        let (mut db, incarnation) = schema::open(&path, owner).await?;
        let log = Arc::new(schema::log(&mut db).await?);
        let disk = disk(&path)?;
        let readers = Readers::new(path.clone(), disk.depth());
        let (jobs, waiting) = mpsc::channel(WAITING);
        let pen = Pen::new(db, Arc::clone(&log), clock);
        tokio::spawn(Writer::new(pen, waiting, disk, lock).run());
        let shared = Shared { path, incarnation, jobs, log, readers };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    /// Finishes what is under way, and lets go of the file. Dropping the store does so too, a little
    /// later.
    ///
    /// # If the process dies
    ///
    /// Instead of this, nothing is lost.
    pub async fn close(&self) {
        let (closing, is_closed) = oneshot::channel();
        if self.shared.jobs.send(Job::Close(closing)).await.is_ok() {
            // Closed already, or closed now.
            let _ = is_closed.await;
        }
    }

    /// Writes something in one go, and answers when it is committed.
    async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Pen) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let alone = Job::Alone(Box::new(move |pen: Result<&mut Pen, Error>| {
            Box::pin(async move {
                let done = match pen {
                    Ok(pen) => work(pen).await,
                    Err(told) => Err(told),
                };
                match done {
                    Ok(done) => Some(Box::new(move |committed: Committed| {
                        // Whoever asked may have stopped waiting.
                        let _ = reply.send(committed.map(|()| done));
                    }) as Answer),
                    Err(told) => {
                        let _ = reply.send(Err(told));
                        None
                    }
                }
            })
        }));
        job::send(&self.shared.jobs, alone, answer).await
    }

    /// Reads what is committed, for somebody outside: when this returns it is on the disk.
    async fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        self.shared.readers.read_settled(work).await
    }
}

#[async_trait]
impl Store for Sqlite {
    fn incarnation(&self) -> u32 {
        self.shared.incarnation
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn is_fused(&self) -> bool {
        true
    }

    fn log(&self) -> Option<Arc<dyn Broker>> {
        Some(Arc::new(self.clone()))
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        let (lane, positions) = (lane.clone(), positions.clone());
        self.write(move |pen| {
            Box::pin(async move { take::register(&mut pen.db, &lane, &positions).await })
        })
        .await
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        let lane = lane.clone();
        self.write(move |pen| Box::pin(async move { pen.take(&lane).await })).await
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Begin(Box::new(advance.clone()), reply);
        let opened = job::send(&self.shared.jobs, job, answer).await?;
        Ok(batch::begun(advance, opened, &self.shared.jobs))
    }

    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let (entered, mut commit) = self.enter_early(lane, entry, unless).await?;
        commit.done().await?;
        Ok(entered)
    }

    async fn enter_early(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<(Entered, Commit), Error> {
        let entering =
            Entering { lane: lane.clone(), entry: entry.clone(), unless: unless.cloned() };
        let (reply, answer) = oneshot::channel();
        let job = Job::Enter(Box::new(entering), reply);
        job::send(&self.shared.jobs, job, answer).await
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        let lane = lane.clone();
        self.write(move |pen| {
            Box::pin(async move { take::published(&mut pen.db, &lane, epoch, batch).await })
        })
        .await
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        // A hint: it need not be on the disk.
        self.shared.readers.read(|db| Box::pin(async move { take::waiting(db).await })).await
    }

    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error> {
        self.write(move |pen| {
            Box::pin(async move {
                let before = pen.clock.now().before(age);
                pen.hands.step(&mut pen.db, kind, before, limit).await
            })
        })
        .await
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        let (slots, scans) = (slots.clone(), scans.clone());
        if scans.is_empty() {
            let slots = self.shared.readers.look(slots).await?;
            return Ok(Found { slots, scans: BTreeMap::new() });
        }
        // Slots and ranges of one question are read by the same connection, one after the other.
        self.read(move |db| Box::pin(async move { read::find(db, &slots, &scans).await })).await
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        let (group, table) = (group.to_owned(), table.map(str::to_owned));
        self.read(move |db| {
            Box::pin(async move { gone::snapshot(db, &group, table.as_deref()).await })
        })
        .await
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        let group = group.to_owned();
        self.write(move |pen| {
            Box::pin(async move {
                pen.forget();
                gone::forget(&mut pen.db, &group, limit).await
            })
        })
        .await
    }

    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        let saga = saga.to_owned();
        self.read(move |db| Box::pin(async move { read::runs(db, &saga, status, limit).await }))
            .await
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        let ids = BTreeSet::from([id]);
        let found =
            self.read(move |db| Box::pin(async move { read::dead(db, &ids).await })).await?;
        Ok(found.into_iter().next())
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        let group = group.map(str::to_owned);
        self.read(move |db| {
            Box::pin(async move { read::dead_letters(db, group.as_deref(), limit).await })
        })
        .await
    }
}
