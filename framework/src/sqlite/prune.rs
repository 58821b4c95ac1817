//! Deleting what is old, a little at a time.
//!
//! Every step looks at a bounded range and deletes what is old in it; the next step goes on behind it,
//! like the hand of a clock. So a step is short however large the file is, and no table needs an index on
//! age that every batch would have to write. SQLite uses the pages again that become free, so a file whose
//! work is steady stops growing.

use crate::clock::Time;
use crate::error::Error;
use crate::sqlite::place;
use crate::sqlite::trouble::store;
use crate::store::{Kept, Pruned};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

/// Where each kind goes on. It is not written down: a new process begins a new round.
#[derive(Default)]
pub(super) struct Hands {
    log: Hand,
    unread: Hand,
    barriers: Option<(String, Vec<u8>)>,
    seen: Option<(String, Vec<u8>)>,
}

/// Where the walk through the log goes on: the topic and partition, and the last offset looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hand {
    topic: i64,
    partition: u32,
    offset: i64,
}

impl Default for Hand {
    /// Before everything.
    fn default() -> Self {
        Self { topic: -1, partition: 0, offset: -1 }
    }
}

impl Hands {
    /// One step of one kind.
    pub(super) async fn step(
        &mut self,
        db: &mut SqliteConnection,
        kind: Kept,
        before: Time,
        limit: u32,
    ) -> Result<Pruned, Error> {
        let before = before.micros();
        let pruned = match kind {
            Kept::Log => log(db, &mut self.log, before, limit, false).await,
            Kept::Unread => log(db, &mut self.unread, before, limit, true).await,
            // What a batch sends is in the log at once.
            Kept::Outbox => Ok(Pruned { deleted: 0, is_done: true }),
            Kept::Archive => archive(db, before, limit).await,
            Kept::Barriers => walk(db, &mut self.barriers, BARRIERS, before, limit).await,
            Kept::Seen => walk(db, &mut self.seen, SEEN, before, limit).await,
            Kept::DeadLetters => dead_letters(db, before, limit).await,
        };
        pruned.map_err(store)
    }
}

/// The partition at which the walk goes on, or the first one behind it: its topic's number, its own, the
/// topic's name and whether it is compacted.
const PLACE: &str = "
    WITH RECURSIVE places (topic, partition, name, partitions, compacted) AS (
        SELECT number, 0, name, partitions, compacted FROM topics WHERE number >= $1
        UNION ALL
        SELECT topic, partition + 1, name, partitions, compacted FROM places
        WHERE partition + 1 < partitions)
    SELECT topic, partition, name, compacted FROM places WHERE (topic, partition) >= ($1, $2)
    ORDER BY topic, partition LIMIT 1";

/// How far a partition may be deleted: the newest message stays, and what a group has not read.
const BOUND: &str = "
    SELECT min(
        (SELECT coalesce(max(place), $1) - 1 FROM log WHERE place BETWEEN $1 AND $5),
        coalesce((SELECT min(p.value ->> 'next') - 1 + $1 FROM lanes l, json_each(l.positions) p
                  WHERE NOT $4 AND l.lane = $2 AND p.key = $3), 9223372036854775807))";

/// Deletes the old ones of a range of the log, except those that have no successor and need one.
const FORGET: &str = "
    DELETE FROM log WHERE place > $1 AND place <= $2 AND at < $3 AND (key IS NULL OR EXISTS
        (SELECT 1 FROM log n WHERE n.place >> 40 = log.place >> 40 AND n.key = log.key
         AND n.key IS NOT NULL AND n.place > log.place))";

