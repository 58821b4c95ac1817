//! What other processes do to the log: how far its partitions go, and who is there.
//!
//! One task a process asks for both, on a connection of its own. It asks often while others append, and
//! seldom while nobody does: what this process appends its readers are handed by itself. There is no
//! `NOTIFY`: a commit that notifies waits for every other one that does, a proxy between may not let it
//! through, and who dies between commit and notification would have to be found by asking all the same.
//!
//! A member says every second that it is there, by the clock of the database, and is missed after five. Two
//! processes that do not yet see the same members may both think that a lane is theirs; then the last one
//! that took it owns it, and the other one hears so from the store.

use super::tail::{Place, Tails};
use crate::clock::{Pace, Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::postgres::pool::Pool;
use crate::postgres::read::{count, number};
use crate::postgres::trouble::store;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How long to wait before the next look, at least and at most.
const BRISK: Duration = Duration::from_millis(2);
const CALM: Duration = Duration::from_millis(50);
/// How often members look who else is there, how often they say that they are, and when they are missed.
const MEET: Duration = Duration::from_millis(250);
const BEAT: Duration = Duration::from_secs(1);
const SESSION: Duration = Duration::from_secs(5);

/// The members of groups, in the order in which they joined.
pub(super) type Met = BTreeMap<String, Vec<Uuid>>;

/// The task, and what it knows.
pub(super) struct Watch {
    pool: Arc<Pool>,
    tails: Arc<Tails>,
    /// The members that are of this process.
    own: Mutex<BTreeSet<(String, Uuid)>>,
    met: watch::Sender<Met>,
    /// Whoever looks who is there tells it before the next one looks.
    looks: tokio::sync::Mutex<()>,
    /// Somebody reads from now on.
    hurry: Notify,
}

impl Watch {
    pub(super) fn new(pool: Arc<Pool>, tails: Arc<Tails>) -> Arc<Self> {
        let watch = Arc::new(Self {
            pool,
            tails,
            own: Mutex::default(),
            met: watch::Sender::new(Met::new()),
            looks: tokio::sync::Mutex::default(),
            hurry: Notify::new(),
        });
        tokio::spawn(run(Arc::downgrade(&watch)));
        watch
    }

    fn own(&self) -> MutexGuard<'_, BTreeSet<(String, Uuid)>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member of this process joins a group. When this returns, it is there for everybody.
    pub(super) async fn join(&self, group: &str, member: Uuid) -> Result<(), Error> {
        self.own().insert((group.to_owned(), member));
        let own = vec![(group.to_owned(), member)];
        let joined = async {
            self.pool.run(move |db| Box::pin(enrol(db, own))).await?;
            self.meet().await
        };
        let joined = joined.await;
        if joined.is_err() {
            self.own().remove(&(group.to_owned(), member));
        }
        joined
    }

    /// A member of this process leaves, or is gone: it is not said any more that it is there.
    pub(super) fn forget(&self, group: &str, member: Uuid) {
        self.own().remove(&(group.to_owned(), member));
    }

    /// The others need not wait until a member is missed.
    pub(super) async fn leave(&self, group: &str, member: Uuid) -> Result<(), Error> {
        self.forget(group, member);
        let left = self.pool.run(move |db| {
            Box::pin(async move {
                let gone = sqlx::query("DELETE FROM members WHERE id = $1").bind(member);
                gone.execute(db).await.map(drop).map_err(store)
            })
        });
        left.await?;
        self.meet().await
    }

    /// Changes whenever other members are there.
    pub(super) fn met(&self) -> watch::Receiver<Met> {
        self.met.subscribe()
    }

    /// Somebody reads from now on: looks at once.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Says that the members of this process are there. Who was missed for so long that it was forgotten
    /// joins again.
    async fn beat(&self) -> Result<(), Error> {
        let own: Vec<Uuid> = self.own().iter().map(|(_, id)| *id).collect();
        let seen = self.pool.run(move |db| Box::pin(beat(db, own))).await?;
        let is_missing = |own: &&(String, Uuid)| !seen.contains(&own.1);
        let missing: Vec<_> = self.own().iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.pool.run(move |db| Box::pin(enrol(db, missing))).await
    }

    /// Looks who is there.
    async fn meet(&self) -> Result<(), Error> {
        let _turn = self.looks.lock().await;
        let groups = self.own().iter().map(|(group, _)| group.clone()).collect();
        let met = self.pool.run(move |db| Box::pin(meet(db, groups))).await?;
        self.met.send_if_modified(|known| {
            let is_new = *known != met;
            *known = met;
            is_new
        });
        Ok(())
    }

    /// Looks how far partitions go, and says whether others have appended something.
    async fn look(&self) -> Result<bool, Error> {
        let known = self.tails.read_here();
        if known.is_empty() {
            return Ok(false);
        }
        let ends = self.pool.run(move |db| Box::pin(look(db, known))).await?;
        let is_news = !ends.is_empty();
        self.tails.reach(ends);
        Ok(is_news)
    }
}

/// Looks again and again, as long as somebody has the log open.
async fn run(watch: Weak<Watch>) {
    let (mut pace, mut wait) = (Pace::new(BRISK, CALM, BEAT), BRISK);
    let (mut beaten, mut met) = (Stopwatch::start(), Stopwatch::start());
    loop {
        let Some(watch) = watch.upgrade() else { return };
        tokio::select! {
            biased;
            () = watch.hurry.notified() => {}
            () = rest(wait) => {}
        }
        let begun = Stopwatch::start();
        let looked = async {
            let is_news = watch.look().await?;
            if beaten.elapsed() >= BEAT {
                beaten = Stopwatch::start();
                watch.beat().await?;
            }
            if met.elapsed() >= MEET {
                met = Stopwatch::start();
                watch.meet().await?;
            }
            Ok::<bool, Error>(is_news)
        };
        wait = match looked.await {
            Ok(is_news) => pace.next(is_news, begun.elapsed()),
            Err(told) if told.kind() == ErrorKind::Closed => return,
            Err(told) => {
                tracing::warn!(%told, "the log cannot be looked at: it is tried again");
                MEET
            }
        };
    }
}

/// The time of the database, in microseconds.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The members that are still known, after it was said that they are there.
async fn beat(db: &mut PgConnection, ids: Vec<Uuid>) -> Result<BTreeSet<Uuid>, Error> {
    let beaten = format!("UPDATE members SET seen = {NOW} WHERE id = ANY($1) RETURNING id");
    let beaten = sqlx::query(AssertSqlSafe(beaten)).bind(ids);
    let rows = beaten.fetch_all(db).await.map_err(store)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// New members. What is left of those that are long gone goes.
async fn enrol(db: &mut PgConnection, members: Vec<(String, Uuid)>) -> Result<(), Error> {
    let (groups, ids): (Vec<String>, Vec<Uuid>) = members.into_iter().unzip();
    let long_ago = SESSION.as_micros() * 100;
    let enrolled = format!(
        "WITH gone AS (DELETE FROM members WHERE seen < {NOW} - {long_ago})
         INSERT INTO members (id, group_name, joined, seen)
         SELECT w.id, w.name, {NOW}, {NOW} FROM unnest($1, $2) AS w (id, name)
         ON CONFLICT (id) DO UPDATE SET seen = excluded.seen"
    );
    let enrolled = sqlx::query(AssertSqlSafe(enrolled)).bind(ids).bind(groups);
    enrolled.execute(db).await.map(drop).map_err(store)
}

async fn meet(db: &mut PgConnection, groups: Vec<String>) -> Result<Met, Error> {
    let session = SESSION.as_micros();
    let asked = format!(
        "SELECT group_name, id FROM members WHERE group_name = ANY($1) AND seen > {NOW} - {session}
         ORDER BY group_name, joined, id"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(&groups);
    let rows = asked.fetch_all(db).await.map_err(store)?;
    let mut met: Met = groups.into_iter().map(|group| (group, Vec::new())).collect();
    for row in &rows {
        met.entry(row.get(0)).or_default().push(row.get(1));
    }
    Ok(met)
}

async fn look(db: &mut PgConnection, known: Vec<(Place, u64)>) -> Result<Vec<(Place, u64)>, Error> {
    let small = |partition: u32| i32::try_from(partition).unwrap_or(i32::MAX);
    let topics: Vec<i32> = known.iter().map(|((topic, _), _)| *topic).collect();
    let partitions: Vec<i32> = known.iter().map(|((_, at), _)| small(*at)).collect();
    let ends: Vec<i64> = known.iter().map(|(_, end)| *end as i64).collect();
    let asked = sqlx::query(
        "SELECT e.topic, e.partition, e.next FROM unnest($1, $2, $3) AS w (topic, partition, next)
         JOIN ends e ON e.topic = w.topic AND e.partition = w.partition WHERE e.next > w.next",
    );
    let rows = asked.bind(topics).bind(partitions).bind(ends).fetch_all(db).await.map_err(store)?;
    let end = |row: &PgRow| ((row.get(0), number(row, 1)), count(row, 2));
    Ok(rows.iter().map(end).collect())
}
