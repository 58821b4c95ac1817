//! Reading: slots and ranges, runs, dead letters, and what a batch asks for.

use crate::clock::Time;
use crate::error::Error;
use crate::message::Key;
use crate::sqlite::pack::{Args, Pack};
use crate::sqlite::trouble::store;
use crate::store::{
    DeadLetter, Due, Found, InboxRow, Inboxed, LaneId, RunRow, Scan, Slot, Space, Status, Timer,
};
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A number that counts something.
pub(super) fn count(row: &SqliteRow, at: usize) -> u64 {
    u64::try_from(row.get::<i64, _>(at)).unwrap_or_default()
}

pub(super) fn time(row: &SqliteRow, at: usize) -> Time {
    Time::from_micros(row.get(at))
}

pub(super) fn key(row: &SqliteRow, at: usize) -> Key {
    Key::new(row.get::<&str, _>(at))
}

fn bytes(row: &SqliteRow, at: usize) -> Bytes {
    row.get::<Vec<u8>, _>(at).into()
}

fn place(row: &SqliteRow, at: usize) -> usize {
    usize::try_from(row.get::<i64, _>(at)).unwrap_or(usize::MAX)
}

/// Reads slots and ranges.
pub(super) async fn find(
    db: &mut SqliteConnection,
    wanted: &BTreeSet<Slot>,
    wanted_scans: &BTreeSet<Scan>,
) -> Result<Found, Error> {
    let mut found = Found::default();
    if !wanted.is_empty() {
        found.slots = slots(db, wanted).await?;
    }
    if !wanted_scans.is_empty() {
        found.scans = scans(db, wanted_scans).await?;
    }
    Ok(found)
}

/// Reads slots, by one statement.
pub(super) async fn slots(
    db: &mut SqliteConnection,
    wanted: &BTreeSet<Slot>,
) -> Result<BTreeMap<Slot, Bytes>, Error> {
    let (mut rows, mut barriers, mut runs) = (Pack::default(), Pack::default(), Pack::default());
    let wanted: Vec<&Slot> = wanted.iter().collect();
    for (at, slot) in wanted.iter().enumerate() {
        let pack = match slot.space {
            Space::Rows => &mut rows,
            Space::Barriers => &mut barriers,
            Space::Runs => &mut runs,
        };
        let _ = pack.row().number(at as u64).name(&slot.table).bytes(&slot.key);
    }
    // CROSS JOIN keeps the order: for each key wanted one look into the table.
    let found = sqlx::query_with(
        "SELECT r.value ->> 0, t.value FROM jsonb_each($2) r CROSS JOIN rows t
         ON t.name = r.value ->> 1 AND t.key = substr($1, r.value ->> 2, r.value ->> 3)
         UNION ALL
         SELECT r.value ->> 0, t.value FROM jsonb_each($4) r CROSS JOIN barriers t
         ON t.group_name = r.value ->> 1 AND t.key = substr($3, r.value ->> 2, r.value ->> 3)
         UNION ALL
         SELECT r.value ->> 0, t.body FROM jsonb_each($6) r CROSS JOIN runs t
         ON t.saga = r.value ->> 1 AND t.key = substr($5, r.value ->> 2, r.value ->> 3)
         UNION ALL
         SELECT r.value ->> 0, t.body FROM jsonb_each($6) r CROSS JOIN archive t
         ON t.saga = r.value ->> 1 AND t.key = substr($5, r.value ->> 2, r.value ->> 3)",
        Args::default().rows(rows).rows(barriers).rows(runs).0,
    );
    let found = found.fetch_all(db).await.map_err(store)?;
    let at = |row: &SqliteRow| Some(((*wanted.get(place(row, 0))?).clone(), bytes(row, 1)));
    Ok(found.iter().filter_map(at).collect())
}

type Scanned = BTreeMap<Scan, Vec<(Bytes, Bytes)>>;

/// Reads ranges, by one statement: it walks from key to key, each range to its own bound and limit.
async fn scans(db: &mut SqliteConnection, wanted: &BTreeSet<Scan>) -> Result<Scanned, Error> {
    let mut pack = Pack::default();
    for (at, Scan { table, from, to, limit }) in wanted.iter().enumerate() {
        let row = pack.row().number(at as u64).name(table).number(*limit).bytes(from);
        let _ = match to {
            Some(to) => row.bytes(to),
            None => row.maybe(None).maybe(None),
        };
    }
    let found = sqlx::query_with(
        "WITH RECURSIVE wanted AS MATERIALIZED
         (SELECT value ->> 0 AS at, value ->> 1 AS name, value ->> 2 AS most,
                 substr($1, value ->> 3, value ->> 4) AS start,
                 substr($1, value ->> 5, value ->> 6) AS stop FROM jsonb_each($2)),
         walk (at, name, stop, most, key) AS
         (SELECT at, name, stop, most,
                 (SELECT min(t.key) FROM rows t WHERE t.name = w.name AND t.key >= w.start)
          FROM wanted w
          UNION ALL
          SELECT at, name, stop, most - 1,
                 (SELECT min(t.key) FROM rows t WHERE t.name = w.name AND t.key > w.key)
          FROM walk w WHERE most > 1 AND key IS NOT NULL AND (stop IS NULL OR key < stop))
         SELECT w.at, t.key, t.value FROM walk w CROSS JOIN rows t
         ON t.name = w.name AND t.key = w.key
         WHERE w.most > 0 AND (w.stop IS NULL OR w.key < w.stop) ORDER BY w.at, t.key",
        Args::default().rows(pack).0,
    );
    let found = found.fetch_all(db).await.map_err(store)?;
    let mut all: Vec<Vec<(Bytes, Bytes)>> = vec![Vec::new(); wanted.len()];
    for row in &found {
        if let Some(rows) = all.get_mut(place(row, 0)) {
            rows.push((bytes(row, 1), bytes(row, 2)));
        }
    }
    Ok(wanted.iter().cloned().zip(all).collect())
}