/// Looks at some messages of one partition. What nobody has read is only deleted `anyway`, and of a
/// compacted topic not even then.
async fn log(
    db: &mut SqliteConnection,
    hand: &mut Hand,
    before: i64,
    limit: u32,
    anyway: bool,
) -> Result<Pruned, sqlx::Error> {
    let place = sqlx::query(PLACE).bind(hand.topic).bind(hand.partition);
    let Some(place) = place.fetch_optional(&mut *db).await? else {
        *hand = Hand::default();
        return Ok(Pruned { deleted: 0, is_done: true });
    };
    let (topic, partition): (i64, u32) = (place.get(0), place.get(1));
    let (name, compacted): (&str, bool) = (place.get(2), place.get(3));
    let (first, last) = (place::first(topic, partition), place::last(topic, partition));
    let is_on = (topic, partition) == (hand.topic, hand.partition);
    let from = first + if is_on { hand.offset } else { -1 };
    let bound = sqlx::query(BOUND).bind(first).bind(partition).bind(name);
    let bound = bound.bind(anyway && !compacted).bind(last);
    let bound: i64 = bound.fetch_one(&mut *db).await?.get(0);
    let end = sqlx::query(
        "SELECT place FROM log WHERE place > $1 AND place <= $2 ORDER BY place LIMIT 1 OFFSET $3",
    );
    let end = end.bind(from).bind(last).bind(limit.max(1) - 1);
    let end: Option<i64> = end.fetch_optional(&mut *db).await?.map(|row| row.get(0));
    let to = end.unwrap_or(last).min(bound);
    let gone = sqlx::query(FORGET).bind(from).bind(to).bind(before);
    let deleted = gone.execute(db).await?.rows_affected();
    // What is younger than this stands behind it, unless keys kept it there.
    let is_spent = !compacted && deleted < u64::from(limit);
    *hand = match end {
        Some(end) if end < bound && !is_spent => Hand { topic, partition, offset: end - first },
        _ => Hand { topic, partition: partition + 1, offset: -1 },
    };
    Ok(Pruned { deleted, is_done: false })
}

/// A table that is walked: its name, the second part of its primary key, and what is not too young to go.
type Walked = (&'static str, &'static str, &'static str);

const BARRIERS: Walked = ("barriers", "key", "at < $5 AND NOT is_open");
const SEEN: Walked = ("seen", "id", "at < $5");

/// Looks at some rows of a table along its primary key.
async fn walk(
    db: &mut SqliteConnection,
    hand: &mut Option<(String, Vec<u8>)>,
    (table, key, is_old): Walked,
    before: i64,
    limit: u32,
) -> Result<Pruned, sqlx::Error> {
    let (group, from) = hand.take().unwrap_or_default();
    let end = format!(
        "SELECT group_name, {key} FROM {table} WHERE (group_name, {key}) > ($1, $2)
         ORDER BY group_name, {key} LIMIT 1 OFFSET $3"
    );
    let end = sqlx::query(AssertSqlSafe(end)).bind(&group).bind(&from).bind(limit.max(1) - 1);
    let end = end.fetch_optional(&mut *db).await?.map(|row| (row.get(0), row.get(1)));
    hand.clone_from(&end);
    let upto =
        end.as_ref().map_or(String::new(), |_| format!("(group_name, {key}) <= ($3, $4) AND"));
    let gone =
        format!("DELETE FROM {table} WHERE (group_name, {key}) > ($1, $2) AND {upto} {is_old}");
    let (last, to) = end.unwrap_or_default();
    let gone = sqlx::query(AssertSqlSafe(gone)).bind(&group).bind(&from).bind(last).bind(to);
    let deleted = gone.bind(before).execute(db).await?.rows_affected();
    Ok(Pruned { deleted, is_done: hand.is_none() })
}

/// Runs that ended before this, the oldest of each saga first. Those that began early and ended late are
/// passed over each time; there are few.
async fn archive(
    db: &mut SqliteConnection,
    before: i64,
    limit: u32,
) -> Result<Pruned, sqlx::Error> {
    let gone = sqlx::query(
        "WITH RECURSIVE sagas (saga) AS (
             SELECT min(saga) FROM archive
             UNION ALL
             SELECT (SELECT min(saga) FROM archive WHERE saga > sagas.saga) FROM sagas
             WHERE saga IS NOT NULL)
         DELETE FROM archive WHERE (saga, key) IN (
             SELECT a.saga, a.key FROM sagas CROSS JOIN archive a
             WHERE a.saga = sagas.saga AND a.begun < $1 AND a.ended < $1 LIMIT $2)",
    );
    let deleted = gone.bind(before).bind(limit).execute(db).await?.rows_affected();
    Ok(Pruned { deleted, is_done: deleted < u64::from(limit) })
}

async fn dead_letters(
    db: &mut SqliteConnection,
    before: i64,
    limit: u32,
) -> Result<Pruned, sqlx::Error> {
    let gone = sqlx::query(
        "DELETE FROM dead_letters WHERE id IN
         (SELECT id FROM dead_letters WHERE at < $1 ORDER BY at LIMIT $2)",
    );
    let deleted = gone.bind(before).bind(limit).execute(db).await?.rows_affected();
    Ok(Pruned { deleted, is_done: deleted < u64::from(limit) })
}
