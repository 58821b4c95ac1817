//! Reading: slots and ranges, runs, dead letters, and what a batch asks for.

use crate::clock::Time;
use crate::error::Error;
use crate::message::Key;
use crate::postgres::pack::Args;
use crate::postgres::take::lane_number;
use crate::postgres::trouble::store;
use crate::store::{
    DeadLetter, Due, Found, InboxRow, Inboxed, LaneId, Lock, RunRow, Scan, Slot, Space, Status,
    Timer,
};
use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use uuid::Uuid;

/// A number that counts something.
pub(super) fn count(row: &PgRow, at: usize) -> u64 {
    u64::try_from(row.get::<i64, _>(at)).unwrap_or_default()
}

/// A number of 32 bits, whatever room it has in its table.
pub(super) fn number(row: &PgRow, at: usize) -> u32 {
    let wide = row.try_get::<i64, _>(at).or_else(|_| row.try_get::<i32, _>(at).map(i64::from));
    u32::try_from(wide.unwrap_or_default()).unwrap_or_default()
}

pub(super) fn time(row: &PgRow, at: usize) -> Time {
    Time::from_micros(row.get(at))
}

/// What a user chose: a text, stored as its bytes.
pub(super) fn text(row: &PgRow, at: usize) -> String {
    String::from_utf8_lossy(row.get(at)).into_owned()
}

pub(super) fn key(row: &PgRow, at: usize) -> Key {
    Key::new(text(row, at))
}

pub(super) fn bytes(row: &PgRow, at: usize) -> Bytes {
    Bytes::copy_from_slice(row.get(at))
}

fn place(row: &PgRow, at: usize) -> usize {
    usize::try_from(row.get::<i32, _>(at)).unwrap_or(usize::MAX)
}

/// Reads slots and ranges, and locks nothing.
pub(super) async fn find(
    db: &mut PgConnection,
    wanted: &BTreeSet<Slot>,
    wanted_scans: &BTreeSet<Scan>,
) -> Result<Found, Error> {
    let slots = wanted.iter().map(|slot| (slot.clone(), Lock::Peek)).collect();
    let (found, scans) = inside(db, &slots, wanted_scans).await?;
    let slots = found.into_iter().map(|(slot, (_, body))| (slot, body)).collect();
    Ok(Found { slots, scans })
}

/// Reads slots, locking those that are going to be changed, and ranges.
pub(super) async fn inside(
    db: &mut PgConnection,
    wanted: &BTreeMap<Slot, Lock>,
    wanted_scans: &BTreeSet<Scan>,
) -> Result<(Slots, Scanned), Error> {
    let mut found = (Slots::new(), Scanned::new());
    if !wanted.is_empty() {
        found.0 = slots(db, wanted).await?;
    }
    if !wanted_scans.is_empty() {
        found.1 = scans(db, wanted_scans).await?;
    }
    Ok(found)
}

/// Whether a slot was found where things end up that are over.
pub(super) type IsOver = bool;

/// What was found at slots.
pub(super) type Slots = BTreeMap<Slot, (IsOver, Bytes)>;

