//! The lane protocol: two processes that both may think that a lane is theirs, a database whose commits
//! may be answered by nothing, a broker that appends late, again or never, and a lane that listens.
//!
//! ```text
//!  words ─► lane `source`, of one process or the other ─► outbox ─► queue ─► air ─► log ─► lane `sink`
//! ```
//!
//! Here is everything that there is at one moment, and what happens on the way to the log.

#![cfg(test)]

use crate::engine::memory::Memory;
use crate::engine::model::stage::{Next, Ready};
use crate::engine::queue::Queue;
use crate::memory::State;
use crate::message::{Message, Outgoing};
use crate::store::{Advance, Writes};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// What is handled by the lane, in the order in which it came.
pub(super) type Word = u8;

/// How a model is broken, to show that its laws can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing is.
    Sound,
    /// The sink drops what is not above the highest number it has taken, and takes everything else.
    Watermark,
    /// The sink drops the ids that it has taken, and takes everything else as it comes.
    Ids,
    /// A new owner publishes its own batch before what the owner before has left.
    OwnFirst,
    /// What was handed to the broker is marked, acknowledged or not.
    MarkSent,
    /// The compare-and-set does not look at the epoch.
    NoEpoch,
    /// There is no compare-and-set.
    Unfenced,
    /// A commit that nobody answered is taken for done.
    Hope,
    /// Who asks after a commit, or takes the lane, does not wait for the row that it holds.
    NoLock,
}

/// How much may happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many words come.
    pub(super) words: Word,
    /// How often a lane is taken though somebody has it.
    pub(super) takes: u8,
    /// How many commits are answered by nothing.
    pub(super) cuts: u8,
    /// How often the broker does not acknowledge.
    pub(super) fails: u8,
    /// How many processes die.
    pub(super) deaths: u8,
}

/// One of two processes.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) standing: Standing,
    pub(super) queue: Queue,
    /// Whether the first batches of the queue are under way.
    pub(super) is_sending: bool,
}

/// How a process stands to the lane.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// It thinks that the lane is its own.
    Serving(Box<Next>),
    /// It does not know whether its batch was committed.
    Asking(Box<Ready>),
    /// It knows that the lane is not its own any more. What it was publishing it still publishes.
    Over,
}

/// A message on its way to the log.
pub(super) type Sent = (u64, Word);

/// What is under way to the broker in one piece: batches in their order, and of each what is still to be
/// appended, in whatever order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Attempt {
    /// Who waits for it to be acknowledged; `None` if nobody does any more.
    pub(super) by: Option<usize>,
    pub(super) left: Vec<Vec<Sent>>,
    /// How many batches of a queue it is, as long as somebody waits.
    pub(super) batches: usize,
}

/// Everything, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) store: Arc<State>,
    /// A transaction whose commit nobody has answered, and which holds the row of the lane.
    pub(super) open: Option<Arc<(Advance, Writes)>>,
    pub(super) processes: [Option<Process>; 2],
    pub(super) air: Vec<Attempt>,
    pub(super) log: Vec<Sent>,
    pub(super) sink: Next,
    pub(super) left: Bounds,
    /// The words that the source has handled in committed batches, and what it has said of them.
    pub(super) handled: Vec<Word>,
    pub(super) said: Vec<Sent>,
    /// The words that the sink has handled.
    pub(super) heard: Vec<Word>,
    /// Whether a batch was committed whose owner was not the last one.
    pub(super) is_overrun: bool,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A process takes the lane.
    Take(usize),
    /// A process handles so many words, and its commit is answered.
    Batch(usize, Word),
    /// The same, and its commit is answered by nothing.
    Cut(usize, Word),
    /// The database ends the transaction that it was left with: commits it, or takes it back.
    Settle(bool),
    /// A process asks after its commit.
    Ask(usize),
    /// A process writes down how much has reached the broker.
    Mark(usize),
    /// A process sends what waits in its queue.
    Send(usize),
    /// A message of an attempt is appended to the log, in whatever order. The sink reads it at once: what
    /// it does with a log does not depend on when it reads.
    Land(usize, usize),
    /// A process gives up waiting for an acknowledgement.
    Fail(usize),
    /// A process dies.
    Die(usize),
}

pub(super) fn word(message: &Message) -> Word {
    message.body[0]
}

