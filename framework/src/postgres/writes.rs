//! What a batch writes: one statement, whatever the number of rows.
//!
//! Each kind is a part of it, fed by one array for each of its columns. A text is made once for each set of
//! kinds that occurs, and stays prepared. All parts see the rows as they were before the statement, and none
//! may touch a row twice; so what a batch writes *and* takes away is sorted out here: writing wins.

use crate::clock::Time;
use crate::edge::Edge;
use crate::postgres::outbox::{PIECE, pack};
use crate::postgres::pack::{Args, Rows};
use crate::postgres::take::lane_number;
use crate::store::{LaneId, Slot, Space, Status, Value, Writes};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgArguments;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How many kinds there are.
const KINDS: usize = 24;

/// The parts of a flush. `$1` is the group, `$2` the lane, `$3` the lane's time, `$4` the number of the
/// batch; `{1}`, `{2}`, … are the columns of the kind.
const PARTS: [&str; KINDS] = [
    // A run that has ended moves to the archive, and keeps its age.
    "INSERT INTO archive (saga, key, status, begun, ended, body)
     SELECT w.saga, w.key, nullif(w.status, ''),
            coalesce((SELECT begun FROM runs r WHERE r.saga = w.saga AND r.key = w.key), $3), $3, w.body
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)
     ON CONFLICT (saga, key) DO UPDATE SET status = excluded.status, body = excluded.body",
    "DELETE FROM runs t USING unnest({1}, {2}) AS w (saga, key) WHERE t.saga = w.saga AND t.key = w.key",
    "DELETE FROM archive t USING unnest({1}, {2}) AS w (saga, key)
     WHERE t.saga = w.saga AND t.key = w.key",
    "INSERT INTO runs (saga, key, status, body, begun)
     SELECT w.saga, w.key, nullif(w.status, ''), w.body, $3
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)
     ON CONFLICT (saga, key) DO UPDATE SET status = excluded.status, body = excluded.body",
    // What was read as absent must be so still: if another lane was faster the statement fails.
    "INSERT INTO runs (saga, key, status, body, begun)
     SELECT w.saga, w.key, nullif(w.status, ''), w.body, $3
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)",
    "INSERT INTO rows (name, key, value) SELECT * FROM unnest({1}, {2}, {3})
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
    "INSERT INTO rows (name, key, value) SELECT * FROM unnest({1}, {2}, {3})",
    "DELETE FROM rows t USING unnest({1}, {2}) AS w (name, key) WHERE t.name = w.name AND t.key = w.key",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT w.name, w.key, $3, w.value, w.is_open
     FROM unnest({1}, {2}, {3}, {4}) AS w (name, key, value, is_open)
     ON CONFLICT (group_name, key)
     DO UPDATE SET at = excluded.at, value = excluded.value, is_open = excluded.is_open",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT w.name, w.key, $3, w.value, w.is_open
     FROM unnest({1}, {2}, {3}, {4}) AS w (name, key, value, is_open)",
    "DELETE FROM barriers t USING unnest({1}, {2}) AS w (name, key)
     WHERE t.group_name = w.name AND t.key = w.key",
    "INSERT INTO edges (group_name, lane, way, topic, partition, source, incarnation, source_lane, seq)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}, {4}, {5}, {6}, {7}) AS w
     ON CONFLICT (group_name, lane, way, topic, partition, source, incarnation, source_lane)
     DO UPDATE SET seq = excluded.seq",
    "INSERT INTO seen (group_name, id, at) SELECT $1, w.id, $3 FROM unnest({1}) AS w (id)
     ON CONFLICT DO NOTHING",
    "INSERT INTO timers (group_name, lane, id, due, key)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}) AS w
     ON CONFLICT (group_name, lane, id) DO UPDATE SET due = excluded.due, key = excluded.key",
    "DELETE FROM timers WHERE group_name = $1 AND lane = $2 AND id = ANY({1})",
    "DELETE FROM calls WHERE group_name = $1 AND lane = $2 AND id = ANY({1})",
    "INSERT INTO calls (group_name, lane, id, key, holds, body)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}, {4}) AS w
     ON CONFLICT (group_name, lane, id)
     DO UPDATE SET key = excluded.key, holds = excluded.holds, body = excluded.body",
    "DELETE FROM parked WHERE group_name = $1 AND lane = $2 AND number = ANY({1})",
    "INSERT INTO parked
     (group_name, lane, number, key, held, attempts, since, due, reason, edge, body)
     SELECT $1, $2, w.number, w.key, w.held, w.attempts, w.since, w.due, w.reason, nullif(w.edge, ''),
            w.body
     FROM unnest({1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9})
     AS w (number, key, held, attempts, since, due, reason, edge, body)
     ON CONFLICT (group_name, lane, number) DO UPDATE SET
     key = excluded.key, held = excluded.held, attempts = excluded.attempts, since = excluded.since,
     due = excluded.due, reason = excluded.reason, edge = excluded.edge, body = excluded.body",
    "DELETE FROM dead_letters WHERE id = ANY({1})",
    "INSERT INTO dead_letters (id, group_name, lane, key, reason, at, attempts, body)
     SELECT * FROM unnest({1}, {2}, {3}, {4}, {5}, {6}, {7}, {8})
     ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, at = excluded.at,
     attempts = excluded.attempts, body = excluded.body",
    // They are numbered as they come.
    "INSERT INTO inbox (group_name, lane, id, key, at, body)
     SELECT w.name, w.lane, w.id, w.key, $3, w.body
     FROM unnest({1}, {2}, {3}, {4}, {5}) WITH ORDINALITY AS w (name, lane, id, key, body, at)
     ORDER BY w.at
     ON CONFLICT (group_name, lane, id) DO NOTHING",
    "DELETE FROM inbox WHERE group_name = $1 AND lane = $2 AND number = ANY({1})",
    "INSERT INTO outbox (group_name, lane, batch, at, piece, messages)
     SELECT $1, $2, $4, $3, w.* FROM unnest({1}, {2}) AS w",
];

