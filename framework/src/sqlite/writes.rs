//! What a batch writes: one statement a kind, all in one text, whatever the number of rows.
//!
//! The rows are packed by the task of the lane, before it has its turn to commit; the writer only binds
//! them. A text is made once for each set of kinds that occurs, and stays prepared.

use crate::clock::Time;
use crate::edge::Edge;
use crate::message::{Key, Outgoing};
use crate::sqlite::log::Appended;
use crate::sqlite::pack::{Args, Pack};
use crate::store::{
    Advance, Calling, DeadLetter, Inboxed, Known, LaneId, Parked, Slot, Space, Timer, Value, Writes,
};
use crate::text::Text;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many statements a flush has at most.
const KINDS: usize = 25;

/// With what a batch begins: in its savepoint the lane advances by compare-and-set. If the lane is another's
/// nothing follows, for `json('')` is an error.
const ADVANCE: &str = "SAVEPOINT batch;
    UPDATE lanes SET batch = batch + 1, takes = 0, time = max(time, $3),
                     positions = json_patch(positions, $6), published = max(published, $7)
    WHERE group_name = $1 AND lane = $2 AND epoch = $4 AND batch = $5;
    SELECT json(iif(changes() = 1, '1', ''));
";

/// The number of the first parameter that a kind may use.
const FIRST: usize = 8;

