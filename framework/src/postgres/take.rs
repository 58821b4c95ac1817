//! Owning a lane: taking it, advancing it by compare-and-set.

use crate::clock::Time;
use crate::edge::Edge;
use crate::error::{Error, ErrorKind};
use crate::message::Outgoing;
use crate::postgres::outbox::unpack;
use crate::postgres::read::{self, bytes, count, key, number, text};
use crate::postgres::trouble::store;
use crate::store::{Advance, Calling, Held, LaneId, Parked, Position, Taken};
use crate::text::Text;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};

fn damaged(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Codec, "what is stored about a lane is not what was written")
        .because(cause)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(damaged)
}

/// Lanes are numbered from 0, and there are few.
pub(super) fn lane_number(lane: &LaneId) -> i32 {
    i32::try_from(lane.lane).unwrap_or(i32::MAX)
}

/// Writes down where a group begins; what is there already stays.
pub(super) async fn register(
    db: &mut PgConnection,
    lane: &LaneId,
    positions: &BTreeMap<String, Position>,
) -> Result<(), Error> {
    let positions = serde_json::to_string(positions).expect("positions are plain data");
    let registered = sqlx::query(
        "INSERT INTO lanes (group_name, lane, epoch, takes, batch, time, positions, published)
         VALUES ($1, $2, 0, 0, 0, 0, CAST($3 AS jsonb), 0)
         ON CONFLICT (group_name, lane)
         DO UPDATE SET positions = excluded.positions || lanes.positions",
    );
    let registered = registered.bind(lane.group.as_str()).bind(lane_number(lane)).bind(positions);
    registered.execute(db).await.map(drop).map_err(store)
}