const ARCHIVE: usize = 0;
const RUNS_GONE: usize = 1;
const ARCHIVE_GONE: usize = 2;
const RUNS: usize = 3;
const RUNS_NEW: usize = 4;
const ROWS: usize = 5;
const ROWS_NEW: usize = 6;
const ROWS_GONE: usize = 7;
const BARRIERS: usize = 8;
const BARRIERS_NEW: usize = 9;
const BARRIERS_GONE: usize = 10;
const EDGES: usize = 11;
const SEEN: usize = 12;
const TIMERS: usize = 13;
const TIMERS_GONE: usize = 14;
const CALLS_GONE: usize = 15;
const CALLS: usize = 16;
const PARKED_GONE: usize = 17;
const PARKED: usize = 18;
const DEAD_GONE: usize = 19;
const DEAD: usize = 20;
const INBOX: usize = 21;
const INBOX_GONE: usize = 22;
const OUTBOX: usize = 23;

/// What a batch knows of a slot that it has read in order to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// There was nothing.
    Absent,
    /// It is locked where it is.
    Here,
    /// It is locked in the archive.
    Archived,
}

/// What a batch knows when it writes.
pub(super) struct Context<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) now: Time,
    pub(super) batch: u64,
    pub(super) known: &'a BTreeMap<Slot, Known>,
    /// The ids of the inbox's entries that the batch has read, by number.
    pub(super) read: &'a BTreeMap<i64, String>,
}

/// What does not borrow from what is written.
#[derive(Default)]
pub(super) struct Own {
    helds: BTreeMap<u64, String>,
    edges: BTreeMap<u64, String>,
    outbox: Vec<u8>,
}

impl Own {
    pub(super) fn of(writes: &Writes) -> Self {
        let mut own = Self { outbox: pack(&writes.outgoing), ..Self::default() };
        for parked in &writes.parked {
            let held = serde_json::to_value(parked.held).expect("a word is JSON");
            own.helds.insert(parked.number, held.as_str().unwrap_or_default().to_owned());
            if let Some(edge) = &parked.edge {
                let edge = serde_json::to_string(edge).expect("plain data");
                own.edges.insert(parked.number, edge);
            }
        }
        own
    }
}

/// Everything that a batch writes, by kind and column.
pub(super) struct Draft<'a> {
    context: Context<'a>,
    kinds: [Rows<'a>; KINDS],
}

impl<'a> Draft<'a> {
    /// Sorts what a lane writes by kind.
    pub(super) fn of(context: Context<'a>, writes: &'a Writes, own: &'a Own) -> Self {
        let mut draft = Self { context, kinds: Default::default() };
        for (slot, value) in &writes.slots {
            draft.slot(slot, value.as_ref());
        }
        draft.edges(&writes.sent, &writes.taken);
        draft.lane(writes);
        draft.parked(writes, own);
        draft.dead(writes);
        draft.inbox(writes);
        for (piece, messages) in (0..).zip(own.outbox.chunks(PIECE)) {
            let _ = draft.kinds[OUTBOX].row().int(piece).blob(messages);
        }
        draft
    }