/// The statements of a flush, in the order in which they run. `$1` is the group, `$2` the lane, `$3` the
/// lane's time; `{b}` and `{r}` are the blob and the rows of the kind.
///
/// What is deleted by two columns is joined, in this order, and deleted by its number: a pair that is `IN` a list is
/// looked for by its first column alone in some versions of SQLite (3.40), and so in all runs of a saga. Timers have no
/// number, and in that of those versions that is built in they are looked for by their whole key.
pub(super) const STATEMENTS: [&str; KINDS] = [
    // A run that has ended moves to the archive, and keeps its age.
    "INSERT INTO archive (saga, key, status, begun, ended, body)
     SELECT r.saga, r.key, r.status,
            coalesce((SELECT begun FROM runs WHERE saga = r.saga AND key = r.key), $3), $3, r.body
     FROM (SELECT value ->> 0 AS saga, substr({b}, value ->> 1, value ->> 2) AS key,
                  value ->> 3 AS status, substr({b}, value ->> 4, value ->> 5) AS body
           FROM jsonb_each({r})) AS r WHERE true
     ON CONFLICT (saga, key) DO UPDATE SET status = excluded.status, body = excluded.body",
    "DELETE FROM runs WHERE rowid IN
     (SELECT t.rowid FROM jsonb_each({r}) r CROSS JOIN runs t
      ON t.saga = r.value ->> 0 AND t.key = substr({b}, r.value ->> 1, r.value ->> 2))",
    "DELETE FROM archive WHERE rowid IN
     (SELECT t.rowid FROM jsonb_each({r}) r CROSS JOIN archive t
      ON t.saga = r.value ->> 0 AND t.key = substr({b}, r.value ->> 1, r.value ->> 2))",
    "INSERT INTO runs (saga, key, status, begun, body)
     SELECT value ->> 0, substr({b}, value ->> 1, value ->> 2), value ->> 3, $3,
            substr({b}, value ->> 4, value ->> 5)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (saga, key) DO UPDATE SET status = excluded.status, body = excluded.body",
    "INSERT INTO rows (name, key, value)
     SELECT value ->> 0, substr({b}, value ->> 1, value ->> 2), substr({b}, value ->> 3, value ->> 4)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
    "DELETE FROM rows WHERE rowid IN
     (SELECT t.rowid FROM jsonb_each({r}) r CROSS JOIN rows t
      ON t.name = r.value ->> 0 AND t.key = substr({b}, r.value ->> 1, r.value ->> 2))",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT value ->> 0, substr({b}, value ->> 1, value ->> 2), $3,
            substr({b}, value ->> 3, value ->> 4), value ->> 5
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (group_name, key)
     DO UPDATE SET at = excluded.at, value = excluded.value, is_open = excluded.is_open",
    "DELETE FROM barriers WHERE rowid IN
     (SELECT t.rowid FROM jsonb_each({r}) r CROSS JOIN barriers t
      ON t.group_name = r.value ->> 0 AND t.key = substr({b}, r.value ->> 1, r.value ->> 2))",
    "INSERT INTO edges
     (group_name, lane, way, topic, partition, source, incarnation, source_lane, seq)
     SELECT $1, $2, value ->> 0, value ->> 1, value ->> 2,
            CAST(substr({b}, value ->> 3, value ->> 4) AS TEXT), value ->> 5, value ->> 6, value ->> 7
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT DO UPDATE SET seq = excluded.seq",
    "INSERT INTO seen (group_name, id, at)
     SELECT $1, substr({b}, value ->> 0, value ->> 1), $3 FROM jsonb_each({r}) WHERE true
     ON CONFLICT DO NOTHING",
    "INSERT INTO timers (group_name, lane, due, id, key)
     SELECT $1, $2, value ->> 0, CAST(substr({b}, value ->> 1, value ->> 2) AS TEXT),
            CAST(substr({b}, value ->> 3, value ->> 4) AS TEXT)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (group_name, lane, due, id) DO UPDATE SET key = excluded.key",
    "DELETE FROM timers WHERE group_name = $1 AND lane = $2 AND (due, id) IN
     (SELECT value ->> 0, CAST(substr({b}, value ->> 1, value ->> 2) AS TEXT) FROM jsonb_each({r}))",
    "DELETE FROM calls WHERE group_name = $1 AND lane = $2 AND id IN
     (SELECT CAST(substr({b}, value ->> 0, value ->> 1) AS TEXT) FROM jsonb_each({r}))",
    "INSERT INTO calls (group_name, lane, id, key, holds, body)
     SELECT $1, $2, CAST(substr({b}, value ->> 0, value ->> 1) AS TEXT),
            CAST(substr({b}, value ->> 2, value ->> 3) AS TEXT), value ->> 4,
            substr({b}, value ->> 5, value ->> 6)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (group_name, lane, id)
     DO UPDATE SET key = excluded.key, holds = excluded.holds, body = excluded.body",
    "DELETE FROM parked WHERE group_name = $1 AND lane = $2 AND number IN
     (SELECT value ->> 0 FROM jsonb_each({r}))",
    "INSERT INTO parked
     (group_name, lane, number, key, held, attempts, since, due, reason, edge, body)
     SELECT $1, $2, value ->> 0, CAST(substr({b}, value ->> 1, value ->> 2) AS TEXT), value ->> 3,
            value ->> 4, value ->> 5, value ->> 6, CAST(substr({b}, value ->> 7, value ->> 8) AS TEXT),
            value ->> 9, substr({b}, value ->> 10, value ->> 11)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (group_name, lane, number) DO UPDATE SET
     key = excluded.key, held = excluded.held, attempts = excluded.attempts, since = excluded.since,
     due = excluded.due, reason = excluded.reason, edge = excluded.edge, body = excluded.body",
    "DELETE FROM dead_letters WHERE id IN
     (SELECT substr({b}, value ->> 0, value ->> 1) FROM jsonb_each({r}))",
    "INSERT INTO dead_letters (id, group_name, lane, key, reason, at, attempts, body)
     SELECT substr({b}, value ->> 0, value ->> 1), value ->> 2, value ->> 3,
            CAST(substr({b}, value ->> 4, value ->> 5) AS TEXT),
            CAST(substr({b}, value ->> 6, value ->> 7) AS TEXT), value ->> 8, value ->> 9,
            substr({b}, value ->> 10, value ->> 11)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, at = excluded.at,
     attempts = excluded.attempts, body = excluded.body",
    "INSERT INTO inbox (group_name, lane, id, key, at, body)
     SELECT value ->> 0, value ->> 1, CAST(substr({b}, value ->> 2, value ->> 3) AS TEXT),
            CAST(substr({b}, value ->> 4, value ->> 5) AS TEXT), $3,
            substr({b}, value ->> 6, value ->> 7)
     FROM jsonb_each({r}) WHERE true
     ON CONFLICT (group_name, lane, id) DO NOTHING",
    "DELETE FROM inbox WHERE number IN (SELECT value ->> 0 FROM jsonb_each({r}))",
    LOG,
    // What should be absent must be: if something is there the statement fails. A run may also be in the
    // other of its two tables, and then it begins never, or ends never, which may not be.
    "INSERT INTO runs (saga, key, status, begun, body)
     SELECT r.saga, r.key, r.status,
            iif(EXISTS (SELECT 1 FROM archive WHERE saga = r.saga AND key = r.key), NULL, $3), r.body
     FROM (SELECT value ->> 0 AS saga, substr({b}, value ->> 1, value ->> 2) AS key,
                  value ->> 3 AS status, substr({b}, value ->> 4, value ->> 5) AS body
           FROM jsonb_each({r})) AS r",
    "INSERT INTO archive (saga, key, status, begun, ended, body)
     SELECT r.saga, r.key, r.status, $3,
            iif(EXISTS (SELECT 1 FROM runs WHERE saga = r.saga AND key = r.key), NULL, $3), r.body
     FROM (SELECT value ->> 0 AS saga, substr({b}, value ->> 1, value ->> 2) AS key,
                  value ->> 3 AS status, substr({b}, value ->> 4, value ->> 5) AS body
           FROM jsonb_each({r})) AS r",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT value ->> 0, substr({b}, value ->> 1, value ->> 2), $3,
            substr({b}, value ->> 3, value ->> 4), value ->> 5
     FROM jsonb_each({r})",
    // What must not wait in the inbox does not, or `json('')` is an error.
    "SELECT json(iif(EXISTS (SELECT 1 FROM inbox WHERE group_name = $1 AND lane = $2 AND id IN
     (SELECT CAST(substr({b}, value ->> 0, value ->> 1) AS TEXT) FROM jsonb_each({r}))), '', '1'))",
];