impl Process {
    pub(super) const fn memory(&self) -> Option<&Memory> {
        match &self.standing {
            Standing::Serving(memory) => Some(&memory.0),
            Standing::Asking(_) | Standing::Over => None,
        }
    }
}

/// Nobody waits any more for what a process has sent.
pub(super) fn stray(scene: &mut Scene, who: usize) {
    for attempt in scene.air.iter_mut().filter(|attempt| attempt.by == Some(who)) {
        (attempt.by, attempt.batches) = (None, 0);
    }
}

pub(super) fn send(scene: &mut Scene, who: usize) {
    let process = scene.processes[who].as_mut().expect("it lives");
    let batches = process.queue.next();
    let sent = |out: &Outgoing| {
        let stamp = out.message.envelope.stamp.as_ref();
        (stamp.map_or(0, |stamp| stamp.seq), word(&out.message))
    };
    process.is_sending = true;
    let left = batches.iter().map(|(_, messages)| messages.iter().map(sent).collect()).collect();
    scene.air.push(Attempt { by: Some(who), left, batches: batches.len() });
}

/// What may be appended next, of the attempts that somebody waits for, or that nobody waits for.
pub(super) fn lands(scene: &Scene, by: Option<usize>, acts: &mut Vec<Act>) {
    for (at, attempt) in scene.air.iter().enumerate().filter(|(_, attempt)| attempt.by == by) {
        let first = attempt.left.first().map_or(0, Vec::len);
        acts.extend((0..first).map(|which| Act::Land(at, which)));
    }
}

/// A message is appended. If it was the last of its attempt, the attempt is acknowledged.
pub(super) fn land(scene: &mut Scene, at: usize, which: usize) {
    let attempt = &mut scene.air[at];
    scene.log.push(attempt.left[0].remove(which));
    attempt.left.retain(|batch| !batch.is_empty());
    if !attempt.left.is_empty() {
        return;
    }
    let Attempt { by, batches, .. } = scene.air.remove(at);
    if let Some(who) = by {
        let process = scene.processes[who].as_mut().expect("who waits lives");
        process.is_sending = false;
        process.queue.acknowledged(batches);
    }
}

impl Hash for Scene {
    /// What the future depends on, and what the laws look at.
    fn hash<H: Hasher>(&self, to: &mut H) {
        for lane in self.store.lanes.values() {
            (lane.epoch, lane.batch, lane.published).hash(to);
            lane.outbox.keys().for_each(|batch| batch.hash(to));
            lane.positions.values().for_each(|at| at.next.hash(to));
        }
        // Two scenes that differ in the names of the processes are the same.
        let mut processes = [0, 1].map(|who| self.trace(who));
        processes.sort_unstable();
        processes.hash(to);
        self.open.as_ref().map(|open| (open.0.epoch, open.0.batch)).hash(to);
        self.air
            .iter()
            .filter(|attempt| attempt.by.is_none())
            .for_each(|stray| stray.left.hash(to));
        (&self.log, &self.sink).hash(to);
        let Bounds { takes, cuts, fails, deaths, .. } = self.left;
        (takes, cuts, fails, deaths).hash(to);
        (&self.handled, &self.said, &self.heard, self.is_overrun).hash(to);
    }
}

impl Scene {
    /// What tells one process from another.
    fn trace(&self, who: usize) -> u64 {
        let Some(process) = &self.processes[who] else { return 0 };
        let mut to = DefaultHasher::new();
        match &process.standing {
            Standing::Serving(memory) => memory.hash(&mut to),
            Standing::Asking(ready) => (1, &ready.next).hash(&mut to),
            Standing::Over => 2.hash(&mut to),
        }
        process.queue.waiting.iter().for_each(|(batch, _)| batch.hash(&mut to));
        (process.queue.published(), process.queue.appended(), process.is_sending).hash(&mut to);
        self.air
            .iter()
            .filter(|attempt| attempt.by == Some(who))
            .for_each(|at| (&at.left, at.batches).hash(&mut to));
        to.finish()
    }
}

impl Hash for Next {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let Memory { epoch, batch, positions, sent, taken, parked, .. } = &self.0;
        (epoch, batch, sent, taken).hash(to);
        positions.values().for_each(|at| at.next.hash(to));
        for (number, parked) in parked {
            (number, parked.held, parked.edge.as_ref().map(|(_, seq)| *seq)).hash(to);
        }
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

impl PartialEq for Scene {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