/// A table in which slots are: its space, its name, the two parts of its key, what it holds, and whether
/// that is over.
type Room = (Space, &'static str, &'static str, &'static str, IsOver);

const ROOMS: [Room; 4] = [
    (Space::Rows, "rows", "name", "value", false),
    (Space::Barriers, "barriers", "group_name", "value", false),
    (Space::Runs, "runs", "saga", "body", false),
    (Space::Runs, "archive", "saga", "body", true),
];

/// Reads slots, by one statement, and locks those that are to be changed. It has a part for each table and
/// lock that is wanted, and goes through the parts one after the other, and in each through the keys in their
/// order. So all who lock the same rows lock them in the same order (H12). Rows are looked up as
/// [`texts`](super::texts) says.
pub(super) async fn slots(
    db: &mut PgConnection,
    wanted: &BTreeMap<Slot, Lock>,
) -> Result<Slots, Error> {
    let all: Vec<(&Slot, Lock)> = wanted.iter().map(|(slot, lock)| (slot, *lock)).collect();
    let (mut args, mut parts, mut union) = (Args::default(), String::new(), String::new());
    for (space, lock) in [Space::Rows, Space::Barriers, Space::Runs]
        .into_iter()
        .flat_map(|space| [Lock::Change, Lock::Own, Lock::Peek].map(|lock| (space, lock)))
    {
        let mine: Vec<(usize, &Slot)> = (0..)
            .zip(&all)
            .filter(|(_, (slot, of))| slot.space == space && *of == lock)
            .map(|(at, (slot, _))| (at, *slot))
            .collect();
        if mine.is_empty() {
            continue;
        }
        let keys = args.keys(&mine);
        for room in ROOMS.iter().filter(|room| room.0 == space) {
            part(&mut parts, &mut union, room, lock, &keys);
        }
    }
    let text = format!("WITH {parts} {union}");
    let found = sqlx::query_with(AssertSqlSafe(text), args.end()).fetch_all(db).await;
    let at = |row: &PgRow| {
        let (slot, _) = all.get(place(row, 0))?;
        Some(((*slot).clone(), (row.get(1), bytes(row, 2))))
    };
    Ok(found.map_err(store)?.iter().filter_map(at).collect())
}

/// One part of the statement, and its branch of the answer.
fn part(parts: &mut String, union: &mut String, room: &Room, lock: Lock, keys: &str) {
    let (_, table, first, value, is_over) = room;
    let (comma, all) = if parts.is_empty() { ("", "") } else { (", ", " UNION ALL ") };
    let (locked, name) = match lock {
        Lock::Change => ("ORDER BY w.at FOR UPDATE OF t", format!("{table}_changed")),
        Lock::Own => ("", format!("{table}_own")),
        Lock::Peek => ("", format!("{table}_seen")),
    };
    write!(
        parts,
        "{comma}{name} AS MATERIALIZED (SELECT w.at, t.{value} AS body
         FROM unnest({keys}) AS w (at, name, key) JOIN {table} t
         ON t.{first} = ANY (ARRAY[w.name]) AND t.key = w.key {locked})"
    )
    .and_then(|()| write!(union, "{all}SELECT at, {is_over}, body FROM {name}"))
    .expect("a string grows");
}

/// The rows of ranges.
pub(super) type Scanned = BTreeMap<Scan, Vec<(Bytes, Bytes)>>;

/// Reads ranges, by one statement: each to its own bound and limit, along the primary key.
async fn scans(db: &mut PgConnection, wanted: &BTreeSet<Scan>) -> Result<Scanned, Error> {
    let numbered = || (0_i32..).zip(wanted);
    let (bounded, open): (Vec<_>, Vec<_>) = numbered().partition(|(_, scan)| scan.to.is_some());
    let mut args = Args::default();
    for part in [&bounded, &open] {
        args = args
            .with(part.iter().map(|(at, _)| *at).collect::<Vec<i32>>())
            .with(part.iter().map(|(_, scan)| &*scan.table).collect::<Vec<&str>>())
            .with(part.iter().map(|(_, scan)| &*scan.from).collect::<Vec<&[u8]>>())
            .with(part.iter().map(|(_, scan)| i64::from(scan.limit)).collect::<Vec<i64>>());
    }
    let stops: Vec<&[u8]> = bounded.iter().filter_map(|(_, scan)| scan.to.as_deref()).collect();
    let found = sqlx::query_with(
        "SELECT w.at, t.key, t.value
         FROM unnest($1, $2, $3, $4, $9) AS w (at, name, start, most, stop) CROSS JOIN LATERAL
         (SELECT key, value FROM rows r WHERE r.name = w.name AND r.key >= w.start AND r.key < w.stop
          ORDER BY r.key LIMIT w.most) t
         UNION ALL
         SELECT w.at, t.key, t.value
         FROM unnest($5, $6, $7, $8) AS w (at, name, start, most) CROSS JOIN LATERAL
         (SELECT key, value FROM rows r WHERE r.name = w.name AND r.key >= w.start
          ORDER BY r.key LIMIT w.most) t
         ORDER BY at, key",
        args.with(stops).end(),
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
    db: &mut PgConnection,
    saga: &str,
    status: Option<Status>,
    limit: u32,
) -> Result<Vec<RunRow>, Error> {
    let found = sqlx::query(
        "SELECT key, status, body, begun FROM
         (SELECT key, status, body, begun FROM runs
          WHERE $4 AND saga || '' = $1 AND ($2 IS NULL OR status = $2)
          ORDER BY begun DESC, key || ''::bytea DESC LIMIT $3) AS going
         UNION ALL SELECT key, status, body, begun FROM
         (SELECT key, status, body, begun FROM archive
          WHERE $5 AND saga || '' = $1 AND ($2 IS NULL OR status = $2)
          ORDER BY begun DESC, key || ''::bytea DESC LIMIT $3) AS ended
         ORDER BY begun DESC, key DESC LIMIT $3",
    );
    let found = found.bind(saga).bind(status.map(Status::name)).bind(i64::from(limit));
    let (going, ended) = Status::among(status);
    let found = found.bind(going).bind(ended);
    let read = |row: &PgRow| RunRow {
        saga: saga.to_owned(),
        run: text(row, 0),
        status: row.get::<Option<&str>, _>(1).and_then(Status::of).unwrap_or(Status::Running),
        body: bytes(row, 2),
    };
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(read).collect())
}