/// Appending to the log. The rows are made by the writer, for it alone knows the offsets.
const LOG: &str = "INSERT INTO log (place, at, message, key)
     SELECT value ->> 0, $3, substr({b}, value ->> 1, value ->> 2),
            CAST(substr({b}, value ->> 3, value ->> 4) AS TEXT)
     FROM jsonb_each({r})";

const ARCHIVE: usize = 0;
const RUNS_GONE: usize = 1;
const ARCHIVE_GONE: usize = 2;
const RUNS: usize = 3;
const ROWS: usize = 4;
const ROWS_GONE: usize = 5;
const BARRIERS: usize = 6;
const BARRIERS_GONE: usize = 7;
const EDGES: usize = 8;
const SEEN: usize = 9;
const TIMERS: usize = 10;
const TIMERS_GONE: usize = 11;
const CALLS_GONE: usize = 12;
const CALLS: usize = 13;
const PARKED_GONE: usize = 14;
const PARKED: usize = 15;
const DEAD_GONE: usize = 16;
const DEAD: usize = 17;
const INBOX: usize = 18;
const INBOX_GONE: usize = 19;
const APPEND: usize = 20;
const RUNS_NEW: usize = 21;
const ARCHIVE_NEW: usize = 22;
const BARRIERS_NEW: usize = 23;
const NOT_ENTERED: usize = 24;

/// Everything that a batch writes, packed.
pub(super) struct Draft {
    packs: [Pack; KINDS],
    outgoing: Vec<Outgoing>,
    encoded: Vec<(Key, bytes::Bytes)>,
}

impl Draft {
    /// Packs what a lane writes.
    pub(super) fn of(lane: &LaneId, writes: Writes) -> Self {
        let mut draft = Self::of_messages(writes.outgoing);
        for (slot, value) in writes.slots {
            draft.slot(&slot, value, writes.known.get(&slot).copied());
        }
        draft.edges(lane, &writes.sent, &writes.taken);
        draft.ids(SEEN, &writes.seen);
        draft.ids(NOT_ENTERED, &writes.not_entered);
        draft.timers(&writes.timers, &writes.timers_gone);
        draft.ids(CALLS_GONE, &writes.called);
        writes.calls.iter().for_each(|call| draft.call(call));
        for number in writes.released {
            let _ = draft.packs[PARKED_GONE].row().number(number);
        }
        writes.parked.iter().for_each(|parked| draft.parked(parked));
        for id in &writes.replayed {
            let _ = draft.packs[DEAD_GONE].row().bytes(id.as_bytes());
        }
        writes.dead.iter().for_each(|letter| draft.dead(letter));
        writes.inbox.iter().for_each(|(lane, entry)| draft.entry(lane, entry));
        for number in writes.inbox_taken {
            let _ = draft.packs[INBOX_GONE].row().number(number);
        }
        draft
    }

