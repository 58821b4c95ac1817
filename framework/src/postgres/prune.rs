//! Deleting what is old, a little at a time.
//!
//! Every step looks at a bounded range and deletes what is old in it; the next step goes on behind it,
//! like the hand of a clock. So a step is short however large the schema is, no table needs an index on age
//! that every batch would have to write, and nobody reads again what was deleted before.

use crate::clock::Time;
use crate::error::Error;
use crate::postgres::log::Hand;
use crate::postgres::read::count;
use crate::postgres::trouble::store;
use crate::store::{Kept, Pruned};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::collections::BTreeMap;

/// Where each kind goes on. It is not written down: a new process begins a new round.
#[derive(Default, Clone)]
pub(super) struct Hands {
    log: Hand,
    unread: Hand,
    barriers: Option<(String, Vec<u8>)>,
    seen: Option<(String, Vec<u8>)>,
    /// The lane that was looked at last.
    lane: Option<(String, i32)>,
    /// Up to which batch each lane's outbox was deleted.
    outboxes: BTreeMap<(String, i32), i64>,
}

impl Hands {
    /// One step of one kind.
    pub(super) async fn step(
        &mut self,
        db: &mut PgConnection,
        kind: Kept,
        before: Time,
        limit: u32,
    ) -> Result<Pruned, Error> {
        let (before, limit) = (before.micros(), i64::from(limit.max(1)));
        let pruned = match kind {
            Kept::Log => self.log.step(db, before, limit, false).await,
            Kept::Unread => self.unread.step(db, before, limit, true).await,
            Kept::Outbox => self.outbox(db, before, limit).await,
            Kept::Archive => archive(db, before, limit).await,
            Kept::Barriers => walk(db, &mut self.barriers, BARRIERS, before, limit).await,
            Kept::Seen => walk(db, &mut self.seen, SEEN, before, limit).await,
            Kept::DeadLetters => dead_letters(db, before, limit).await,
        };
        pruned.map_err(store)
    }

    /// Looks at some batches of one lane: those that have reached the broker and are old go.
    async fn outbox(
        &mut self,
        db: &mut PgConnection,
        before: i64,
        limit: i64,
    ) -> Result<Pruned, sqlx::Error> {
        let (group, lane) = self.lane.clone().unwrap_or((String::new(), -1));
        let next = sqlx::query(
            "SELECT group_name, lane, published FROM lanes WHERE (group_name, lane) > ($1, $2)
             ORDER BY group_name, lane LIMIT 1",
        );
        let Some(next) = next.bind(group).bind(lane).fetch_optional(&mut *db).await? else {
            self.lane = None;
            return Ok(Pruned { deleted: 0, is_done: true });
        };
        let lane: (String, i32) = (next.get(0), next.get(1));
        let from = self.outboxes.get(&lane).copied().unwrap_or(-1);
        let gone = sqlx::query(
            "WITH looked AS MATERIALIZED (
                 SELECT group_name, lane, batch, piece, at FROM outbox
                 WHERE group_name = $1 AND lane = $2 AND batch > $3 AND batch <= $4
                 ORDER BY batch, piece LIMIT $6)
             DELETE FROM outbox o USING looked l
             WHERE o.group_name = ANY (ARRAY[l.group_name]) AND o.lane = l.lane
             AND o.batch = l.batch AND o.piece = l.piece AND l.at < $5 RETURNING o.batch",
        );
        let gone = gone.bind(&lane.0).bind(lane.1).bind(from).bind(next.get::<i64, _>(2));
        let gone = gone.bind(before).bind(limit).fetch_all(db).await?;
        let deleted = gone.len() as u64;
        // Pieces of the last batch may be left: it is looked at once more.
        let last = gone.iter().map(|row| row.get::<i64, _>(0) - 1).max();
        self.outboxes.insert(lane.clone(), last.unwrap_or(from).max(from));
        if deleted < limit as u64 {
            self.lane = Some(lane);
        }
        Ok(Pruned { deleted, is_done: false })
    }
}

