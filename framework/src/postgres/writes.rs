//! What a batch writes: rows of each kind, column by column, for one statement.
//!
//! What a batch writes *and* takes away is sorted out here: writing wins.

use crate::clock::Time;
use crate::edge::Edge;
use crate::postgres::log::Pieces;
use crate::postgres::outbox::{PIECE, pack};
use crate::postgres::pack::{Args, Rows};
use crate::postgres::puts::Granted;
use crate::postgres::take::lane_number;
use crate::postgres::texts::{
    ARCHIVE, ARCHIVE_BEGUN, ARCHIVE_GONE, BARRIERS, BARRIERS_GONE, BARRIERS_NEW, CALLS, CALLS_GONE,
    DEAD, DEAD_GONE, EDGES, ENDING, INBOX, INBOX_GONE, KINDS, NOT_ENTERED, OUTBOX, PARKED,
    PARKED_GONE, ROWS, ROWS_GONE, ROWS_NEW, RUNS, RUNS_BEGUN, RUNS_GONE, RUNS_HERE, RUNS_NEW, SEEN,
    Shape, TIMERS, TIMERS_GONE, TIMERS_NEW, Texts,
};
use crate::store::{Advance, LaneId, Slot, Space, Status, Timer, Value, Writes};
use crate::text::Text;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgArguments;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What a batch knows of a slot that it may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// There was nothing, and there must be nothing still when somebody else writes it.
    Absent,
    /// There was nothing, and nobody else writes it.
    Nothing,
    /// It is taken that there is nothing.
    Assumed,
    /// It is where it should be.
    Here,
    /// It is in the archive.
    Archived,
}

impl Known {
    const fn is_absent(self) -> bool {
        matches!(self, Self::Absent | Self::Nothing | Self::Assumed)
    }
}

/// What a batch knows when it writes.
pub(super) struct Context<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) now: Time,
    pub(super) batch: u64,
    pub(super) known: &'a BTreeMap<Slot, Known>,
    /// And of what is not there.
    pub(super) granted: &'a Granted,
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

/// The rows that are put and were not read.
pub(super) fn unread<'w>(
    writes: &'w Writes,
    known: &BTreeMap<Slot, Known>,
) -> impl Iterator<Item = &'w Slot> {
    let put = writes.slots.iter().filter(|(slot, value)| {
        slot.space == Space::Rows && value.is_some() && !known.contains_key(slot)
    });
    put.map(|(slot, _)| slot)
}

/// Everything that a batch writes, by kind and column.
pub(super) struct Draft<'a> {
    context: Context<'a>,
    /// Whether there is none of the rows that are put and were not read.
    are_new: bool,
    kinds: [Rows<'a>; KINDS],
}

impl<'a> Draft<'a> {
    /// Sorts what a lane writes by kind.
    pub(super) fn of(context: Context<'a>, writes: &'a Writes, own: &'a Own) -> Self {
        let tables = unread(writes, context.known).map(|slot| &*slot.table);
        let are_new = context.granted.are_new(tables);
        let mut draft = Self { context, are_new, kinds: Default::default() };
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
        let is_new = known.map_or(self.are_new && slot.space == Space::Rows, Known::is_absent);
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
        let is_new = known.is_some_and(Known::is_absent);
        let is_moved = known == Some(Known::Here) && self.context.granted.is_all_else_new();
        if let Some(Value { body, status: Some(status) }) = value.filter(|_| has_ended && is_moved)
        {
            let _ = self.kinds[ENDING].row().slot(slot).text(status.name()).blob(body);
            return;
        }
        if !goes_on && !is_new && known != Some(Known::Archived) {
            let _ = self.kinds[RUNS_GONE].row().slot(slot);
        }
        if !has_ended && !is_new && known != Some(Known::Here) {
            let _ = self.kinds[ARCHIVE_GONE].row().slot(slot);
        }
        let Some(Value { body, status }) = value else { return };
        let kind = match known {
            Some(Known::Assumed) if has_ended => ARCHIVE_BEGUN,
            _ if has_ended => ARCHIVE,
            Some(Known::Assumed) => RUNS_BEGUN,
            Some(Known::Absent | Known::Nothing) => RUNS_NEW,
            Some(Known::Here) => RUNS_HERE,
            Some(Known::Archived) | None => RUNS,
        };
        let _ = self.kinds[kind].row().slot(slot).text(status.map_or("", Status::name)).blob(body);
    }

    fn edges(&mut self, sent: &'a BTreeMap<(Text, u32), u64>, taken: &'a BTreeMap<Edge, u64>) {
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
        let set = if self.context.granted.is_all_else_new() { TIMERS_NEW } else { TIMERS };
        for (Timer { due, id }, key) in &writes.timers {
            let row = self.kinds[set].row().long(Some(due.micros())).blob(id.as_bytes());
            let _ = row.blob(key.as_str().as_bytes());
        }
        let gone = writes.timers_gone.iter();
        for Timer { due, id } in gone.filter(|timer| !writes.timers.contains_key(timer)) {
            let _ = self.kinds[TIMERS_GONE].row().long(Some(due.micros())).blob(id.as_bytes());
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
        for id in &writes.not_entered {
            let _ = self.kinds[NOT_ENTERED].row().blob(id.as_bytes());
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
        self.context.statement(held, More::default(), texts)
    }

    /// The statement that writes it all, and its arguments; `None` if there is nothing to write.
    pub(super) fn statement(self, more: More<'_>, texts: &Texts) -> Option<Prepared> {
        self.context.statement(self.kinds, more, texts)
    }
}

/// What stands before and behind the kinds of a statement.
#[derive(Default)]
pub(super) struct More<'a> {
    /// The compare-and-set, if it is a whole batch.
    pub(super) advance: Option<&'a Advance>,
    /// What is appended to the log.
    pub(super) append: Option<&'a Pieces>,
}

/// A text that stays the same for the same kinds, and its arguments.
pub(super) type Prepared = (AssertSqlSafe<Arc<str>>, PgArguments);

impl Context<'_> {
    fn statement(
        &self,
        rows: [Rows<'_>; KINDS],
        More { advance, append }: More<'_>,
        texts: &Texts,
    ) -> Option<Prepared> {
        let (advances, appends) = (advance.is_some(), append.is_some());
        let mut shape = Shape { advances, appends, ..Shape::default() };
        let mut args = Args::default().with(&*self.lane.group).with(lane_number(self.lane));
        args = args.with(self.now.micros()).with(i64::try_from(self.batch).unwrap_or(i64::MAX));
        if let Some(Advance { positions, published, epoch, .. }) = advance {
            let positions = serde_json::to_string(positions).expect("positions are plain data");
            args = args.with(positions).with(*published as i64).with(*epoch as i64);
        }
        for (kind, rows) in rows.into_iter().enumerate() {
            if !rows.0.is_empty() {
                shape.kinds |= 1 << kind;
            }
            rows.0.into_iter().for_each(|column| column.bind(&mut args));
        }
        let args = match append {
            Some(pieces) => pieces.bind(args),
            None => args,
        };
        (shape != Shape::default()).then(|| (texts.of(shape), args.end()))
    }
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
