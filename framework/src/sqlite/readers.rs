//! Reading beside the writer: a few connections that see what is committed, and nothing else.
//!
//! Every query runs in a task of its own, so that nobody can cancel it in the middle. Clients that look
//! for slots at the same time are answered by one statement: whoever gets a connection first takes the
//! questions of all who wait. A question is asked of the file after it was put, so that everybody sees at
//! least what was committed before.

use crate::error::{Error, ErrorKind};
use crate::sqlite::read::slots;
use crate::sqlite::schema;
use crate::sqlite::trouble::{closed, unopened};
use crate::store::Slot;
use bytes::Bytes;
use futures::future::BoxFuture;
use sqlx::{ConnectOptions, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, oneshot};

/// How many read at a time.
const READERS: usize = 4;

type Slots = BTreeMap<Slot, Bytes>;

/// Somebody who looks for slots.
struct Looking {
    slots: BTreeSet<Slot>,
    reply: oneshot::Sender<Result<Slots, Error>>,
}

/// The connections that read.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
    looking: Mutex<Vec<Looking>>,
    /// One looks for all who wait, and one more for those who come meanwhile.
    lookers: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            path,
            permits: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::default(),
            looking: Mutex::default(),
            lookers: Arc::new(Semaphore::new(2)),
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

    /// Looks for slots, together with whoever else does.
    pub(super) async fn look(self: &Arc<Self>, slots: BTreeSet<Slot>) -> Result<Slots, Error> {
        let (reply, mut answer) = oneshot::channel();
        lock(&self.looking).push(Looking { slots, reply });
        let turn = Arc::clone(&self.lookers).acquire_owned();
        tokio::select! {
            biased;
            answered = &mut answer => return answered.map_err(|_| closed())?,
            turn = turn => {
                let turn = turn.map_err(|_| closed())?;
                let readers = Arc::clone(self);
                // Others wait for this too, so it goes on though we may stop waiting.
                tokio::spawn(async move {
                    readers.look_for_all().await;
                    drop(turn);
                });
            }
        }
        answer.await.map_err(|_| closed())?
    }

    async fn look_for_all(self: &Arc<Self>) {
        let looking = std::mem::take(&mut *lock(&self.looking));
        if looking.is_empty() {
            return;
        }
        let all: BTreeSet<Slot> = looking.iter().flat_map(|one| one.slots.clone()).collect();
        let found = self.read(move |db| Box::pin(async move { slots(db, &all).await })).await;
        for Looking { slots, reply } in looking {
            let own = match &found {
                Ok(found) => {
                    let at = |slot: Slot| found.get(&slot).cloned().map(|body| (slot, body));
                    Ok(slots.into_iter().filter_map(at).collect())
                }
                Err(told) => Err(Error::new(told.kind(), told)),
            };
            // Whoever asked may have stopped waiting.
            let _ = reply.send(own);
        }
    }

    async fn open(&self) -> Result<SqliteConnection, Error> {
        let options = schema::options(&self.path, "reads").read_only(true);
        options.connect().await.map_err(|told| unopened(&self.path, told))
    }
}