/// A table that is walked: its name, the second part of its primary key, and what is not too young to go.
type Walked = (&'static str, &'static str, &'static str);

const BARRIERS: Walked = ("barriers", "key", "t.at < $4 AND NOT t.is_open");
const SEEN: Walked = ("seen", "id", "t.at < $4");

/// Looks at some rows of a table along its primary key. Where they end is told by their number and not by a
/// second bound, for Postgres would look at all rows up to the end of the table for that.
async fn walk(
    db: &mut PgConnection,
    hand: &mut Option<(String, Vec<u8>)>,
    (table, key, is_old): Walked,
    before: i64,
    limit: i64,
) -> Result<Pruned, sqlx::Error> {
    let (group, from) = hand.take().unwrap_or_default();
    let step = format!(
        "WITH looked AS MATERIALIZED (
             SELECT group_name, {key}, {is_old} AS is_old FROM {table} t
             WHERE (group_name, {key}) > ($1, $2) ORDER BY group_name, {key} LIMIT $3),
         gone AS (
             DELETE FROM {table} t USING (SELECT * FROM looked WHERE is_old OFFSET 0) l
             WHERE t.group_name = ANY (ARRAY[l.group_name]) AND t.{key} = l.{key} AND {is_old}
             RETURNING 1 AS one)
         SELECT group_name, {key}, (SELECT count(*) FROM gone), (SELECT count(*) FROM looked)
         FROM looked ORDER BY group_name DESC, {key} DESC LIMIT 1"
    );
    let step = sqlx::query(AssertSqlSafe(step)).bind(&group).bind(&from).bind(limit).bind(before);
    let Some(last) = step.fetch_optional(db).await? else {
        return Ok(Pruned { deleted: 0, is_done: true });
    };
    let (deleted, looked) = (count(&last, 2), last.get::<i64, _>(3));
    *hand = (looked == limit).then(|| (last.get(0), last.get(1)));
    Ok(Pruned { deleted, is_done: hand.is_none() })
}

/// Runs that ended before this, the oldest of each saga first. Those that began early and ended late are
/// passed over each time; there are few.
async fn archive(db: &mut PgConnection, before: i64, limit: i64) -> Result<Pruned, sqlx::Error> {
    let gone = sqlx::query(
        "WITH RECURSIVE sagas AS (
             (SELECT saga FROM archive ORDER BY saga LIMIT 1)
             UNION ALL
             SELECT n.saga FROM sagas s CROSS JOIN LATERAL
             (SELECT saga FROM archive a WHERE a.saga > s.saga ORDER BY saga LIMIT 1) n),
         old AS MATERIALIZED (
             SELECT o.saga, o.key FROM sagas s CROSS JOIN LATERAL
             (SELECT saga, key FROM archive a WHERE a.saga || '' = s.saga AND a.begun < $1 AND a.ended < $1
              ORDER BY begun LIMIT $2) o LIMIT $2)
         DELETE FROM archive a USING old o WHERE a.saga = ANY (ARRAY[o.saga]) AND a.key = o.key",
    );
    let deleted = gone.bind(before).bind(limit).execute(db).await?.rows_affected();
    Ok(Pruned { deleted, is_done: deleted < limit as u64 })
}

async fn dead_letters(
    db: &mut PgConnection,
    before: i64,
    limit: i64,
) -> Result<Pruned, sqlx::Error> {
    let gone = sqlx::query(
        "DELETE FROM dead_letters WHERE id = ANY(ARRAY(
         SELECT id FROM dead_letters WHERE at < $1 ORDER BY at LIMIT $2))",
    );
    let deleted = gone.bind(before).bind(limit).execute(db).await?.rows_affected();
    Ok(Pruned { deleted, is_done: deleted < limit as u64 })
}
