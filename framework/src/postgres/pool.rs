//! Connections, lent to one task at a time.
//!
//! Whoever borrows one is a task of its own, so that nobody can cancel it in the middle (F41). A connection
//! comes back only when what was done on it went well; any other is closed, and the server takes back what
//! was open on it. So no transaction is ever inherited, and after a restart of the server nothing is left
//! of the connections of before.

use crate::clock::{Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::postgres::config::Config;
use crate::postgres::schema;
use crate::postgres::trouble::{busy, gone, late, reach};
use futures::future::BoxFuture;
use sqlx::{ConnectOptions, PgConnection};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How old a connection gets: the server keeps things for each that only grow.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long one may rest. What stands between client and server may have forgotten one that rested longer.
const REST: Duration = Duration::from_secs(60);

/// A connection that nobody uses.
struct Idle {
    db: PgConnection,
    opened: Stopwatch,
    rested: Stopwatch,
}

/// Connections to one database.
pub(super) struct Pool {
    config: Config,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
}

/// How something went that was done on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The connection can be used again.
    Well,
    /// An error was told on it.
    Badly,
    /// It ended, and those beside it probably too.
    Gone,
}

impl End {
    /// How it went if this was told.
    pub(super) fn of(told: &Error) -> Self {
        if gone(told) { Self::Gone } else { Self::Badly }
    }
}

/// A connection that is lent. Dropping it closes it.
pub(super) struct Lent {
    pub(super) db: PgConnection,
    opened: Stopwatch,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// At most so many connections.
    pub(super) fn new(config: Config, most: usize) -> Arc<Self> {
        Arc::new(Self { config, permits: Arc::new(Semaphore::new(most)), idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends nothing any more.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    /// Lends a connection, as soon as there is one.
    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent, Error> {
        let patience = self.config.patience;
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::select! {
            biased;
            permit = permit => permit.map_err(|_| closed())?,
            () = rest(patience) => return Err(busy()),
        };
        let (db, opened) = match self.take() {
            Some(idle) => (idle.db, idle.opened),
            None => (self.open().await?, Stopwatch::start()),
        };
        Ok(Lent { db, opened, pool: Arc::clone(self), _permit: permit })
    }

    /// The one that was used last, so that those that are not needed grow old.
    fn take(&self) -> Option<Idle> {
        let mut all = self.idle();
        all.retain(|idle| idle.rested.elapsed() < REST && idle.opened.elapsed() < LIFETIME);
        all.pop()
    }

    async fn open(&self) -> Result<PgConnection, Error> {
        let opened = async {
            let mut db = self.config.options.connect().await?;
            schema::settle(&mut db, &self.config).await?;
            Ok(db)
        };
        let opened = tokio::select! {
            opened = opened => opened,
            () = rest(self.config.patience) => return Err(late()),
        };
        opened.map_err(|told| reach(&self.config, told))
    }

    /// Does something in a task of its own, which goes on though nobody may wait for it any more.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let pool = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut lent = pool.lend().await?;
            let done = lent.within(work).await;
            lent.end(done.as_ref().err().map_or(End::Well, End::of));
            done
        });
        task.await.map_err(|told| {
            Error::new(ErrorKind::Store, "what was read is damaged: restore the database")
                .because(told)
        })?
    }
}

impl Lent {
    /// Does something, and gives up when it takes too long: the server may be gone without a word.
    pub(super) async fn within<'c, T, F>(
        &'c mut self,
        work: impl FnOnce(&'c mut PgConnection) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'c,
    {
        // The server gives up first, if it is there.
        let patience = self.pool.config.patience + Duration::from_secs(1);
        let db = &mut self.db;
        tokio::select! {
            biased;
            done = work(db) => done,
            () = rest(patience) => Err(late()),
        }
    }

    /// Gives the connection back if all went well, and closes it otherwise. If it is gone, so are those
    /// that rest.
    pub(super) fn end(self, end: End) {
        let Self { db, opened, pool, _permit: permit } = self;
        match end {
            End::Well if !pool.permits.is_closed() => {
                pool.idle().push(Idle { db, opened, rested: Stopwatch::start() });
            }
            End::Well | End::Badly => {}
            End::Gone => pool.idle().clear(),
        }
        drop(permit);
    }
}

/// The store was closed.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the database was closed: open it again")
}