    fn slot(&mut self, slot: &'a Slot, value: Option<&'a Value>) {
        let known = self.context.known.get(slot).copied();
        let is_new = known == Some(Known::Absent);
        let (put, new, gone) = match slot.space {
            Space::Rows => (ROWS, ROWS_NEW, ROWS_GONE),
            Space::Barriers => (BARRIERS, BARRIERS_NEW, BARRIERS_GONE),
            Space::Runs => return self.run(slot, value, known),
        };
        let Some(value) = value else {
            let _ = self.kinds[gone].row().slot(slot);
            return;
        };
        let kind = if is_new { new } else { put };
        let row = self.kinds[kind].row().slot(slot).blob(&value.body);
        if slot.space == Space::Barriers {
            let _ = row.flag(value.status.is_some());
        }
    }

    /// A run is in one of two tables: among those that go on, or in the archive.
    fn run(&mut self, slot: &'a Slot, value: Option<&'a Value>, known: Option<Known>) {
        let has_ended = value.and_then(|value| value.status).is_some_and(Status::is_end);
        let goes_on = value.is_some() && !has_ended;
        if !goes_on && !matches!(known, Some(Known::Absent | Known::Archived)) {
            let _ = self.kinds[RUNS_GONE].row().slot(slot);
        }
        if !has_ended && !matches!(known, Some(Known::Absent | Known::Here)) {
            let _ = self.kinds[ARCHIVE_GONE].row().slot(slot);
        }
        let Some(Value { body, status }) = value else { return };
        let kind = match known {
            _ if has_ended => ARCHIVE,
            Some(Known::Absent) => RUNS_NEW,
            _ => RUNS,
        };
        let _ = self.kinds[kind].row().slot(slot).text(status.map_or("", Status::name)).blob(body);
    }

    fn edges(&mut self, sent: &'a BTreeMap<(String, u32), u64>, taken: &'a BTreeMap<Edge, u64>) {
        let (rows, lane) = (&mut self.kinds[EDGES], lane_number(self.context.lane));
        for ((topic, partition), seq) in sent {
            let row = rows.row().text("sent").text(topic).int(small(*partition)).text("");
            let _ = row.count(0).int(0).count(*seq);
        }
        for (Edge { source, incarnation, lane: of, topic }, seq) in taken {
            let row = rows.row().text("taken").text(topic).int(lane).text(source);
            let _ = row.count(u64::from(*incarnation)).int(small(*of)).count(*seq);
        }
    }

    /// Foreign ids, timers and calls.
    fn lane(&mut self, writes: &'a Writes) {
        for id in &writes.seen {
            let _ = self.kinds[SEEN].row().blob(id.as_bytes());
        }
        for timer in writes.timers.values() {
            let _ = match timer.due {
                Some(due) => {
                    let row = self.kinds[TIMERS].row().blob(timer.id.as_bytes());
                    row.long(Some(due.micros())).blob(timer.key.as_str().as_bytes())
                }
                None => self.kinds[TIMERS_GONE].row().blob(timer.id.as_bytes()),
            };
        }
        let calls: BTreeMap<&str, _> = writes.calls.iter().map(|call| (&*call.id, call)).collect();
        for id in writes.called.iter().filter(|id| !calls.contains_key(&***id)) {
            let _ = self.kinds[CALLS_GONE].row().blob(id.as_bytes());
        }
        for call in calls.into_values() {
            let row = self.kinds[CALLS].row().blob(call.id.as_bytes());
            let _ = row.blob(call.key.as_str().as_bytes()).flag(call.holds).blob(&call.body);
        }
    }

    fn parked(&mut self, writes: &'a Writes, own: &'a Own) {
        let parked: BTreeMap<u64, _> = writes.parked.iter().map(|one| (one.number, one)).collect();
        for number in writes.released.iter().filter(|number| !parked.contains_key(number)) {
            let _ = self.kinds[PARKED_GONE].row().count(*number);
        }
        for (number, parked) in parked {
            let row = self.kinds[PARKED].row().count(number).blob(parked.key.as_str().as_bytes());
            let row = row.text(own.helds.get(&number).map_or("", |held| held));
            let row = row.count(u64::from(parked.attempts)).long(Some(parked.since.micros()));
            let row = row.long(parked.due.map(Time::micros)).blob(parked.reason.as_bytes());
            let _ = row.text(own.edges.get(&number).map_or("", |edge| edge)).blob(&parked.body);
        }
    }

    fn dead(&mut self, writes: &'a Writes) {
        let dead: BTreeMap<Uuid, _> = writes.dead.iter().map(|one| (one.id, one)).collect();
        for id in writes.replayed.iter().filter(|id| !dead.contains_key(id)) {
            let _ = self.kinds[DEAD_GONE].row().id(*id);
        }
        for (id, letter) in dead {
            let row = self.kinds[DEAD].row().id(id).text(&letter.lane.group);
            let row = row.int(lane_number(&letter.lane)).blob(letter.key.as_str().as_bytes());
            let row = row.blob(letter.reason.as_bytes()).long(Some(letter.at.micros()));
            let _ = row.count(u64::from(letter.attempts)).blob(&letter.body);
        }
    }

