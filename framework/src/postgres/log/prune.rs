//! Deleting what is old from the log, a few rows of one partition at a time.

use crate::error::Error;
use crate::postgres::take::lane_number;
use crate::postgres::trouble::store;
use crate::store::{LaneId, Position, Pruned};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;

/// Writes down where a lane begins to read, so that nothing behind it is deleted; what is there stays.
pub(in crate::postgres) async fn reads(
    db: &mut PgConnection,
    lane: &LaneId,
    positions: &BTreeMap<String, Position>,
) -> Result<(), Error> {
    let topics: Vec<&str> = positions.keys().map(String::as_str).collect();
    let nexts: Vec<i64> = positions.values().map(|position| position.next as i64).collect();
    let told = sqlx::query(
        "INSERT INTO readers (topic, lane, group_name, next)
         SELECT w.topic, $1, $2, w.next FROM unnest($3, $4) AS w (topic, next)
         ON CONFLICT DO NOTHING",
    );
    let told = told.bind(lane_number(lane)).bind(lane.group.as_str()).bind(topics).bind(nexts);
    told.execute(db).await.map(drop).map_err(store)
}

/// A group is no more: nothing waits for it.
pub(in crate::postgres) async fn forget(db: &mut PgConnection, group: &str) -> Result<(), Error> {
    let gone = sqlx::query("DELETE FROM readers WHERE group_name = $1").bind(group);
    gone.execute(db).await.map(drop).map_err(store)
}

/// Where the walk through the log goes on: the partition, and the last offset of the row looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) struct Hand {
    topic: i32,
    partition: i32,
    last: i64,
}

impl Default for Hand {
    /// Before everything.
    fn default() -> Self {
        Self { topic: i32::MIN, partition: -1, last: -1 }
    }
}

/// The partition at which the walk goes on, or the first one behind it.
const PLACE: &str = "
    SELECT e.topic, e.partition, t.name, t.compacted FROM ends e JOIN topics t ON t.number = e.topic
    WHERE (e.topic, e.partition) >= ($1, $2) ORDER BY e.topic, e.partition LIMIT 1";

/// How far the lanes of this store have read a partition. Others tell of theirs themselves.
const READ: &str = "
    INSERT INTO readers (topic, lane, group_name, next)
    SELECT $1, $2, l.group_name, (l.positions -> $1 ->> 'next')::bigint FROM lanes l
    WHERE l.lane = $2 AND l.positions ? $1 ORDER BY l.group_name
    ON CONFLICT (topic, lane, group_name) DO UPDATE SET next = excluded.next
    WHERE readers.next <> excluded.next";

/// How far a partition may be deleted, as the last offset that may go: the newest row stays, and what a
/// group has not read.
const BOUND: &str = "
    SELECT least(
        (SELECT l.last - 1 FROM log l WHERE l.topic = $1 AND l.partition = $2
         ORDER BY l.last DESC LIMIT 1),
        (SELECT min(r.next) - 1 FROM readers r WHERE NOT $4 AND r.topic = $3 AND r.lane = $2))";

/// The row at which this look ends, if there are so many.
const END: &str = "
    SELECT last FROM log WHERE topic = $1 AND partition = $2 AND last > $3
    ORDER BY last LIMIT 1 OFFSET $4";

/// Deletes the old ones of a range, except those that have no successor and need one. Tells how many
/// messages and rows they were.
const FORGET: &str = "
    WITH gone AS (
        DELETE FROM log o WHERE o.topic = $1 AND o.partition = $2 AND o.last > $3 AND o.last <= $4
        AND o.at < $5 AND (o.key IS NULL OR EXISTS
            (SELECT 1 FROM log n WHERE n.topic = o.topic AND n.partition = o.partition
             AND n.key = o.key AND n.last > o.last))
        RETURNING o.last - o.first + 1 AS messages)
    SELECT coalesce(sum(messages), 0)::bigint, count(*) FROM gone";

impl Hand {
    /// Looks at some rows of one partition. What nobody has read is only deleted `anyway`, and of a
    /// compacted topic not even then.
    pub(in crate::postgres) async fn step(
        &mut self,
        db: &mut PgConnection,
        before: i64,
        limit: i64,
        anyway: bool,
    ) -> Result<Pruned, sqlx::Error> {
        let place = sqlx::query(PLACE).bind(self.topic).bind(self.partition);
        let Some(place) = place.fetch_optional(&mut *db).await? else {
            *self = Self::default();
            return Ok(Pruned { deleted: 0, is_done: true });
        };
        let (topic, partition): (i32, i32) = (place.get(0), place.get(1));
        let (name, compacted): (&str, bool) = (place.get(2), place.get(3));
        let is_on = (topic, partition) == (self.topic, self.partition);
        let from = if is_on { self.last } else { -1 };
        sqlx::query(READ).bind(name).bind(partition).execute(&mut *db).await?;
        let bound = sqlx::query(BOUND).bind(topic).bind(partition).bind(name);
        let bound = bound.bind(anyway && !compacted).fetch_one(&mut *db).await?;
        let bound = bound.get::<Option<i64>, _>(0).unwrap_or(-1);
        let end = sqlx::query(END).bind(topic).bind(partition).bind(from).bind(limit - 1);
        let end: Option<i64> = end.fetch_optional(&mut *db).await?.map(|row| row.get(0));
        let to = end.unwrap_or(i64::MAX).min(bound);
        let gone = sqlx::query(FORGET).bind(topic).bind(partition).bind(from).bind(to);
        let gone = gone.bind(before).fetch_one(db).await?;
        let (messages, rows): (i64, i64) = (gone.get(0), gone.get(1));
        // What is younger than this stands behind it, unless keys kept it there.
        let is_spent = !compacted && rows < limit;
        *self = match end {
            Some(end) if end < bound && !is_spent => Self { topic, partition, last: end },
            _ => Self { topic, partition: partition + 1, last: -1 },
        };
        Ok(Pruned { deleted: messages as u64, is_done: false })
    }
}
