//! A whole group: where it stands, and deleting what it has left when it is no more.

use crate::error::Error;
use crate::postgres::read::{bytes, number};
use crate::postgres::take::from_json;
use crate::postgres::trouble::store;
use crate::store::{Pruned, Snapshot};
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// Positions and rows by one statement, so both are of one moment.
pub(super) async fn snapshot(
    db: &mut PgConnection,
    group: &str,
    table: Option<&str>,
) -> Result<Snapshot, Error> {
    let found = sqlx::query(
        "SELECT lane, CAST(positions AS text), NULL::bytea AS key, NULL::bytea FROM lanes
         WHERE group_name = $1
         UNION ALL
         SELECT NULL, NULL, key, value FROM rows WHERE name = $2 ORDER BY lane, key",
    );
    let found = found.bind(group).bind(table).fetch_all(db).await.map_err(store)?;
    let mut snapshot = Snapshot::default();
    for row in &found {
        match row.get::<Option<i32>, _>(0) {
            Some(_) => drop(snapshot.positions.insert(number(row, 0), from_json(row.get(1))?)),
            None => snapshot.rows.push((bytes(row, 2), bytes(row, 3))),
        }
    }
    Ok(snapshot)
}

/// What belongs to the lanes of a group. Ids of foreign messages are deleted by their age.
const OF_LANES: [&str; 8] =
    ["edges", "inbox", "timers", "calls", "parked", "dead_letters", "outbox", "lanes"];

/// Deletes some rows of the table of this name; when there are none left, the lanes.
pub(super) async fn forget(
    db: &mut PgConnection,
    group: &str,
    limit: u32,
) -> Result<Pruned, Error> {
    let rows = sqlx::query(
        "DELETE FROM rows t USING
         (SELECT name, key FROM rows WHERE name = $1 ORDER BY key LIMIT $2) AS w
         WHERE t.name = ANY (ARRAY[w.name]) AND t.key = w.key",
    );
    let rows = rows.bind(group).bind(i64::from(limit)).execute(&mut *db).await.map_err(store)?;
    let mut deleted = rows.rows_affected();
    if deleted >= u64::from(limit) {
        return Ok(Pruned { deleted, is_done: false });
    }
    for table in OF_LANES {
        let gone = format!("DELETE FROM {table} WHERE group_name = $1");
        let gone = sqlx::query(AssertSqlSafe(gone)).bind(group);
        deleted += gone.execute(&mut *db).await.map_err(store)?.rows_affected();
    }
    Ok(Pruned { deleted, is_done: true })
}
