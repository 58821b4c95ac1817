//! The texts of a flush: one statement, made once for each set of kinds that occurs, that stays prepared.
//!
//! Each kind is a part of it. All parts see the rows as they were before the statement, and none may touch
//! a row twice. A flush that is a whole batch begins with the compare-and-set and ends with what it appends
//! to the log, if the log is here; the statement is its own transaction then.
//!
//! **Rows are looked up by their keys, one by one,** whatever the planner thinks that it knows of a table that
//! was empty, or nearly, when somebody last looked. What it must not do is to walk through the table, or through all
//! that a lane has in it, and to compare each row with each key. Two forms leave it no choice:
//!
//! - A join says `t.name = ANY (ARRAY[w.name])` of the first column of the key: that can be looked up in the
//!   index, but no walk along the index is in the order of it. The group and the lane, which are the same for
//!   all keys, come out of a subquery with `OFFSET 0`, so that they are no constants by which to walk.
//! - Whether there is a row is asked by `(SELECT ..) IS NULL` and not by `EXISTS`, which may be answered from
//!   a hash of the whole table.
//!
//! The migration sees to it that another index is not taken for that of the key.

use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many kinds there are.
pub(super) const KINDS: usize = 30;

/// The parts of a flush. `$1` is the group, `$2` the lane, `$3` the lane's time, `$4` the number of the
/// batch; `{1}`, `{2}`, … are the columns of the kind.
const PARTS: [&str; KINDS] = [
    // A run that has ended moves to the archive, and keeps its age.
    "INSERT INTO archive (saga, key, status, begun, ended, body)
     SELECT w.saga, w.key, nullif(w.status, ''),
            coalesce((SELECT begun FROM runs r WHERE r.saga = w.saga AND r.key = w.key), $3), $3, w.body
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)
     ON CONFLICT (saga, key) DO UPDATE SET status = excluded.status, body = excluded.body",
    "DELETE FROM runs t USING unnest({1}, {2}) AS w (saga, key)
     WHERE t.saga = ANY (ARRAY[w.saga]) AND t.key = w.key",
    "DELETE FROM archive t USING unnest({1}, {2}) AS w (saga, key)
     WHERE t.saga = ANY (ARRAY[w.saga]) AND t.key = w.key",
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
    "DELETE FROM rows t USING unnest({1}, {2}) AS w (name, key)
     WHERE t.name = ANY (ARRAY[w.name]) AND t.key = w.key",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT w.name, w.key, $3, w.value, w.is_open
     FROM unnest({1}, {2}, {3}, {4}) AS w (name, key, value, is_open)
     ON CONFLICT (group_name, key)
     DO UPDATE SET at = excluded.at, value = excluded.value, is_open = excluded.is_open",
    "INSERT INTO barriers (group_name, key, at, value, is_open)
     SELECT w.name, w.key, $3, w.value, w.is_open
     FROM unnest({1}, {2}, {3}, {4}) AS w (name, key, value, is_open)",
    "DELETE FROM barriers t USING unnest({1}, {2}) AS w (name, key)
     WHERE t.group_name = ANY (ARRAY[w.name]) AND t.key = w.key",
    "INSERT INTO edges (group_name, lane, way, topic, partition, source, incarnation, source_lane, seq)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}, {4}, {5}, {6}, {7}) AS w
     ON CONFLICT (group_name, lane, way, topic, partition, source, incarnation, source_lane)
     DO UPDATE SET seq = excluded.seq",
    "INSERT INTO seen (group_name, id, at) SELECT $1, w.id, $3 FROM unnest({1}) AS w (id)
     ON CONFLICT DO NOTHING",
    "INSERT INTO timers (group_name, lane, due, id, key)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}) AS w
     ON CONFLICT (group_name, lane, due, id) DO UPDATE SET key = excluded.key",
    "DELETE FROM timers t USING
     (SELECT $1 AS name, $2 AS lane, x.due, x.id FROM unnest({1}, {2}) AS x (due, id) OFFSET 0) AS w
     WHERE t.group_name = ANY (ARRAY[w.name]) AND t.lane = w.lane AND t.due = w.due AND t.id = w.id",
    "DELETE FROM calls t USING
     (SELECT $1 AS name, $2 AS lane, x.id FROM unnest({1}) AS x (id) OFFSET 0) AS w
     WHERE t.group_name = ANY (ARRAY[w.name]) AND t.lane = w.lane AND t.id = w.id",
    "INSERT INTO calls (group_name, lane, id, key, holds, body)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}, {4}) AS w
     ON CONFLICT (group_name, lane, id)
     DO UPDATE SET key = excluded.key, holds = excluded.holds, body = excluded.body",
    "DELETE FROM parked t USING
     (SELECT $1 AS name, $2 AS lane, x.number FROM unnest({1}) AS x (number) OFFSET 0) AS w
     WHERE t.group_name = ANY (ARRAY[w.name]) AND t.lane = w.lane AND t.number = w.number",
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
    "DELETE FROM inbox t USING
     (SELECT $1 AS name, $2 AS lane, x.number FROM unnest({1}) AS x (number) OFFSET 0) AS w
     WHERE t.group_name = ANY (ARRAY[w.name]) AND t.lane = w.lane AND t.number = w.number",
    "INSERT INTO outbox (group_name, lane, batch, at, piece, messages)
     SELECT $1, $2, $4, $3, w.* FROM unnest({1}, {2}) AS w",
    // A run that was taken for absent is in neither of its tables, or has no time to begin or to end at,
    // which may not be.
    "INSERT INTO runs (saga, key, status, body, begun)
     SELECT w.saga, w.key, nullif(w.status, ''), w.body,
            CASE WHEN (SELECT true FROM archive a WHERE a.saga = w.saga AND a.key = w.key) IS NULL
            THEN $3 END
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)",
    "INSERT INTO archive (saga, key, status, body, begun, ended)
     SELECT w.saga, w.key, nullif(w.status, ''), w.body, $3,
            CASE WHEN (SELECT true FROM runs r WHERE r.saga = w.saga AND r.key = w.key) IS NULL
            THEN $3 END
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)",
    "UPDATE runs t SET status = nullif(w.status, ''), body = w.body
     FROM unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)
     WHERE t.saga = ANY (ARRAY[w.saga]) AND t.key = w.key RETURNING 1 AS one",
    "SELECT none_entered($1, $2, {1}) AS one",
    // What becomes of these is [`MOVED`].
    "DELETE FROM runs t USING unnest({1}, {2}, {3}, {4}) AS w (saga, key, status, body)
     WHERE t.saga = ANY (ARRAY[w.saga]) AND t.key = w.key
     RETURNING w.saga, w.key, w.status, t.begun, w.body",
    "INSERT INTO timers (group_name, lane, due, id, key)
     SELECT $1, $2, w.* FROM unnest({1}, {2}, {3}) AS w",
];