/// Makes the caller the owner of a lane. What is read after the row was written is what the last owner
/// left: nobody else can commit a batch any more.
pub(super) async fn take(
    db: &mut PgConnection,
    lane: &LaneId,
    now: Option<Time>,
) -> Result<Taken, Error> {
    let row = sqlx::query(
        "INSERT INTO lanes (group_name, lane, epoch, takes, batch, time, positions, published)
         VALUES ($1, $2, 1, 1, 0, coalesce($3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
                 '{}', 0)
         ON CONFLICT (group_name, lane)
         DO UPDATE SET epoch = lanes.epoch + 1, takes = lanes.takes + 1,
                       time = greatest(lanes.time, excluded.time)
         RETURNING epoch, batch, time, CAST(positions AS text), takes, published",
    )
    .bind(lane.group.as_str())
    .bind(lane_number(lane))
    .bind(now.map(Time::micros))
    .fetch_one(&mut *db)
    .await
    .map_err(store)?;
    let positions: BTreeMap<String, Position> = from_json(row.get(3))?;
    let (sent, taken) = edges(db, lane).await?;
    let due = sqlx::query("SELECT min(due) FROM timers WHERE group_name = $1 AND lane = $2");
    let due = due.bind(lane.group.as_str()).bind(lane_number(lane)).fetch_one(&mut *db).await;
    Ok(Taken {
        epoch: count(&row, 0),
        takes: number(&row, 4),
        batch: count(&row, 1),
        time: read::time(&row, 2),
        positions,
        sent,
        taken,
        parked: parked(db, lane).await?,
        calls: calls(db, lane).await?,
        unpublished: unpublished(db, lane, row.get(5)).await?,
        due: due.map_err(store)?.get::<Option<i64>, _>(0).map(Time::from_micros),
    })
}

/// The rows that a text asks for of a lane, whose group and number it is given.
async fn of_lane(
    db: &mut PgConnection,
    text: &'static str,
    lane: &LaneId,
) -> Result<Vec<PgRow>, Error> {
    let asked = sqlx::query(text).bind(lane.group.as_str()).bind(lane_number(lane));
    asked.fetch_all(db).await.map_err(store)
}

type Sent = BTreeMap<(Text, u32), u64>;

async fn edges(db: &mut PgConnection, lane: &LaneId) -> Result<(Sent, BTreeMap<Edge, u64>), Error> {
    let asked = "SELECT way, topic, partition, source, incarnation, source_lane, seq FROM edges
         WHERE group_name = $1 AND lane = $2";
    let rows = of_lane(db, asked, lane).await?;
    let (mut sent, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let (topic, seq) = (Text::from(row.get::<&str, _>(1)), count(row, 6));
        if row.get::<&str, _>(0) == "sent" {
            sent.insert((topic, number(row, 2)), seq);
        } else {
            let (source, incarnation, lane) =
                (row.get::<&str, _>(3), number(row, 4), number(row, 5));
            taken.insert(Edge { source: source.into(), incarnation, lane, topic }, seq);
        }
    }
    Ok((sent, taken))
}

async fn parked(db: &mut PgConnection, lane: &LaneId) -> Result<Vec<Parked>, Error> {
    let asked = "SELECT number, key, held, attempts, since, due, reason, edge, body FROM parked
         WHERE group_name = $1 AND lane = $2 ORDER BY number";
    let rows = of_lane(db, asked, lane).await?;
    let read = |row: &PgRow| {
        let held: &str = row.get(2);
        let held: Held = serde_json::from_value(held.into()).map_err(damaged)?;
        Ok(Parked {
            number: count(row, 0),
            key: key(row, 1),
            held,
            attempts: number(row, 3),
            since: read::time(row, 4),
            due: row.get::<Option<i64>, _>(5).map(Time::from_micros),
            reason: text(row, 6),
            edge: row.get::<Option<&str>, _>(7).map(from_json).transpose()?,
            body: bytes(row, 8),
        })
    };
    rows.iter().map(read).collect()
}

async fn calls(db: &mut PgConnection, lane: &LaneId) -> Result<Vec<Calling>, Error> {
    let asked =
        "SELECT id, key, holds, body FROM calls WHERE group_name = $1 AND lane = $2 ORDER BY id";
    let rows = of_lane(db, asked, lane).await?;
    let read = |row: &PgRow| Calling {
        id: text(row, 0),
        key: key(row, 1),
        holds: row.get(2),
        body: bytes(row, 3),
    };
    Ok(rows.iter().map(read).collect())
}

/// The batches that may not have reached the broker, in order.
async fn unpublished(
    db: &mut PgConnection,
    lane: &LaneId,
    published: i64,
) -> Result<Vec<(u64, Vec<Outgoing>)>, Error> {
    let rows = sqlx::query(
        "SELECT batch, messages FROM outbox WHERE group_name = $1 AND lane = $2 AND batch > $3
         ORDER BY batch, piece",
    );
    let rows = rows.bind(lane.group.as_str()).bind(lane_number(lane)).bind(published);
    let mut blobs: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for row in rows.fetch_all(db).await.map_err(store)? {
        blobs.entry(count(&row, 0)).or_default().extend_from_slice(row.get(1));
    }
    blobs.into_iter().map(|(batch, blob)| Ok((batch, unpack(&blob.into())?))).collect()
}

/// Advances a lane. Its time, or who owns it and its batch.
pub(super) async fn advance(
    db: &mut PgConnection,
    advance: &Advance,
    now: Option<Time>,
) -> Result<Result<Time, (u64, u64)>, Error> {
    let Advance { lane, epoch, batch, positions, published, .. } = advance;
    let positions = serde_json::to_string(positions).expect("positions are plain data");
    let advanced = sqlx::query(
        "UPDATE lanes SET batch = batch + 1, takes = 0,
                time = greatest(time, coalesce($5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)),
                positions = positions || CAST($6 AS jsonb), published = greatest(published, $7)
         WHERE group_name = $1 AND lane = $2 AND epoch = $3 AND batch = $4 RETURNING time",
    );
    let advanced = advanced.bind(lane.group.as_str()).bind(lane_number(lane));
    let advanced = advanced.bind(*epoch as i64).bind(*batch as i64).bind(now.map(Time::micros));
    let advanced = advanced.bind(positions).bind(*published as i64);
    if let Some(row) = advanced.fetch_optional(&mut *db).await.map_err(store)? {
        return Ok(Ok(read::time(&row, 0)));
    }
    Ok(Err(look(db, lane).await?))
}

/// The epoch of a lane and its last batch.
pub(super) async fn look(db: &mut PgConnection, lane: &LaneId) -> Result<(u64, u64), Error> {
    let found = sqlx::query("SELECT epoch, batch FROM lanes WHERE group_name = $1 AND lane = $2");
    let found = found.bind(lane.group.as_str()).bind(lane_number(lane)).fetch_optional(db).await;
    Ok(found.map_err(store)?.map_or((0, 0), |row| (count(&row, 0), count(&row, 1))))
}

/// Writes down that all batches of a lane up to this one have reached the broker.
pub(super) async fn published(
    db: &mut PgConnection,
    lane: &LaneId,
    epoch: u64,
    batch: u64,
) -> Result<(), Error> {
    let marked = sqlx::query(
        "UPDATE lanes SET published = greatest(published, $4)
         WHERE group_name = $1 AND lane = $2 AND epoch = $3",
    );
    let marked = marked.bind(lane.group.as_str()).bind(lane_number(lane));
    let marked = marked.bind(epoch as i64).bind(batch as i64);
    marked.execute(db).await.map(drop).map_err(store)
}

/// The lanes in whose inbox something waits: from lane to lane along the primary key, whatever the number
/// of entries.
pub(super) async fn waiting(db: &mut PgConnection) -> Result<BTreeSet<LaneId>, Error> {
    let rows = sqlx::query(
        "WITH RECURSIVE walk AS (
             (SELECT group_name, lane FROM inbox ORDER BY group_name, lane LIMIT 1)
             UNION ALL
             SELECT n.group_name, n.lane FROM walk w CROSS JOIN LATERAL
             (SELECT group_name, lane FROM inbox i
              WHERE (i.group_name, i.lane) > (w.group_name, w.lane)
              ORDER BY group_name, lane LIMIT 1) n)
         SELECT group_name, lane FROM walk",
    );
    let rows = rows.fetch_all(db).await.map_err(store)?;
    let lane = |row: &PgRow| LaneId::new(row.get::<String, _>(0), number(row, 1));
    Ok(rows.iter().map(lane).collect())
}

/// What time it is by the database's clock.
pub(super) async fn time(db: &mut PgConnection) -> Result<Time, Error> {
    let asked = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    Ok(Time::from_micros(asked.fetch_one(db).await.map_err(store)?.get(0)))
}
