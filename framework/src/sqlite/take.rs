//! Owning a lane: taking it, advancing it by compare-and-set.

use crate::clock::Time;
use crate::edge::Edge;
use crate::error::{Error, ErrorKind};
use crate::sqlite::read::{count, key, time};
use crate::sqlite::trouble::store;
use crate::store::{Calling, Held, LaneId, Parked, Position, Taken};
use crate::text::Text;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

fn damaged(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Codec, "what is stored about a lane is not what was written")
        .because(cause)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(damaged)
}

/// Writes down where a group begins; what is there already stays.
pub(super) async fn register(
    db: &mut SqliteConnection,
    lane: &LaneId,
    positions: &BTreeMap<String, Position>,
) -> Result<(), Error> {
    let positions = serde_json::to_string(positions).expect("positions are plain data");
    let registered = sqlx::query(
        "INSERT INTO lanes (group_name, lane, epoch, takes, batch, time, positions, published)
         VALUES ($1, $2, 0, 0, 0, 0, $3, 0)
         ON CONFLICT (group_name, lane) DO UPDATE SET positions = json_patch($3, positions)",
    );
    let registered = registered.bind(lane.group.as_str()).bind(lane.lane).bind(positions);
    registered.execute(db).await.map(drop).map_err(store)
}

/// Makes the caller the owner of a lane.
pub(super) async fn take(
    db: &mut SqliteConnection,
    lane: &LaneId,
    now: Time,
) -> Result<Taken, Error> {
    let row = sqlx::query(
        "INSERT INTO lanes (group_name, lane, epoch, takes, batch, time, positions, published)
         VALUES ($1, $2, 1, 1, 0, $3, '{}', 0)
         ON CONFLICT (group_name, lane)
         DO UPDATE SET epoch = epoch + 1, takes = takes + 1, time = max(time, $3)
         RETURNING epoch, batch, time, positions, takes",
    )
    .bind(lane.group.as_str())
    .bind(lane.lane)
    .bind(now.micros())
    .fetch_one(&mut *db)
    .await
    .map_err(store)?;
    let positions: BTreeMap<String, Position> = from_json(row.get(3))?;
    let (sent, taken) = edges(db, lane).await?;
    let due = sqlx::query("SELECT min(due) FROM timers WHERE group_name = $1 AND lane = $2");
    let due =
        due.bind(lane.group.as_str()).bind(lane.lane).fetch_one(&mut *db).await.map_err(store)?;
    Ok(Taken {
        epoch: count(&row, 0),
        takes: row.get(4),
        batch: count(&row, 1),
        time: time(&row, 2),
        positions,
        sent,
        taken,
        parked: parked(db, lane).await?,
        calls: calls(db, lane).await?,
        unpublished: Vec::new(),
        due: due.get::<Option<i64>, _>(0).map(Time::from_micros),
    })
}

type Sent = BTreeMap<(Text, u32), u64>;

async fn edges(
    db: &mut SqliteConnection,
    lane: &LaneId,
) -> Result<(Sent, BTreeMap<Edge, u64>), Error> {
    let rows = sqlx::query(
        "SELECT way, topic, partition, source, incarnation, source_lane, seq FROM edges
         WHERE group_name = $1 AND lane = $2",
    );
    let rows = rows.bind(lane.group.as_str()).bind(lane.lane).fetch_all(db).await.map_err(store)?;
    let (mut sent, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let (topic, seq) = (Text::from(row.get::<&str, _>(1)), count(row, 6));
        if row.get::<&str, _>(0) == "sent" {
            sent.insert((topic, row.get(2)), seq);
        } else {
            let source = row.get::<&str, _>(3).into();
            taken.insert(Edge { source, incarnation: row.get(4), lane: row.get(5), topic }, seq);
        }
    }
    Ok((sent, taken))
}

async fn parked(db: &mut SqliteConnection, lane: &LaneId) -> Result<Vec<Parked>, Error> {
    let rows = sqlx::query(
        "SELECT number, key, held, attempts, since, due, reason, edge, body FROM parked
         WHERE group_name = $1 AND lane = $2 ORDER BY number",
    );
    let rows = rows.bind(lane.group.as_str()).bind(lane.lane).fetch_all(db).await.map_err(store)?;
    let read = |row: &SqliteRow| {
        let held: &str = row.get(2);
        let held: Held = serde_json::from_value(held.into()).map_err(damaged)?;
        Ok(Parked {
            number: count(row, 0),
            key: key(row, 1),
            held,
            attempts: row.get(3),
            since: time(row, 4),
            due: row.get::<Option<i64>, _>(5).map(Time::from_micros),
            reason: row.get(6),
            edge: row.get::<Option<&str>, _>(7).map(from_json).transpose()?,
            body: row.get::<Vec<u8>, _>(8).into(),
        })
    };
    rows.iter().map(read).collect()
}

async fn calls(db: &mut SqliteConnection, lane: &LaneId) -> Result<Vec<Calling>, Error> {
    let rows = sqlx::query(
        "SELECT id, key, holds, body FROM calls WHERE group_name = $1 AND lane = $2 ORDER BY id",
    );
    let rows = rows.bind(lane.group.as_str()).bind(lane.lane).fetch_all(db).await.map_err(store)?;
    let read = |row: &SqliteRow| Calling {
        id: row.get(0),
        key: key(row, 1),
        holds: row.get(2),
        body: row.get::<Vec<u8>, _>(3).into(),
    };
    Ok(rows.iter().map(read).collect())
}

/// Who owns a lane, its last batch and its time.
pub(super) async fn look(
    db: &mut SqliteConnection,
    lane: &LaneId,
) -> Result<(u64, u64, Time), Error> {
    let found =
        sqlx::query("SELECT epoch, batch, time FROM lanes WHERE group_name = $1 AND lane = $2");
    let found =
        found.bind(lane.group.as_str()).bind(lane.lane).fetch_optional(db).await.map_err(store)?;
    Ok(found.map_or((0, 0, Time::default()), |row| (count(&row, 0), count(&row, 1), time(&row, 2))))
}

/// Writes down that all batches of a lane up to this one have reached the broker.
pub(super) async fn published(
    db: &mut SqliteConnection,
    lane: &LaneId,
    epoch: u64,
    batch: u64,
) -> Result<(), Error> {
    let marked = sqlx::query(
        "UPDATE lanes SET published = max(published, $4)
         WHERE group_name = $1 AND lane = $2 AND epoch = $3",
    );
    let marked =
        marked.bind(lane.group.as_str()).bind(lane.lane).bind(epoch as i64).bind(batch as i64);
    marked.execute(db).await.map(drop).map_err(store)
}

/// Takes every lane away from its owner: whoever believes in a batch that was taken back must not
/// advance.
pub(super) async fn fence(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE lanes SET epoch = epoch + 1").execute(db).await.map(drop)
}

/// The lanes in whose inbox something waits.
pub(super) async fn waiting(db: &mut SqliteConnection) -> Result<BTreeSet<LaneId>, Error> {
    let rows = sqlx::query("SELECT DISTINCT group_name, lane FROM inbox");
    let rows = rows.fetch_all(db).await.map_err(store)?;
    Ok(rows.iter().map(|row| LaneId::new(row.get::<String, _>(0), row.get(1))).collect())
}
