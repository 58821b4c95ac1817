//! What a batch writes, as plain data: one field a kind, each flushed by one statement.

use crate::clock::Time;
use crate::edge::Edge;
use crate::message::{Key, Outgoing};
use crate::store::slot::{Known, Slot};
use crate::text::Text;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use uuid::Uuid;

/// Where a topic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The offset that is read next.
    pub next: u64,
    /// The offset at which the group began.
    pub from: u64,
}

/// A lane: one partition of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    /// The group.
    pub group: Text,
    /// Which of its lanes.
    pub lane: u32,
}

impl LaneId {
    /// A lane of a group.
    pub fn new(group: impl Into<Text>, lane: u32) -> Self {
        Self { group: group.into(), lane }
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.lane)
    }
}

/// What is stored at a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes.
    pub body: Bytes,
    /// For runs the word by which they are listed. For what is remembered of commands, reactions and
    /// waits: [`Status::Running`] while it still goes on, and so never grows too old.
    pub status: Option<Status>,
}

impl Value {
    /// A value without a status.
    pub fn plain(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), status: None }
    }

    /// A value that is not forgotten while it is like this.
    pub fn open(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), status: Some(Status::Running) }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It goes forward.
    Running,
    /// It is being taken back.
    Compensating,
    /// A person is needed; what can be tried is still tried.
    NeedsAttention,
    /// Every step was done.
    Completed,
    /// Whatever had been done was taken back.
    Compensated,
}

impl Status {
    /// The word for it, the same in tables, metrics and docs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::NeedsAttention => "needs-attention",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Compensating,
            Self::NeedsAttention,
            Self::Completed,
            Self::Compensated,
        ];
        all.into_iter().find(|status| status.name() == name)
    }

    /// Whether the run is over.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated)
    }

    /// Where runs are that somebody asks for, of one status or of any: whether among those that go on, and whether
    /// among those that have ended.
    pub(crate) fn among(wanted: Option<Self>) -> (bool, bool) {
        (wanted.is_none_or(|status| !status.is_end()), wanted.is_none_or(Self::is_end))
    }
}

/// Something that enters a lane and comes from no broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inboxed {
    /// The same id enters once.
    pub id: String,
    /// What decides its order among the lane's messages.
    pub key: Key,
    /// What it is.
    pub body: Bytes,
}

/// An entry of the inbox with the number that the store gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// The store's number: entries are taken in its order.
    pub number: i64,
    /// When it entered.
    pub at: Time,
    /// The entry.
    pub entry: Inboxed,
}

/// Something due at a time. Both parts tell it from others of its lane: to move one is to take it away and to set
/// another (decision 0004).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When.
    pub due: Time,
    /// Its id.
    pub id: String,
}

/// What a lane's timers say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// Those that are due, and what each is about.
    pub timers: Vec<(Timer, Key)>,
    /// When the next one after them is.
    pub next: Option<Time>,
}

impl Due {
    /// Of the first timers of a lane in their order, at least one more than `limit` of which are there if there are
    /// so many: those that are due by now, so many at most.
    pub fn of(first: impl IntoIterator<Item = (Timer, Key)>, now: Time, limit: u32) -> Self {
        let mut timers: Vec<(Timer, Key)> = first.into_iter().collect();
        let due = timers.iter().take_while(|(timer, _)| timer.due <= now).count();
        let due = due.min(limit as usize);
        let next = timers.get(due).map(|(timer, _)| timer.due);
        timers.truncate(due);
        Self { timers, next }
    }
}

/// A call to the outside that is under way, and must be repeated if its caller dies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// Its id within the lane.
    pub id: String,
    /// What it is about.
    pub key: Key,
    /// Whether messages of this key wait until it has ended.
    pub holds: bool,
    /// What is needed to make the call, and to record what it brought.
    pub body: Bytes,
}

/// Why a message is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Its handler faulted; its key waits with it.
    Fault,
    /// It stands behind a parked message of its key.
    Behind,
    /// A call of its key is under way.
    Calling,
    /// Something that it needs is not here yet. It holds nobody.
    NotYet,
    /// Messages before it on its edge are missing.
    Gap,
    /// This process does not know the plan of its run.
    Unknown,
    /// It may be what ends the process. It is tried alone.
    Suspect,
}

/// A message that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its number within the lane: messages of a key are released in this order.
    pub number: u64,
    /// Its key.
    pub key: Key,
    /// Why.
    pub held: Held,
    /// How often its handler has faulted.
    pub attempts: u32,
    /// Since when.
    pub since: Time,
    /// When it is tried again; `None` if something else must happen first.
    pub due: Option<Time>,
    /// What was last said against it.
    pub reason: String,
    /// The edge it came on and its number there, while it waits for others on that edge.
    pub edge: Option<(Edge, u64)>,
    /// The entry as the lane stores it.
    pub body: Bytes,
}

/// A message that could not be handled and was given up, until somebody replays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// The lane that gave it up.
    pub lane: LaneId,
    /// Its key.
    pub key: Key,
    /// What was said against it.
    pub reason: String,
    /// When it was given up.
    pub at: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// The entry as the lane stores it.
    pub body: Bytes,
}

/// Everything that a batch writes.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    /// Rows, runs, barriers; `None` deletes.
    pub slots: BTreeMap<Slot, Option<Value>>,
    /// What is known of those of these slots that were not read. Where something is that should be
    /// [absent](Known::Absent), nothing of the batch is written.
    pub known: BTreeMap<Slot, Known>,
    /// The last number used on each edge that leaves the lane.
    pub sent: BTreeMap<(Text, u32), u64>,
    /// The last number taken on each edge that enters it.
    pub taken: BTreeMap<Edge, u64>,
    /// Ids of foreign messages that were taken.
    pub seen: Vec<String>,
    /// Timers that are set, and what each is about: a parked key holds its timers too.
    pub timers: BTreeMap<Timer, Key>,
    /// Timers that are taken away, if they are there; one that is set as well stays set.
    pub timers_gone: BTreeSet<Timer>,
    /// Calls that begin.
    pub calls: Vec<Calling>,
    /// Ids of calls that have ended.
    pub called: Vec<String>,
    /// Messages set aside, new or changed.
    pub parked: Vec<Parked>,
    /// Numbers of messages that are not set aside any more.
    pub released: Vec<u64>,
    /// Messages given up.
    pub dead: Vec<DeadLetter>,
    /// Dead letters that were replayed.
    pub replayed: Vec<Uuid>,
    /// Numbers of inbox entries that were taken.
    pub inbox_taken: Vec<i64>,
    /// Ids of entries that are handled and were never in the inbox of the lane. If an entry of such an id waits there
    /// nothing of the batch is written; and whoever puts one there from now on finds what the batch writes, or is not
    /// answered before it is seen. A transaction of a caller's own, which may put it there and is still open, is not
    /// waited for: nothing is written then either.
    pub not_entered: Vec<String>,
    /// Entries for lanes of this store.
    pub inbox: Vec<(LaneId, Inboxed)>,
    /// Messages to publish, in order.
    pub outgoing: Vec<Outgoing>,
}
