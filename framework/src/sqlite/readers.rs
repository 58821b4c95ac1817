//! Reading beside the writer: a few connections that see what is committed, and nothing else.
//!
//! Every query runs in a task of its own, so that nobody can cancel it in the middle. Clients that look
//! for slots at the same time are answered by one statement. A question is asked of the file after it was put,
//! so that everybody sees at least what was committed before.

use crate::error::{Error, ErrorKind};
use crate::sqlite::disk::Depth;
use crate::sqlite::read::slots;
use crate::sqlite::schema;
use crate::sqlite::trouble::{closed, unopened};
use crate::store::Slot;
use crate::store::line::{Line, each, shared};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{ConnectOptions, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Semaphore;

/// How many read at a time.
const READERS: usize = 4;

/// How many of these answer clients that look for slots.
const LOOKING: usize = 2;

type Slots = BTreeMap<Slot, Bytes>;

/// The connections that read.
pub(super) struct Readers {
    path: PathBuf,
    depth: Depth,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
    /// Clients that look for slots.
    looking: Arc<Line<BTreeSet<Slot>, Slots>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Readers {
    pub(super) fn new(path: PathBuf, depth: Depth) -> Arc<Self> {
        Arc::new_cyclic(|readers: &Weak<Self>| {
            let readers = Weak::clone(readers);
            let look = move |wanted| look_for_all(Weak::clone(&readers), wanted).boxed();
            let (permits, idle) = (Arc::new(Semaphore::new(READERS)), Mutex::default());
            Self { path, depth, permits, idle, looking: Line::new(LOOKING, 0, look) }
        })
    }

    /// Reads what is committed.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _permit = permit;
            let idle = lock(&readers.idle).pop();
            let mut db = match idle {
                Some(db) => db,
                None => readers.open().await?,
            };
            let found = work(&mut db).await;
            lock(&readers.idle).push(db);
            found
        });
        task.await.map_err(|told| {
            Error::new(ErrorKind::Store, "what was read is damaged: restore the database")
                .because(told)
        })?
    }

    /// Reads what is committed; when this returns it is on the disk.
    pub(super) async fn read_settled<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let found = self.read(work).await?;
        self.depth.settled().await?;
        Ok(found)
    }

    /// Looks for slots, together with whoever else does.
    pub(super) async fn look(self: &Arc<Self>, slots: BTreeSet<Slot>) -> Result<Slots, Error> {
        let found = self.looking.ask(slots).await?;
        // Those whose turn is next need not wait for the disk of these.
        self.depth.settled().await?;
        Ok(found)
    }

    async fn open(&self) -> Result<SqliteConnection, Error> {
        let options = schema::options(&self.path, "reads").read_only(true);
        options.connect().await.map_err(|told| unopened(&self.path, told))
    }
}

async fn look_for_all(
    readers: Weak<Readers>,
    wanted: Vec<BTreeSet<Slot>>,
) -> Vec<Result<Slots, Error>> {
    let Some(readers) = readers.upgrade() else { return each(&closed(), wanted.len()) };
    let all: BTreeSet<Slot> = wanted.iter().flatten().cloned().collect();
    let found = readers.read(move |db| Box::pin(async move { slots(db, &all).await })).await;
    match found {
        Ok(found) => wanted.into_iter().map(|wanted| Ok(shared(wanted, &found))).collect(),
        Err(told) => each(&told, wanted.len()),
    }
}