/// Runs that go on until now end: they leave their table, and are put into the archive with their age.
const MOVED: &str = "INSERT INTO archive (saga, key, status, begun, ended, body)
     SELECT saga, key, nullif(status, ''), begun, $3, body FROM ending";

/// The compare-and-set of a batch that is one statement, before all kinds: its positions, what it has
/// published, and the epoch of the owner.
const ADVANCE: &str = "UPDATE lanes SET batch = $4, takes = 0, time = greatest(time, $3),
     positions = positions || CAST({1} AS jsonb), published = greatest(published, {2})
     WHERE group_name = $1 AND lane = $2 AND epoch = {3} AND batch = $4 - 1 RETURNING 1 AS one";

/// The partitions that a batch appends to, and how many messages each gets, behind all kinds. Whoever
/// appends holds them until the commit, so they are held last of all that others may want too.
const HELD: &str = "UPDATE ends e SET next = e.next + w.count
     FROM unnest({1}, {2}, {3}) AS w (topic, partition, count)
     WHERE e.topic = ANY (ARRAY[w.topic]) AND e.partition = w.partition{gate}
     RETURNING e.topic, e.partition, e.next - w.count AS first";

/// The pieces that it appends, whose offsets are counted from where their partition ends.
const PUT: &str = "INSERT INTO log (topic, partition, first, last, at, key, messages)
     SELECT h.topic, h.partition, h.first + w.first, h.first + w.last, $3, w.key, w.messages
     FROM unnest({1}, {2}, {3}, {4}, {5}, {6}) AS w (topic, partition, first, last, key, messages)
     JOIN held h ON h.topic = w.topic AND h.partition = w.partition";