/// Lists the runs of a saga, newest first. Who asks for those that go on is not led through the archive, where none of
/// them is, nor the other way round.
pub(super) async fn runs(
    db: &mut SqliteConnection,
    saga: &str,
    status: Option<Status>,
    limit: u32,
) -> Result<Vec<RunRow>, Error> {
    let found = sqlx::query(
        "SELECT key, status, body, begun FROM
         (SELECT key, status, body, begun FROM runs
          WHERE $4 AND saga = $1 AND ($2 IS NULL OR status = $2)
          ORDER BY begun DESC, key DESC LIMIT $3)
         UNION ALL SELECT key, status, body, begun FROM
         (SELECT key, status, body, begun FROM archive
          WHERE $5 AND saga = $1 AND ($2 IS NULL OR status = $2)
          ORDER BY begun DESC, key DESC LIMIT $3)
         ORDER BY begun DESC, key DESC LIMIT $3",
    );
    let (going, ended) = Status::among(status);
    let found = found.bind(saga).bind(status.map(Status::name)).bind(limit);
    let found = found.bind(going).bind(ended);
    let read = |row: &SqliteRow| RunRow {
        saga: saga.to_owned(),
        run: String::from_utf8_lossy(row.get(0)).into_owned(),
        status: row.get::<Option<&str>, _>(1).and_then(Status::of).unwrap_or(Status::Running),
        body: bytes(row, 2),
    };
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(read).collect())
}

fn dead_letter(row: &SqliteRow) -> DeadLetter {
    DeadLetter {
        id: Uuid::from_slice(row.get(0)).unwrap_or_default(),
        lane: LaneId::new(row.get::<String, _>(1), row.get(2)),
        key: key(row, 3),
        reason: row.get(4),
        at: time(row, 5),
        attempts: row.get(6),
        body: bytes(row, 7),
    }
}

/// Lists dead letters, newest first.
pub(super) async fn dead_letters(
    db: &mut SqliteConnection,
    group: Option<&str>,
    limit: u32,
) -> Result<Vec<DeadLetter>, Error> {
    let found = sqlx::query(
        "SELECT id, group_name, lane, key, reason, at, attempts, body FROM dead_letters
         WHERE $1 IS NULL OR group_name = $1 ORDER BY at DESC LIMIT $2",
    );
    let found = found.bind(group).bind(limit).fetch_all(db).await.map_err(store)?;
    Ok(found.iter().map(dead_letter).collect())
}

/// The dead letters of these ids.
pub(super) async fn dead(
    db: &mut SqliteConnection,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<DeadLetter>, Error> {
    let mut pack = Pack::default();
    for id in ids {
        let _ = pack.row().bytes(id.as_bytes());
    }
    let found = sqlx::query_with(
        "SELECT t.id, t.group_name, t.lane, t.key, t.reason, t.at, t.attempts, t.body
         FROM jsonb_each($2) r CROSS JOIN dead_letters t
         ON t.id = substr($1, r.value ->> 0, r.value ->> 1)",
        Args::default().rows(pack).0,
    );
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(dead_letter).collect())
}

/// Those of these foreign ids that a group has taken.
pub(super) async fn seen(
    db: &mut SqliteConnection,
    group: &str,
    ids: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let mut pack = Pack::default();
    for id in ids {
        let _ = pack.row().bytes(id.as_bytes());
    }
    let found = sqlx::query_with(
        "SELECT CAST(t.id AS TEXT) FROM jsonb_each($2) r CROSS JOIN seen t
         ON t.group_name = $3 AND t.id = substr($1, r.value ->> 0, r.value ->> 1)",
        Args::default().rows(pack).with(group).0,
    );
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(|row| row.get(0)).collect())
}

/// The entries of an inbox, in order.
pub(super) async fn inbox(
    db: &mut SqliteConnection,
    lane: &LaneId,
    limit: u32,
) -> Result<Vec<InboxRow>, Error> {
    let found = sqlx::query(
        "SELECT number, at, id, key, body FROM inbox WHERE group_name = $1 AND lane = $2
         ORDER BY number LIMIT $3",
    );
    let found = found.bind(lane.group.as_str()).bind(lane.lane).bind(limit).fetch_all(db).await;
    let read = |row: &SqliteRow| InboxRow {
        number: row.get(0),
        at: time(row, 1),
        entry: Inboxed { id: row.get(2), key: key(row, 3), body: bytes(row, 4) },
    };
    Ok(found.map_err(store)?.iter().map(read).collect())
}

/// The timers that are due, and the next one after them.
pub(super) async fn due(
    db: &mut SqliteConnection,
    lane: &LaneId,
    now: Time,
    limit: u32,
) -> Result<Due, Error> {
    let found = sqlx::query(
        "SELECT due, id, key FROM (SELECT due, id, key FROM timers
          WHERE group_name = $1 AND lane = $2 AND due <= $3 ORDER BY due, id LIMIT $4)
         UNION ALL SELECT due, id, key FROM (SELECT due, id, key FROM timers
          WHERE group_name = $1 AND lane = $2 AND due > $3 ORDER BY due, id LIMIT 1)
         ORDER BY due, id",
    );
    let found = found.bind(lane.group.as_str()).bind(lane.lane).bind(now.micros());
    let found = found.bind(i64::from(limit) + 1).fetch_all(db).await.map_err(store)?;
    let read = |row: &SqliteRow| (Timer { due: time(row, 0), id: row.get(1) }, key(row, 2));
    Ok(Due::of(found.iter().map(read), now, limit))
}