    /// Packs messages alone.
    pub(super) fn of_messages(outgoing: Vec<Outgoing>) -> Self {
        let encode =
            |Outgoing { message, .. }: &Outgoing| (message.envelope.key.clone(), message.encode());
        let encoded = outgoing.iter().map(encode).collect();
        Self { packs: Default::default(), outgoing, encoded }
    }

    fn slot(&mut self, slot: &Slot, value: Option<Value>, known: Option<Known>) {
        let (put, gone) = match (slot.space, known) {
            (Space::Rows, _) => (ROWS, ROWS_GONE),
            (Space::Barriers, Some(Known::Absent)) => (BARRIERS_NEW, BARRIERS_GONE),
            (Space::Barriers, _) => (BARRIERS, BARRIERS_GONE),
            (Space::Runs, _) => return self.run(slot, value, known),
        };
        let Some(value) = value else { return self.gone(gone, slot) };
        let row = self.packs[put].row().name(&slot.table).bytes(&slot.key).bytes(&value.body);
        let _ = row.number(i64::from(value.status.is_some()));
    }

    /// A run is in one of two tables: among those that go on, or in the archive.
    fn run(&mut self, slot: &Slot, value: Option<Value>, known: Option<Known>) {
        let Some(Value { body, status }) = value else {
            self.gone(RUNS_GONE, slot);
            return self.gone(ARCHIVE_GONE, slot);
        };
        let has_ended = status.is_some_and(crate::store::Status::is_end);
        let kind = match (known, has_ended) {
            (Some(Known::Absent), true) => ARCHIVE_NEW,
            (Some(Known::Absent), false) => RUNS_NEW,
            (_, true) => ARCHIVE,
            (_, false) => RUNS,
        };
        match (known, has_ended) {
            (Some(Known::Absent), _) | (Some(Known::Here), false) => {}
            (_, true) => self.gone(RUNS_GONE, slot),
            (None, false) => self.gone(ARCHIVE_GONE, slot),
        }
        let row = self.packs[kind].row().name(&slot.table).bytes(&slot.key);
        let _ = match status {
            Some(status) => row.name(status.name()),
            None => row.maybe(None),
        }
        .bytes(&body);
    }

    fn gone(&mut self, kind: usize, slot: &Slot) {
        let _ = self.packs[kind].row().name(&slot.table).bytes(&slot.key);
    }

    fn edges(
        &mut self,
        lane: &LaneId,
        sent: &BTreeMap<(Text, u32), u64>,
        taken: &BTreeMap<Edge, u64>,
    ) {
        let pack = &mut self.packs[EDGES];
        for ((topic, partition), seq) in sent {
            let row = pack.row().name("sent").name(topic).number(*partition).bytes(b"");
            let _ = row.number(0).number(0).number(*seq);
        }
        for (Edge { source, incarnation, lane: of, topic }, seq) in taken {
            let row = pack.row().name("taken").name(topic).number(lane.lane);
            let row = row.bytes(source.as_bytes()).number(*incarnation).number(*of);
            let _ = row.number(*seq);
        }
    }

    fn ids(&mut self, kind: usize, ids: &[String]) {
        for id in ids {
            let _ = self.packs[kind].row().bytes(id.as_bytes());
        }
    }

    fn timers(&mut self, set: &BTreeMap<Timer, Key>, gone: &BTreeSet<Timer>) {
        for (Timer { due, id }, key) in set {
            let row = self.packs[TIMERS].row().number(due.micros()).bytes(id.as_bytes());
            let _ = row.bytes(key.as_str().as_bytes());
        }
        for Timer { due, id } in gone.iter().filter(|timer| !set.contains_key(timer)) {
            let _ = self.packs[TIMERS_GONE].row().number(due.micros()).bytes(id.as_bytes());
        }
    }

    fn call(&mut self, call: &Calling) {
        let row = self.packs[CALLS].row().bytes(call.id.as_bytes());
        let row = row.bytes(call.key.as_str().as_bytes()).number(i64::from(call.holds));
        let _ = row.bytes(&call.body);
    }

