//! Putting something into the inbox of a lane.

use crate::clock::Time;
use crate::error::Error;
use crate::sqlite::pack::{Args, Pack};
use crate::sqlite::read::slots;
use crate::sqlite::trouble::store;
use crate::store::{Entered, Inboxed, LaneId, Slot, Space};
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeSet;

/// Puts an entry into an inbox, unless something is there already that makes it needless.
pub(super) async fn enter(
    db: &mut SqliteConnection,
    lane: &LaneId,
    entry: &Inboxed,
    unless: Option<&Slot>,
    now: Time,
) -> Result<Entered, Error> {
    let space = unless.map_or("", space);
    let args = Args::default().with(lane.group.as_str()).with(lane.lane).with(&entry.id);
    let args = args.with(entry.key.as_str()).with(now.micros()).with(entry.body.to_vec());
    let args = args.with(space).with(unless.map(|slot| slot.table.as_str()));
    let entered = sqlx::query_with(
        "INSERT INTO inbox (group_name, lane, id, key, at, body)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE NOT EXISTS (SELECT 1 FROM rows WHERE $7 = 'rows' AND name = $8 AND key = $9)
           AND NOT EXISTS (SELECT 1 FROM runs WHERE $7 = 'runs' AND saga = $8 AND key = $9)
           AND NOT EXISTS (SELECT 1 FROM archive WHERE $7 = 'runs' AND saga = $8 AND key = $9)
           AND NOT EXISTS
               (SELECT 1 FROM barriers WHERE $7 = 'barriers' AND group_name = $8 AND key = $9)
         ON CONFLICT (group_name, lane, id) DO NOTHING",
        args.with(unless.map(|slot| slot.key.to_vec())).0,
    );
    if entered.execute(&mut *db).await.map_err(store)?.rows_affected() == 1 {
        return Ok(Entered::New);
    }
    if let Some(slot) = unless
        && let Some(body) = slots(db, &BTreeSet::from([slot.clone()])).await?.remove(slot)
    {
        return Ok(Entered::Exists(body));
    }
    let waiting =
        sqlx::query("SELECT body FROM inbox WHERE group_name = $1 AND lane = $2 AND id = $3");
    let waiting = waiting.bind(lane.group.as_str()).bind(lane.lane).bind(&entry.id);
    let row = waiting.fetch_one(db).await.map_err(store)?;
    Ok(Entered::Waiting(Bytes::from(row.get::<Vec<u8>, _>(0))))
}

/// Puts all that is packed, unless something is there already. Tables have a column of the name `value` too.
pub(super) const ENTER_ALL: &str = "INSERT INTO inbox (group_name, lane, id, key, at, body)
     SELECT r.value ->> 0, r.value ->> 1, CAST(substr($1, r.value ->> 2, r.value ->> 3) AS TEXT),
            CAST(substr($1, r.value ->> 4, r.value ->> 5) AS TEXT), $3,
            substr($1, r.value ->> 6, r.value ->> 7)
     FROM jsonb_each($2) r
     WHERE NOT EXISTS (SELECT 1 FROM rows t WHERE r.value ->> 8 = 'rows' AND t.name = r.value ->> 9
                       AND t.key = substr($1, r.value ->> 10, r.value ->> 11))
       AND NOT EXISTS (SELECT 1 FROM runs t WHERE r.value ->> 8 = 'runs' AND t.saga = r.value ->> 9
                       AND t.key = substr($1, r.value ->> 10, r.value ->> 11))
       AND NOT EXISTS (SELECT 1 FROM archive t WHERE r.value ->> 8 = 'runs' AND t.saga = r.value ->> 9
                       AND t.key = substr($1, r.value ->> 10, r.value ->> 11))
       AND NOT EXISTS (SELECT 1 FROM barriers t WHERE r.value ->> 8 = 'barriers'
                       AND t.group_name = r.value ->> 9
                       AND t.key = substr($1, r.value ->> 10, r.value ->> 11))
     ON CONFLICT (group_name, lane, id) DO NOTHING RETURNING group_name, lane, id";

/// What is to enter, and where.
#[derive(Debug)]
pub(super) struct Entering {
    pub(super) lane: LaneId,
    pub(super) entry: Inboxed,
    pub(super) unless: Option<Slot>,
}

/// Puts many entries into their inboxes, by one statement unless something is there already.
pub(super) async fn enter_all(
    db: &mut SqliteConnection,
    all: &[Entering],
    now: Time,
) -> Result<Vec<Entered>, Error> {
    if let [Entering { lane, entry, unless }] = all {
        return Ok(vec![enter(db, lane, entry, unless.as_ref(), now).await?]);
    }
    let mut pack = Pack::default();
    for Entering { lane, entry, unless } in all {
        let row = pack.row().name(&lane.group).number(lane.lane).bytes(entry.id.as_bytes());
        let row = row.bytes(entry.key.as_str().as_bytes()).bytes(&entry.body);
        if let Some(slot) = unless {
            let _ = row.name(space(slot)).name(&slot.table).bytes(&slot.key);
        }
    }
    let args = Args::default().rows(pack).with(now.micros());
    let entered = sqlx::query_with(ENTER_ALL, args.0);
    let entered = entered.fetch_all(&mut *db).await.map_err(store)?;
    let place = |row: &SqliteRow| (LaneId::new(row.get::<String, _>(0), row.get(1)), row.get(2));
    let mut new: BTreeSet<(LaneId, String)> = entered.iter().map(place).collect();
    let mut told = Vec::new();
    for Entering { lane, entry, unless } in all {
        told.push(match new.remove(&(lane.clone(), entry.id.clone())) {
            true => Entered::New,
            false => enter(db, lane, entry, unless.as_ref(), now).await?,
        });
    }
    Ok(told)
}

const fn space(slot: &Slot) -> &'static str {
    match slot.space {
        Space::Rows => "rows",
        Space::Runs => "runs",
        Space::Barriers => "barriers",
    }
}
