//! Putting something into the inbox of a lane.

use crate::clock::Time;
use crate::error::Error;
use crate::postgres::pack::{Args, Rows};
use crate::postgres::read::{bytes, number, slots, text};
use crate::postgres::take::lane_number;
use crate::postgres::trouble::store;
use crate::store::{Entered, Inboxed, LaneId, Lock, Slot, Space};
use bytes::Bytes;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// Puts an entry into an inbox, unless something is there already that makes it needless.
///
/// A batch may take the entry of the same id, or what was handed over under it, and write what it brings about,
/// between the moment that the statement sees and the moment at which it finds the id free. So what it was to bring
/// about is looked for once more afterwards, when no such batch is being committed any more, and if it is there the
/// entry is taken out again. If the process dies in between, the lane drops the entry, as it does with every
/// beginning of what has begun.
pub(super) async fn enter(
    db: &mut PgConnection,
    lane: &LaneId,
    entry: &Inboxed,
    unless: Option<&Slot>,
    way: Way,
) -> Result<Entered, Error> {
    let (now, waits) = match way {
        Way::Alone(now) => (now, begins(unless)),
        Way::Joined => (None, false),
    };
    if matches!(way, Way::Joined) && begins(unless) {
        hold(db, lane, JOINED).await?;
    }
    loop {
        let put = put(db, lane, entry, unless, now).await?;
        if let Some(slot) = unless
            && let Some(body) = there(db, lane, slot, waits, put.is_some()).await?
        {
            if let Some(number) = put {
                remove(db, lane, number).await?;
            }
            return Ok(Entered::Exists(body));
        }
        if put.is_some() {
            return Ok(Entered::New);
        }
        let waiting = sqlx::query(
            "SELECT body FROM inbox WHERE group_name || '' = $1 AND lane + 0 = $2 AND id = $3",
        );
        let waiting =
            waiting.bind(lane.group.as_str()).bind(lane_number(lane)).bind(entry.id.as_bytes());
        if let Some(row) = waiting.fetch_optional(&mut *db).await.map_err(store)? {
            return Ok(Entered::Waiting(bytes(&row, 0)));
        }
        // It was taken meanwhile.
    }
}

/// What is at a slot when no batch is being committed any more that may put it there, if `waits`. What is not put is
/// mostly there already, and then nobody waits.
async fn there(
    db: &mut PgConnection,
    lane: &LaneId,
    slot: &Slot,
    waits: bool,
    is_put: bool,
) -> Result<Option<Bytes>, Error> {
    let wanted = BTreeMap::from([(slot.clone(), Lock::Peek)]);
    if !waits || !is_put {
        let found = slots(db, &wanted).await?.remove(slot);
        if found.is_some() || !waits {
            return Ok(found.map(|(_, body)| body));
        }
    }
    committed(db, &BTreeSet::from([lane])).await?;
    Ok(slots(db, &wanted).await?.remove(slot).map(|(_, body)| body))
}

/// How something enters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// By a transaction of its own, at this time if the database is not to tell it.
    Alone(Option<Time>),
    /// In a transaction of a caller's.
    Joined,
}

/// What of a lane is locked (`lane_key`): until the end of the transaction, that something may enter by it which
/// nobody else sees yet; and until a batch is committed, what that begins without an entry.
const JOINED: i32 = 0;
const COMMITTED: i32 = 1;

/// Waits for whoever holds this of a lane, and holds it for the rest of the transaction.
async fn hold(db: &mut PgConnection, lane: &LaneId, what: i32) -> Result<(), Error> {
    let held = sqlx::query("SELECT pg_advisory_xact_lock_shared(lane_key($1, $2, $3))");
    let held = held.bind(lane.group.as_str()).bind(lane_number(lane)).bind(what);
    held.execute(db).await.map(drop).map_err(store)
}

/// Waits until the batches are committed that are being committed in these lanes, and begin what has no entry. Most
/// often there is none. It is waited for one after the other, so that nobody is held up by whoever waits.
async fn committed(db: &mut PgConnection, lanes: &BTreeSet<&LaneId>) -> Result<(), Error> {
    if lanes.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::default();
    for lane in lanes {
        let _ = rows.row().text(&lane.group).int(lane_number(lane));
    }
    let mut args = Args::default().with(COMMITTED);
    rows.0.into_iter().for_each(|column| column.bind(&mut args));
    let busy = sqlx::query_with(
        "SELECT w.name, w.lane FROM unnest($2, $3) AS w (name, lane)
         WHERE NOT pg_try_advisory_xact_lock_shared(lane_key(w.name, w.lane, $1))",
        args.end(),
    );
    for row in busy.fetch_all(&mut *db).await.map_err(store)? {
        let lane = LaneId::new(row.get::<String, _>(0), number(&row, 1));
        hold(db, &lane, COMMITTED).await?;
    }
    Ok(())
}

/// Whether it is the beginning of a run, which may also be handed over.
fn begins(unless: Option<&Slot>) -> bool {
    unless.is_some_and(|slot| slot.space == Space::Runs)
}