    /// An entry whose id waits still, because it is taken by this very batch, does not enter.
    fn inbox(&mut self, writes: &'a Writes) {
        let (lane, read) = (self.context.lane, self.context.read);
        let taken: BTreeSet<&str> =
            writes.inbox_taken.iter().filter_map(|number| Some(&**read.get(number)?)).collect();
        for number in &writes.inbox_taken {
            let _ = self.kinds[INBOX_GONE].row().long(Some(*number));
        }
        for (to, entry) in &writes.inbox {
            if to == lane && taken.contains(&*entry.id) {
                continue;
            }
            let row = self.kinds[INBOX].row().text(&to.group).int(lane_number(to));
            let row = row.blob(entry.id.as_bytes()).blob(entry.key.as_str().as_bytes());
            let _ = row.blob(&entry.body);
        }
    }

    /// Puts what was read as absent in order to change it, and is not written after all, for the rest of the
    /// transaction: whoever puts it there too then waits, or was faster and makes this fail. `None` if there
    /// is no such slot.
    pub(super) fn hold(&mut self, writes: &Writes, texts: &Texts) -> Option<Prepared> {
        let is_put = |slot: &Slot| writes.slots.get(slot).is_some_and(Option::is_some);
        let mut held: [Rows<'a>; KINDS] = Default::default();
        let known: &'a BTreeMap<Slot, Known> = self.context.known;
        for (slot, _) in known.iter().filter(|(slot, at)| **at == Known::Absent && !is_put(slot)) {
            let (kind, gone) = match slot.space {
                Space::Rows => (ROWS_NEW, ROWS_GONE),
                Space::Barriers => (BARRIERS_NEW, BARRIERS_GONE),
                Space::Runs => (RUNS_NEW, RUNS_GONE),
            };
            let row = held[kind].row().slot(slot);
            let _ = match slot.space {
                Space::Rows => row.blob(b""),
                Space::Barriers => row.blob(b"").flag(true),
                Space::Runs => row.text("").blob(b""),
            };
            if !writes.slots.contains_key(slot) || slot.space == Space::Runs {
                let _ = self.kinds[gone].row().slot(slot);
            }
        }
        self.context.statement(held, texts)
    }

    /// The statement that writes it all, and its arguments; `None` if there is nothing to write.
    pub(super) fn statement(self, texts: &Texts) -> Option<Prepared> {
        self.context.statement(self.kinds, texts)
    }
}

/// A text that stays the same for the same kinds, and its arguments.
pub(super) type Prepared = (AssertSqlSafe<Arc<str>>, PgArguments);

impl Context<'_> {
    fn statement(&self, rows: [Rows<'_>; KINDS], texts: &Texts) -> Option<Prepared> {
        let mut kinds = 0_u32;
        let mut args = Args::default().with(&*self.lane.group).with(lane_number(self.lane));
        args = args.with(self.now.micros()).with(i64::try_from(self.batch).unwrap_or(i64::MAX));
        for (kind, rows) in rows.into_iter().enumerate() {
            if !rows.0.is_empty() {
                kinds |= 1 << kind;
            }
            rows.0.into_iter().for_each(|column| column.bind(&mut args));
        }
        (kinds != 0).then(|| (AssertSqlSafe(texts.of(kinds)), args.end()))
    }
}

/// The texts that were made, by the kinds that they write.
#[derive(Default)]
pub(super) struct Texts(Mutex<BTreeMap<u32, Arc<str>>>);

impl Texts {
    fn of(&self, kinds: u32) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry(kinds).or_insert_with(|| text(kinds)))
    }
}

/// The statement of these kinds.
fn text(kinds: u32) -> Arc<str> {
    let mut places = 5..;
    let mut parts = Vec::new();
    for (kind, part) in PARTS.iter().enumerate().filter(|(kind, _)| kinds & (1 << kind) != 0) {
        let mut part = (*part).to_owned();
        for (column, place) in (1..=columns(&part)).zip(&mut places) {
            part = part.replace(&format!("{{{column}}}"), &format!("${place}"));
        }
        parts.push(format!("part_{kind} AS ({part})"));
    }
    format!("WITH {} SELECT $1, $2, $3, $4", parts.join(",\n")).into()
}

/// How many columns a part has.
fn columns(part: &str) -> usize {
    (1..).take_while(|column| part.contains(&format!("{{{column}}}"))).count()
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