    fn parked(&mut self, parked: &Parked) {
        let Parked { number, key, held, attempts, since, due, reason, edge, body } = parked;
        let held = serde_json::to_value(held).expect("a word is JSON");
        let edge = edge.as_ref().map(|edge| serde_json::to_string(edge).expect("plain data"));
        let row = self.packs[PARKED].row().number(*number).bytes(key.as_str().as_bytes());
        let row = row.name(held.as_str().unwrap_or_default()).number(*attempts);
        let row = row.number(since.micros()).maybe(due.map(Time::micros)).bytes(reason.as_bytes());
        let row = match &edge {
            Some(edge) => row.name(edge),
            None => row.maybe(None),
        };
        let _ = row.bytes(body);
    }

    fn dead(&mut self, letter: &DeadLetter) {
        let DeadLetter { id, lane, key, reason, at, attempts, body } = letter;
        let row = self.packs[DEAD].row().bytes(id.as_bytes()).name(&lane.group).number(lane.lane);
        let row = row.bytes(key.as_str().as_bytes()).bytes(reason.as_bytes());
        let _ = row.number(at.micros()).number(*attempts).bytes(body);
    }

    fn entry(&mut self, lane: &LaneId, entry: &Inboxed) {
        let row = self.packs[INBOX].row().name(&lane.group).number(lane.lane);
        let row = row.bytes(entry.id.as_bytes()).bytes(entry.key.as_str().as_bytes());
        let _ = row.bytes(&entry.body);
    }

    /// The messages, to be given their offsets.
    pub(super) fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    /// Puts the messages into the log at the offsets that they were given.
    pub(super) fn append(&mut self, appended: &[Appended]) {
        for (at, (key, encoded)) in appended.iter().zip(&self.encoded) {
            let row = self.packs[APPEND].row().number(at.place).bytes(encoded);
            if at.compacted {
                let _ = row.bytes(key.as_str().as_bytes());
            }
        }
    }
}

/// The texts that were made, by the kinds that they write and by whether they are a batch's.
#[derive(Default)]
pub(super) struct Texts(BTreeMap<(u32, bool), Arc<str>>);

type Prepared = AssertSqlSafe<Arc<str>>;

impl Texts {
    /// The text that writes a batch in a savepoint of its own, and its arguments.
    pub(super) fn batch(&mut self, draft: Draft, advance: &Advance, now: Time) -> (Prepared, Args) {
        let Advance { lane, epoch, batch, positions, published, .. } = advance;
        let positions = serde_json::to_string(positions).expect("positions are plain data");
        let args = Args::default().with(lane.group.as_str()).with(lane.lane).with(now.micros());
        let args = args.with(*epoch as i64).with(*batch as i64).with(positions);
        self.of(draft, args.with(*published as i64), true)
    }

    /// The text that appends messages to the log, and its arguments.
    pub(super) fn alone(&mut self, draft: Draft, now: Time) -> (Prepared, Args) {
        let args = Args::default().with("").with(0).with(now.micros());
        let args = args.with(0).with(0).with("").with(0);
        self.of(draft, args, false)
    }

    fn of(&mut self, draft: Draft, mut args: Args, is_batch: bool) -> (Prepared, Args) {
        let mut kinds = 0;
        for (kind, pack) in draft.packs.into_iter().enumerate() {
            if pack.is_empty() {
                args = args.with(None::<i64>).with(None::<i64>);
            } else {
                kinds |= 1 << kind;
                args = args.rows(pack);
            }
        }
        let text = self.0.entry((kinds, is_batch)).or_insert_with(|| text(kinds, is_batch));
        (AssertSqlSafe(Arc::clone(text)), args)
    }
}

/// The statement of a kind, with the parameters that are its own.
pub(super) fn statement(kind: usize, text: &str) -> String {
    let (blob, rows) = (format!("${}", FIRST + 2 * kind), format!("${}", FIRST + 1 + 2 * kind));
    text.replace("{b}", &blob).replace("{r}", &rows)
}

/// The statements of these kinds.
fn text(kinds: u32, is_batch: bool) -> Arc<str> {
    let mut text = String::from(if is_batch { ADVANCE } else { "" });
    for (kind, one) in STATEMENTS.iter().enumerate() {
        if kinds & (1 << kind) != 0 {
            text.push_str(&statement(kind, one));
            text.push_str(";\n");
        }
    }
    text.push_str(if is_batch { "RELEASE batch" } else { "" });
    text.into()
}
