//! Postgres as the store: one schema is the store of one service.
//!
//! What needs an order of its own in SQLite, Postgres has: lanes write side by side, each batch in a
//! transaction of its own, and rows that two lanes want are locked. The messages of a batch go to an outbox
//! in that transaction, and from there to whatever broker the app has; or to a log in the same database,
//! and then no broker is needed ([`Config::with_log`]).
//!
//! The app makes nothing: [`Postgres::migrate`] does, as the owner of the schema, and
//! [`Postgres::connect`] verifies it. `docs/operating/postgres.md` tells how to run it.

mod batch;
mod clients;
mod config;
mod enter;
mod gone;
mod join;
mod log;
mod migrate;
mod outbox;
mod pack;
mod pool;
mod prune;
mod puts;
mod read;
mod schema;
mod standing;
mod take;
mod texts;
mod transaction;
mod trouble;
mod writes;

pub use config::Config;

use crate::broker::Broker;
use crate::clock::{Clock, Time};
use crate::error::Error;
use crate::store::{
    Advance, Begun, DeadLetter, Entered, Found, Inboxed, Kept, LaneId, Position, Pruned, RunRow,
    Scan, Slot, Snapshot, Status, Store, Taken,
};
use async_trait::async_trait;
use batch::Office;
use clients::Clients;
use enter::Entering;
use futures::future::BoxFuture;
use log::{Log, Logged};
use pool::Pool;
use prune::Hands;
use puts::Puts;
use sqlx::{Connection, PgConnection};
use standing::{Left, Standing, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use texts::Texts;
use tokio::sync::Mutex;
use uuid::Uuid;

/// A store in one schema of a Postgres database, for as many processes as there are.
///
/// Every commit that is answered is on the server's disk.
#[derive(Clone)]
pub struct Postgres {
    config: Config,
    incarnation: u32,
    /// Lanes and clients have connections of their own, so that neither keeps the other waiting.
    lanes: Arc<Pool>,
    clients: Clients,
    texts: Arc<Texts>,
    standing: Arc<Standing>,
    puts: Arc<Puts>,
    /// Where deleting what is old goes on.
    hands: Arc<Mutex<Hands>>,
    /// Tells the time in tests; otherwise the database does.
    clock: Option<Arc<dyn Clock>>,
    /// If the log is in the same database.
    log: Option<Arc<Log>>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store in {:?}", self.config)
    }
}

impl Postgres {
    /// Opens the store in a schema that [`migrate`](Self::migrate) has made, and verifies that it is of
    /// this version. A server that does not answer yet is waited for, as long as the configuration is
    /// [patient](Config::patience).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the server cannot be reached, does not let this
    /// role in, or if the schema is not there, older, newer or not for this role. The sentence says which
    /// command to run.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    pub async fn connect(config: Config) -> Result<Arc<Self>, Error> {
        Self::open(config, None).await
    }

    /// The same with another clock than the database's.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # If the process dies
    ///
    /// As for [`connect`](Self::connect).
    #[doc(hidden)]
    pub async fn connect_with_clock(
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Error> {
        Self::open(config, Some(clock)).await
    }

    async fn open(config: Config, clock: Option<Arc<dyn Clock>>) -> Result<Arc<Self>, Error> {
        let incarnation = schema::verify(&config).await?;
        Ok(Arc::new(Self {
            incarnation,
            lanes: Pool::new(config.clone(), config.lanes),
            clients: Clients::new(Pool::new(config.clone(), config.clients)),
            texts: Arc::default(),
            standing: Arc::default(),
            puts: Arc::default(),
            hands: Arc::default(),
            clock,
            log: config.log.is_some().then(|| Arc::new(Log::new(&config))),
            config,
        }))
    }

    /// Makes the schema, or brings it up to this version, as the owner that the configuration names, and the
    /// schema of the log too if the configuration [has one](Config::with_log); and lets `app_role` read and write its tables, and nothing more. Doing it again changes nothing. Says
    /// how many migrations it took.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the server cannot be reached, if the schema is
    /// another program's or a newer version's, or if there is no such role.
    ///
    /// # If the process dies
    ///
    /// The schema is as it was or as it is to be: it is one transaction. Two at once wait for each other.
    pub async fn migrate(config: &Config, app_role: Option<&str>) -> Result<usize, Error> {
        migrate::migrate(config, app_role).await
    }

    /// The same for a schema that is a log and nothing else. Each service that speaks over it has a role,
    /// and each role is let in by a call of its own.
    ///
    /// # Errors
    ///
    /// As for [`migrate`](Self::migrate).
    ///
    /// # If the process dies
    ///
    /// As for [`migrate`](Self::migrate).
    pub async fn migrate_log(config: &Config, app_role: Option<&str>) -> Result<usize, Error> {
        migrate::migrate_log(config, app_role).await
    }

    /// Lends no connection any more; what is under way is finished. Dropping the store does so too.
    ///
    /// # If the process dies
    ///
    /// Instead of this, nothing is lost.
    pub async fn close(&self) {
        self.lanes.close();
        self.clients.pool.close();
        if let Some(log) = &self.log {
            log.close();
        }
    }

    /// The time, if the database is not to tell it.
    fn now(&self) -> Option<Time> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    /// Does something that clients or chores want.
    async fn run<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        self.clients.pool.run(work).await
    }

    /// Does something that lanes want.
    async fn run_for_lane<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        self.lanes.run(work).await
    }
}