/// The number of the entry, if it is in.
async fn put(
    db: &mut PgConnection,
    lane: &LaneId,
    entry: &Inboxed,
    unless: Option<&Slot>,
    now: Option<Time>,
) -> Result<Option<i64>, Error> {
    let space = unless.map_or("", space);
    let entered = sqlx::query(
        "INSERT INTO inbox (group_name, lane, id, key, at, body)
         SELECT $1, $2, $3, $4,
                coalesce($5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), $6
         WHERE NOT EXISTS (SELECT 1 FROM rows WHERE $7 = 'rows' AND name = $8 AND key = $9)
           AND NOT EXISTS (SELECT 1 FROM runs WHERE $7 = 'runs' AND saga = $8 AND key = $9)
           AND NOT EXISTS (SELECT 1 FROM archive WHERE $7 = 'runs' AND saga = $8 AND key = $9)
           AND NOT EXISTS
               (SELECT 1 FROM barriers WHERE $7 = 'barriers' AND group_name = $8 AND key = $9)
         ON CONFLICT (group_name, lane, id) DO NOTHING RETURNING number",
    );
    let entered =
        entered.bind(lane.group.as_str()).bind(lane_number(lane)).bind(entry.id.as_bytes());
    let entered = entered.bind(entry.key.as_str().as_bytes()).bind(now.map(Time::micros));
    let entered = entered.bind(&*entry.body).bind(space);
    let entered = entered.bind(unless.map(|slot| slot.table.as_str()));
    let entered = entered.bind(unless.map(|slot| &*slot.key)).fetch_optional(db).await;
    Ok(entered.map_err(store)?.map(|row| row.get(0)))
}

async fn remove(db: &mut PgConnection, lane: &LaneId, number: i64) -> Result<(), Error> {
    let removed =
        sqlx::query("DELETE FROM inbox WHERE group_name = $1 AND lane = $2 AND number = $3");
    let removed = removed.bind(lane.group.as_str()).bind(lane_number(lane)).bind(number);
    removed.execute(db).await.map(drop).map_err(store)
}

/// What is to enter, and where.
#[derive(Debug, Clone)]
pub(super) struct Entering {
    pub(super) lane: LaneId,
    pub(super) entry: Inboxed,
    pub(super) unless: Option<Slot>,
    /// If the database is not to tell the time.
    pub(super) now: Option<Time>,
}

/// Puts many entries into their inboxes, by one statement unless something is there already.
///
/// They go in sorted by lane and id, so that two who put the same in do not wait for each other in a circle.
pub(super) async fn enter_all(
    db: &mut PgConnection,
    all: &[Entering],
) -> Result<Vec<Entered>, Error> {
    let mut new = match all {
        [_] => BTreeMap::new(),
        _ => put_all(db, all).await?,
    };
    let begun = all.iter().filter(|one| begins(one.unless.as_ref())).map(|one| &one.lane);
    if all.len() > 1 {
        committed(db, &begun.collect()).await?;
    }
    let mut there = match all {
        [_] => BTreeMap::new(),
        _ => {
            let wanted = all.iter().filter_map(|one| Some((one.unless.clone()?, Lock::Peek)));
            slots(db, &wanted.collect()).await?
        }
    };
    let mut told = Vec::with_capacity(all.len());
    for Entering { lane, entry, unless, now } in all {
        let put = new.remove(&(lane.clone(), entry.id.clone()));
        let exists = unless.as_ref().and_then(|slot| there.remove(slot));
        told.push(match (put, exists) {
            (Some(number), Some((_, body))) => {
                remove(db, lane, number).await?;
                Entered::Exists(body)
            }
            (Some(_), None) => Entered::New,
            (None, _) => enter(db, lane, entry, unless.as_ref(), Way::Alone(*now)).await?,
        });
    }
    Ok(told)
}

/// The numbers of those that are in now.
async fn put_all(
    db: &mut PgConnection,
    all: &[Entering],
) -> Result<BTreeMap<(LaneId, String), i64>, Error> {
    let mut sorted: Vec<&Entering> = all.iter().collect();
    sorted.sort_by_key(|one| (&one.lane, &one.entry.id));
    let mut rows = Rows::default();
    for Entering { lane, entry, unless, .. } in sorted {
        let row = rows.row().text(&lane.group).int(lane_number(lane)).blob(entry.id.as_bytes());
        let row = row.blob(entry.key.as_str().as_bytes()).blob(&entry.body);
        let _ = match unless {
            Some(slot) => row.text(space(slot)).slot(slot),
            None => row.text("").text("").blob(b""),
        };
    }
    let now = all.first().and_then(|one| one.now);
    let mut args = Args::default().with(now.map(Time::micros));
    rows.0.into_iter().for_each(|column| column.bind(&mut args));
    let entered = sqlx::query_with(
        "INSERT INTO inbox (group_name, lane, id, key, at, body)
         SELECT w.name, w.lane, w.id, w.key,
                coalesce($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), w.body
         FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY
              AS w (name, lane, id, key, body, space, place, slot, at)
         WHERE (SELECT true FROM rows t
                WHERE w.space = 'rows' AND t.name = w.place AND t.key = w.slot) IS NULL
           AND (SELECT true FROM runs t
                WHERE w.space = 'runs' AND t.saga = w.place AND t.key = w.slot) IS NULL
           AND (SELECT true FROM archive t
                WHERE w.space = 'runs' AND t.saga = w.place AND t.key = w.slot) IS NULL
           AND (SELECT true FROM barriers t
                WHERE w.space = 'barriers' AND t.group_name = w.place AND t.key = w.slot) IS NULL
         ORDER BY w.at
         ON CONFLICT (group_name, lane, id) DO NOTHING RETURNING number, group_name, lane, id",
        args.end(),
    );
    let entered = entered.fetch_all(db).await.map_err(store)?;
    let place = |row| (LaneId::new(Row::get::<String, _>(row, 1), number(row, 2)), text(row, 3));
    Ok(entered.iter().map(|row| (place(row), row.get(0))).collect())
}

/// The name of the space in which a slot is.
const fn space(slot: &Slot) -> &'static str {
    match slot.space {
        Space::Rows => "rows",
        Space::Runs => "runs",
        Space::Barriers => "barriers",
    }
}