pub(super) const ARCHIVE: usize = 0;
pub(super) const RUNS_GONE: usize = 1;
pub(super) const ARCHIVE_GONE: usize = 2;
pub(super) const RUNS: usize = 3;
pub(super) const RUNS_NEW: usize = 4;
pub(super) const ROWS: usize = 5;
pub(super) const ROWS_NEW: usize = 6;
pub(super) const ROWS_GONE: usize = 7;
pub(super) const BARRIERS: usize = 8;
pub(super) const BARRIERS_NEW: usize = 9;
pub(super) const BARRIERS_GONE: usize = 10;
pub(super) const EDGES: usize = 11;
pub(super) const SEEN: usize = 12;
pub(super) const TIMERS: usize = 13;
pub(super) const TIMERS_GONE: usize = 14;
pub(super) const CALLS_GONE: usize = 15;
pub(super) const CALLS: usize = 16;
pub(super) const PARKED_GONE: usize = 17;
pub(super) const PARKED: usize = 18;
pub(super) const DEAD_GONE: usize = 19;
pub(super) const DEAD: usize = 20;
pub(super) const INBOX: usize = 21;
pub(super) const INBOX_GONE: usize = 22;
pub(super) const OUTBOX: usize = 23;
pub(super) const RUNS_BEGUN: usize = 24;
pub(super) const ARCHIVE_BEGUN: usize = 25;
pub(super) const RUNS_HERE: usize = 26;
pub(super) const NOT_ENTERED: usize = 27;
pub(super) const ENDING: usize = 28;
pub(super) const TIMERS_NEW: usize = 29;

/// The kinds of which another lane may hold a row, or an id, that this one wants.
const SHARED: [usize; 9] =
    [ROWS, ROWS_NEW, ROWS_GONE, BARRIERS, BARRIERS_NEW, BARRIERS_GONE, SEEN, INBOX, DEAD];

/// What a statement is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Shape {
    /// A bit for each kind.
    pub(super) kinds: u32,
    /// Whether it is a whole batch, with its compare-and-set.
    pub(super) advances: bool,
    /// Whether it appends to the log.
    pub(super) appends: bool,
}

/// The texts that were made, by what they are made of.
#[derive(Default)]
pub(super) struct Texts(Mutex<BTreeMap<Shape, Arc<str>>>);

impl Texts {
    pub(super) fn of(&self, shape: Shape) -> AssertSqlSafe<Arc<str>> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        AssertSqlSafe(Arc::clone(texts.entry(shape).or_insert_with(|| text(shape))))
    }
}

/// Gives the columns of parts the next places.
struct Places(std::ops::RangeFrom<usize>);

impl Places {
    fn fill(&mut self, part: &str) -> String {
        let mut part = part.to_owned();
        for (column, place) in (1..=columns(&part)).zip(&mut self.0) {
            part = part.replace(&format!("{{{column}}}"), &format!("${place}"));
        }
        part
    }
}

/// The statement of this shape. A batch that does not advance divides by zero, and so has not happened; nor has one
/// that appends to a partition that is not there, or that changes a run that is gone.
fn text(Shape { kinds, advances, appends }: Shape) -> Arc<str> {
    let (mut places, mut parts, mut shared) = (Places(5..), Vec::new(), Vec::new());
    let mut is_well = vec!["1".to_owned()];
    if advances {
        parts.push(format!("advanced AS ({})", places.fill(ADVANCE)));
        is_well.push("(SELECT count(*) FROM advanced)".to_owned());
    }
    for (kind, part) in PARTS.iter().enumerate().filter(|(kind, _)| kinds & (1 << kind) != 0) {
        let first = places.0.start;
        let part = places.fill(part);
        let is_shared = appends && SHARED.contains(&kind);
        let told = if is_shared { " RETURNING 1 AS one" } else { "" };
        parts.push(format!("part_{kind} AS ({part}{told})"));
        shared.extend(is_shared.then(|| format!(" AND (SELECT count(*) FROM part_{kind}) >= 0")));
        match kind {
            NOT_ENTERED => is_well.push(format!("(SELECT one FROM part_{kind})")),
            RUNS_HERE | ENDING => is_well.push(all_of(&format!("part_{kind}"), first)),
            _ => {}
        }
    }
    if kinds & (1 << ENDING) != 0 {
        parts.push(format!("moved AS ({})", MOVED.replace("ending", &format!("part_{ENDING}"))));
    }
    if appends {
        is_well.push(all_of("held", places.0.start));
        let held = HELD.replace("{gate}", &shared.concat());
        parts.push(format!("held AS ({})", places.fill(&held)));
        parts.push(format!("put AS ({})", places.fill(PUT)));
    }
    let (columns, from) = match appends {
        true => ("h.topic, h.partition, h.first", "(VALUES (1)) AS one LEFT JOIN held h ON true"),
        false => ("$1, $2, $3, $4", "(VALUES (1)) AS one"),
    };
    let (parts, is_well) = (parts.join(",\n"), is_well.join(" * "));
    format!("WITH {parts} SELECT {columns}, 1 / ({is_well}) FROM {from}").into()
}

/// One if a part has done something for each element of this argument, and else zero.
fn all_of(part: &str, place: usize) -> String {
    format!("((SELECT count(*) FROM {part}) / cardinality(${place}))")
}

/// How many columns a part has.
fn columns(part: &str) -> usize {
    (1..).take_while(|column| part.contains(&format!("{{{column}}}"))).count()
}