fn dead_letter(row: &PgRow) -> DeadLetter {
    DeadLetter {
        id: row.get(0),
        lane: LaneId::new(row.get::<String, _>(1), number(row, 2)),
        key: key(row, 3),
        reason: text(row, 4),
        at: time(row, 5),
        attempts: number(row, 6),
        body: bytes(row, 7),
    }
}

/// Lists dead letters, newest first.
pub(super) async fn dead_letters(
    db: &mut PgConnection,
    group: Option<&str>,
    limit: u32,
) -> Result<Vec<DeadLetter>, Error> {
    let found = sqlx::query(
        "SELECT id, group_name, lane, key, reason, at, attempts, body FROM dead_letters
         WHERE $1 IS NULL OR group_name = $1 ORDER BY at DESC LIMIT $2",
    );
    let found = found.bind(group).bind(i64::from(limit)).fetch_all(db).await.map_err(store)?;
    Ok(found.iter().map(dead_letter).collect())
}

/// The dead letters of these ids.
pub(super) async fn dead(
    db: &mut PgConnection,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<DeadLetter>, Error> {
    let found = sqlx::query(
        "SELECT id, group_name, lane, key, reason, at, attempts, body FROM dead_letters
         WHERE id = ANY($1) ORDER BY id",
    );
    let found = found.bind(ids.iter().copied().collect::<Vec<Uuid>>());
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(dead_letter).collect())
}

/// Those of these foreign ids that a group has taken.
pub(super) async fn seen(
    db: &mut PgConnection,
    group: &str,
    ids: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let found = sqlx::query(
        "SELECT w.id FROM unnest($2) AS w (id)
         WHERE (SELECT true FROM seen s WHERE s.group_name = $1 AND s.id = w.id)",
    );
    let found = found.bind(group).bind(ids.iter().map(String::as_bytes).collect::<Vec<&[u8]>>());
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(|row| text(row, 0)).collect())
}

/// The entries of an inbox, in order.
pub(super) async fn inbox(
    db: &mut PgConnection,
    lane: &LaneId,
    limit: u32,
) -> Result<Vec<InboxRow>, Error> {
    let found = sqlx::query(
        "SELECT number, at, id, key, body FROM inbox WHERE group_name = $1 AND lane = $2
         ORDER BY number LIMIT $3",
    );
    let found = found.bind(lane.group.as_str()).bind(lane_number(lane)).bind(i64::from(limit));
    let read = |row: &PgRow| InboxRow {
        number: row.get(0),
        at: time(row, 1),
        entry: Inboxed { id: text(row, 2), key: key(row, 3), body: bytes(row, 4) },
    };
    Ok(found.fetch_all(db).await.map_err(store)?.iter().map(read).collect())
}

/// The timers that are due, and the next one after them.
pub(super) async fn due(
    db: &mut PgConnection,
    lane: &LaneId,
    now: Time,
    limit: u32,
) -> Result<Due, Error> {
    let found = sqlx::query(
        "(SELECT due, id, key FROM timers WHERE group_name = $1 AND lane = $2 AND due <= $3
          ORDER BY due, id LIMIT $4)
         UNION ALL
         (SELECT due, id, key FROM timers WHERE group_name = $1 AND lane = $2 AND due > $3
          ORDER BY due, id LIMIT 1)
         ORDER BY due, id",
    );
    let found = found.bind(lane.group.as_str()).bind(lane_number(lane)).bind(now.micros());
    let found = found.bind(i64::from(limit) + 1).fetch_all(db).await.map_err(store)?;
    let read = |row: &PgRow| (Timer { due: time(row, 0), id: text(row, 1) }, key(row, 2));
    Ok(Due::of(found.iter().map(read), now, limit))
}
