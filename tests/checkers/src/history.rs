//! What can be known from outside when all is quiet.

use ballet::Text;
use ballet::message::Message;
use ballet::saga::Shape;
use ballet::saga::journal::Journal;
use ballet::store::{DeadLetter, LaneId, Position, Status, Writes};
use shop::audit::Books;
use std::collections::{BTreeMap, BTreeSet};

/// A run as it is stored.
#[derive(Debug, Clone)]
pub struct Run {
    /// The saga.
    pub saga: String,
    /// Its id.
    pub run: String,
    /// How it stands.
    pub status: Status,
    /// Everything that is written down about it.
    pub journal: Journal,
}

/// A batch that was committed.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The lane.
    pub lane: LaneId,
    /// The epoch of whoever committed it.
    pub epoch: u64,
    /// The number of the batch before it.
    pub after: u64,
    /// Where each topic is read next.
    pub positions: BTreeMap<String, Position>,
    /// What was written.
    pub writes: Writes,
}

/// A lane as its next owner would find it.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// Where each topic is read next.
    pub positions: BTreeMap<String, Position>,
    /// What is set aside, in words.
    pub parked: Vec<String>,
    /// Calls that are under way.
    pub calls: usize,
    /// Messages that may not have reached the broker.
    pub unpublished: usize,
    /// Whether something waits in its inbox.
    pub inbox: bool,
    /// Which life of its store it is in.
    pub incarnation: u32,
    /// The last number that it has said to each partition of each topic.
    pub sent: BTreeMap<(Text, u32), u64>,
}

/// Rows by key, as text.
pub type Rows = BTreeMap<String, String>;

/// A view as it is stored, and as it comes of folding the log once more.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// The rows that are there.
    pub stored: Rows,
    /// The rows that a replay makes.
    pub replayed: Rows,
}

/// The books of a bank.
#[derive(Debug, Clone, Default)]
pub struct Bank {
    /// What all accounts held together at first.
    pub endowment: i64,
    /// What each account holds.
    pub accounts: BTreeMap<String, i64>,
    /// What each leg of each transfer moved, one movement after the other: `saga/run/leg`.
    pub ledger: BTreeMap<String, Vec<i64>>,
}

/// What a step did, told by whoever did it: `1` each time it was done, `-1` each time it was taken back.
pub type Tally = BTreeMap<String, Vec<i64>>;

/// What took effect in the world outside: the idempotency keys of each way. Under one key it happens once.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Done.
    pub forward: BTreeSet<String>,
    /// Taken back.
    pub back: BTreeSet<String>,
}

/// Everything that the checkers look at. What is not known is empty, and says nothing.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What each partition of each topic holds, in its order.
    pub partitions: BTreeMap<(String, u32), Vec<Message>>,
    /// How far each partition goes: the offset of its next message.
    pub ends: BTreeMap<(String, u32), u64>,
    /// What was given up.
    pub dead: Vec<DeadLetter>,
    /// The runs.
    pub runs: Vec<Run>,
    /// The plans that runs follow, by saga and version.
    pub shapes: BTreeMap<(String, u32), Shape>,
    /// The lanes.
    pub lanes: BTreeMap<LaneId, Lane>,
    /// Every commit, in order; empty if nobody wrote it down.
    pub commits: Vec<Commit>,
    /// What was done and taken back of each step: `saga/run/step`.
    pub tally: Tally,
    /// The steps of which every deed is in the tally, by saga and name.
    pub tallied: BTreeSet<(String, String)>,
    /// What took effect outside, for the same steps.
    pub outside: BTreeMap<String, Outside>,
    /// The numbers that were heard of each key, in the order in which they were heard. They were said in
    /// their order, from 1.
    pub heard: BTreeMap<String, Vec<u64>>,
    /// How many numbers were said of each key.
    pub said: BTreeMap<String, u64>,
    /// Keys of which a message was given up at some time, and perhaps replayed: their order is lost.
    pub given_up: BTreeSet<String>,
    /// Views.
    pub folds: BTreeMap<String, Fold>,
    /// The bank.
    pub bank: Option<Bank>,
    /// For each business transaction of a choreography the ends that it came to.
    pub ends_of: BTreeMap<String, Vec<String>>,
    /// The books of the shop.
    pub books: Option<Books>,
}

impl History {
    /// The plan that a run follows.
    #[must_use]
    pub fn shape(&self, run: &Run) -> Option<&Shape> {
        self.shapes.get(&(run.saga.clone(), run.journal.version))
    }

    /// All messages, each once, as it came first, with the partition it came on.
    pub fn once(&self) -> impl Iterator<Item = (&str, u32, &Message)> {
        let mut known = BTreeSet::new();
        let all = self.partitions.iter();
        let all = all.flat_map(|((topic, partition), messages)| {
            messages.iter().map(move |message| (topic.as_str(), *partition, message))
        });
        all.filter(move |(.., message)| known.insert(message.envelope.id))
    }
}