/// Several statements as one.
async fn whole<T: Send>(
    db: &mut PgConnection,
    work: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send,
) -> Result<T, Error> {
    let mut tx = db.begin().await.map_err(trouble::store)?;
    let done = work(&mut tx).await?;
    tx.commit().await.map_err(trouble::store)?;
    Ok(done)
}

#[async_trait]
impl Store for Postgres {
    fn incarnation(&self) -> u32 {
        self.incarnation
    }

    fn is_fused(&self) -> bool {
        self.log.is_some()
    }

    fn log(&self) -> Option<Arc<dyn Broker>> {
        let log = Arc::clone(self.log.as_ref()?);
        Some(Arc::new(Logged(self.clone(), log)))
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        let (lane, positions, is_fused) = (lane.clone(), positions.clone(), self.is_fused());
        self.run_for_lane(move |db| {
            Box::pin(whole(db, move |db| {
                Box::pin(async move {
                    take::register(db, &lane, &positions).await?;
                    if is_fused { log::reads(db, &lane, &positions).await } else { Ok(()) }
                })
            }))
        })
        .await
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        let (asked, now) = (lane.clone(), self.now());
        let taken = self.run_for_lane(move |db| {
            Box::pin(whole(db, move |db| {
                Box::pin(async move { take::take(db, &asked, now).await })
            }))
        });
        let taken = taken.await?;
        let Taken { epoch, batch, time: last, .. } = taken;
        let told = Told::now(last);
        self.standing.leave(lane.clone(), Left { epoch, batch, last, told });
        Ok(taken)
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        let office = Office {
            pool: Arc::clone(&self.lanes),
            texts: Arc::clone(&self.texts),
            standing: Arc::clone(&self.standing),
            puts: Arc::clone(&self.puts),
            tails: self.log.as_ref().map(|log| Arc::clone(&log.tails)),
        };
        batch::begin(office, advance, self.now()).await
    }

    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let (lane, entry, unless) = (lane.clone(), entry.clone(), unless.cloned());
        self.clients.enter(Entering { lane, entry, unless, now: self.now() }).await
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        let lane = lane.clone();
        self.run_for_lane(move |db| {
            Box::pin(async move { take::published(db, &lane, epoch, batch).await })
        })
        .await
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        self.run(|db| Box::pin(async move { take::waiting(db).await })).await
    }

    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error> {
        let (hands, now, is_fused) = (Arc::clone(&self.hands), self.now(), self.is_fused());
        self.run(move |db| {
            Box::pin(async move {
                let mut hands = hands.lock().await;
                let now = match now {
                    Some(now) => now,
                    None => take::time(db).await?,
                };
                match kind {
                    // Where the log is another broker's, nothing is in ours.
                    Kept::Log | Kept::Unread if !is_fused => {
                        Ok(Pruned { deleted: 0, is_done: true })
                    }
                    _ => hands.step(db, kind, now.before(age), limit).await,
                }
            })
        })
        .await
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        if scans.is_empty() {
            let slots = self.clients.look(slots.clone()).await?;
            return Ok(Found { slots, ..Found::default() });
        }
        let (slots, scans) = (slots.clone(), scans.clone());
        self.run(move |db| Box::pin(async move { read::find(db, &slots, &scans).await })).await
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        let (group, table) = (group.to_owned(), table.map(str::to_owned));
        self.run(move |db| {
            Box::pin(async move { gone::snapshot(db, &group, table.as_deref()).await })
        })
        .await
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        let (group, is_fused) = (group.to_owned(), self.is_fused());
        self.run(move |db| {
            Box::pin(whole(db, move |db| {
                Box::pin(async move {
                    let forgotten = gone::forget(db, &group, limit).await?;
                    if forgotten.is_done && is_fused {
                        log::forget(db, &group).await?;
                    }
                    Ok(forgotten)
                })
            }))
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
        self.run(move |db| Box::pin(async move { read::runs(db, &saga, status, limit).await }))
            .await
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        let ids = BTreeSet::from([id]);
        let found = self.run(move |db| Box::pin(async move { read::dead(db, &ids).await })).await;
        Ok(found?.pop())
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        let group = group.map(str::to_owned);
        self.run(move |db| {
            Box::pin(async move { read::dead_letters(db, group.as_deref(), limit).await })
        })
        .await
    }
}
