//! A lane: one owner, one loop, one transaction after the other.
//!
//! Ownership is proved by the epoch in the lane's row. Assignment, leases and clocks only decide who is
//! fast: whoever loses the compare-and-set drops its memory and, as long as the lane is assigned to it,
//! takes it again with back-off (H10).

use crate::broker::Reader;
use crate::clock::{Stopwatch, Time, rest};
use crate::engine::calls::Calls;
use crate::engine::careful::Care;
use crate::engine::desk::Handed;
use crate::engine::follow::{Following, Follows};
use crate::engine::gather::{Crowd, Gathered, told_to_stop};
use crate::engine::group::Wiring;
use crate::engine::handed::Clerk;
use crate::engine::handler::Handler;
use crate::engine::hub::Bell;
use crate::engine::memory::Memory;
use crate::engine::owner::{Concluded, conclude};
use crate::engine::publish::Publisher;
use crate::engine::queue::Queue;
use crate::engine::run::{Draft, storm};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind};
use crate::mistake::Mistake;
use crate::store::{Advance, Batch, Begun, Commit, LaneId, Slot, Value, Writes};
use crate::tx::{Recall, Trust};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A lane and its owner.
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) wiring: Arc<Wiring>,
    pub(super) reader: Box<dyn Reader>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) hint: Arc<Bell>,
    pub(super) clerk: Clerk,
    /// What clients have handed over, and is in no batch yet.
    pub(super) handed: Vec<Handed>,
    /// How often it had been told of its inbox when it last looked there.
    pub(super) looked: u64,
    pub(super) calls: Calls,
    pub(super) publisher: Publisher,
    pub(super) following: Following,
    pub(super) memory: Memory,
    /// What it wrote and nobody else does.
    pub(super) recall: Recall,
    pub(super) trust: Trust,
    /// Runs since the lane's clock was last read.
    pub(super) since: Stopwatch,
    /// Calls that ended and are in no committed batch yet.
    pub(super) called: Vec<Work>,
    /// The last batch that is written down as having reached the broker.
    pub(super) marked: u64,
    /// Messages that wait for a plan are tried when a new owner comes.
    pub(super) refeed: bool,
    /// Handled and faulted, batch by batch, of the last 500 messages.
    pub(super) recent: VecDeque<(usize, usize)>,
    pub(super) storms: u32,
    /// Whether things are handled one at a time.
    pub(super) care: Care,
    /// How often it was taken since its last batch by this process, which has told why it had to be taken
    /// again, and has not died of it.
    pub(super) excused: u32,
    /// Edges that are halted, as last told.
    pub(super) broken: Vec<String>,
    /// What is done while too much is set aside.
    pub(super) crowd: Crowd,
    /// Whether the last batch has not read the log.
    pub(super) passed: bool,
    /// How often in a row it failed with no batch committed in between.
    pub(super) failures: u32,
    /// Runs since the lane was taken.
    pub(super) held: Stopwatch,
    /// How often in a row something seemed to be due, and the database's clock did not think so.
    pub(super) early: u32,
}

/// After how long without trouble the next trouble is a new one.
const GOOD: Duration = Duration::from_secs(10);

/// How long a lane that is to end waits for what is under way.
const DRAIN: Duration = Duration::from_secs(5);

impl Lane {
    pub(super) fn new(
        id: LaneId,
        handler: Arc<dyn Handler>,
        wiring: Arc<Wiring>,
        reader: Box<dyn Reader>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let calls = Calls::new(Arc::clone(&handler), Arc::clone(&wiring.settings));
        let publisher =
            Publisher::start(Arc::clone(&wiring.broker), Queue::default(), wiring.settings.again);
        let hint = wiring.hub.lane(&id);
        Self {
            clerk: Clerk::new(Arc::clone(&hint)),
            handed: Vec::new(),
            hint,
            looked: 0,
            id,
            handler,
            reader,
            stopped,
            calls,
            publisher,
            following: Following::default(),
            memory: Memory::default(),
            recall: Recall::default(),
            trust: Trust::default(),
            since: Stopwatch::start(),
            called: Vec::new(),
            marked: 0,
            refeed: false,
            recent: VecDeque::new(),
            storms: 0,
            care: Care::default(),
            excused: 0,
            broken: Vec::new(),
            crowd: Crowd::default(),
            passed: false,
            failures: 0,
            held: Stopwatch::start(),
            early: 0,
            wiring,
        }
    }

    /// Works until it is stopped.
    pub(super) async fn run(mut self) {
        while !*self.stopped.borrow() {
            if self.failures > 0 {
                rest(self.wiring.settings.again.delay(self.failures)).await;
            }
            if let Err(told) = self.take_guarded().await {
                self.complain(&told, "the lane could not be taken");
                self.failures += 1;
                continue;
            }
            self.held = Stopwatch::start();
            self.report();
            while !*self.stopped.borrow() {
                match self.turn_guarded().await {
                    Ok(()) => {}
                    Err(told) if goes_on(&told) => {}
                    Err(told) if gives_up(&told) => return,
                    Err(told) => {
                        self.fail(&told).await;
                        break;
                    }
                }
                self.report_what_is_known();
            }
        }
        self.leave_desk();
        self.acquit().await;
        self.drain().await;
        self.wiring.hub.release(&self.id);
    }

    /// A turn has failed. The first time in a while is the first time: back-off grows only as long as nothing
    /// is committed.
    async fn fail(&mut self, told: &Error) {
        self.complain(told, "the lane is taken again");
        self.leave_desk();
        if self.held.elapsed() >= GOOD {
            self.failures = 0;
        }
        self.settle_before_it_goes().await;
        self.failures += 1;
    }

    /// Becomes the owner. What the one before left unpublished goes out first (H2), and the calls that
    /// were under way are made again.
    ///
    /// The broker is asked first: as long as it is away nothing is taken, so nothing looks like a death.
    pub(super) async fn take(&mut self) -> Result<(), Error> {
        self.settle_before_it_goes().await;
        let mut ranges = Vec::new();
        for source in self.handler.sources() {
            let range = self.wiring.broker.range(&source.topic, self.id.lane).await?;
            ranges.push((source, range));
        }
        let mut taken = self.wiring.store.take(&self.id).await?;
        if Mistake::NoLeftovers.is_made() {
            taken.unpublished.clear();
        }
        let queue = Queue::of(taken.batch, std::mem::take(&mut taken.unpublished));
        self.marked = queue.published();
        let settings = Arc::clone(&self.wiring.settings);
        self.publisher = Publisher::start(Arc::clone(&self.wiring.broker), queue, settings.again);
        self.beware(taken.takes);
        self.memory = Memory::of(taken);
        if !Mistake::RecallOfAnotherOwner.is_made() {
            self.recall = self.trust.taken();
        }
        self.memory.check()?;
        for (source, range) in ranges {
            self.memory.begin_topic(&source, range);
        }
        self.reader.seek(&self.memory.offsets());
        self.calls = Calls::new(Arc::clone(&self.handler), settings);
        self.called.clear();
        for calling in self.memory.calling.values().filter(|_| !Mistake::CallForgotten.is_made()) {
            self.calls.start(calling.clone());
        }
        self.refeed = true;
        self.since = Stopwatch::start();
        self.hint.ring();
        Ok(())
    }

    /// Something that the lane handles may be what ends its process.
    fn beware(&mut self, takes: u32) {
        let is_loop = takes.saturating_sub(self.excused) > self.wiring.settings.crashes;
        // Whoever dies cannot say so.
        self.excused += 1;
        self.care.take(is_loop, self.wiring.settings.batch);
    }

    /// Gathers and works once.
    pub(super) async fn turn(&mut self) -> Result<(), Error> {
        if let Some(suspicion) = self.suspicion() {
            self.shut_desk();
            return self.suspect(suspicion).await;
        }
        match self.care.is_needed() {
            true => self.shut_desk(),
            false => self.open_desk(),
        }
        let Some(gathered) = self.gather().await? else { return Ok(()) };
        self.batch(gathered).await
    }

    /// The compare-and-set of the next batch.
    pub(super) fn advance(&self, gathered: &Gathered) -> Advance {
        self.memory.advance(&self.id, &gathered.arrived, self.publisher.published())
    }

    pub(super) async fn begin(&self, advance: &Advance) -> Result<Box<dyn Batch>, Error> {
        match self.wiring.store.begin(advance).await? {
            Begun::Open(batch) => Ok(batch),
            Begun::Lost { epoch, .. } => Err(self.superseded(epoch)),
        }
    }

    /// One batch. If it fails before it is committed nothing has happened, and the owner starts over.
    async fn batch(&mut self, gathered: Gathered) -> Result<(), Error> {
        let advance = self.advance(&gathered);
        let (id, handler, wiring) =
            (self.id.clone(), Arc::clone(&self.handler), Arc::clone(&self.wiring));
        let mut batch = self.begin(&advance).await?;
        let next = Memory { positions: advance.positions.clone(), ..self.memory.clone() };
        let recall = std::mem::take(&mut self.recall);
        let mut draft = Draft::new(&id, &*handler, &wiring, next, batch.now(), recall);
        self.fill(&mut draft, &mut *batch, gathered).await?;
        if draft.is_empty() && advance.positions == self.memory.positions {
            batch.roll_back().await;
            self.recall = draft.tx.came_to_nothing();
            self.nothing(draft.now, draft.memory.due);
            let unmarked = self.publisher.published() > self.marked;
            return if unmarked { self.mark().await } else { Ok(()) };
        }
        if self.care.is_needed() {
            tracing::error!(lane = %self.id, "taken again and again: one thing at a time now");
            draft.suspect_all();
        } else {
            draft.run(&mut *batch).await?;
        }
        if let Err(told) = self.weather(&draft) {
            batch.roll_back().await;
            return Err(told);
        }
        self.called.clear();
        if advance.positions != self.memory.positions {
            let (before, now) = (self.memory.parked.len(), draft.memory.parked.len());
            self.crowd.read(&wiring.settings, before, now);
        }
        self.finish(batch, &advance, draft).await?;
        self.refeed = false;
        self.early = 0;
        Ok(())
    }

    /// Writes and commits what a batch has come to, and lets it be known.
    pub(super) async fn finish(
        &mut self,
        mut batch: Box<dyn Batch>,
        advance: &Advance,
        mut draft: Draft<'_>,
    ) -> Result<(), Error> {
        let writes = draft.finish();
        let slots: Vec<(Slot, Option<Value>)> =
            writes.slots.iter().map(|(slot, value)| (slot.clone(), value.clone())).collect();
        // Where outbox and log are one, there is nothing to publish.
        let is_fused = self.wiring.store.is_fused();
        let mut outgoing = if is_fused { Vec::new() } else { writes.outgoing.clone() };
        if Mistake::PublishOutOfOrder.is_made() {
            outgoing.reverse();
        }
        if Mistake::PublishBeforeCommit.is_made() {
            self.publisher.append(advance.batch + 1, outgoing.clone());
        }
        if Mistake::AnsweredTooSoon.is_made() {
            draft.handed.drain(..).for_each(Handed::answer);
        }
        let entered = entered(&writes);
        batch.flush(writes).await?;
        let commit = self.commit(batch, advance).await?;
        self.clerk.tries(false);
        let Draft { memory, calls, tx, handed, .. } = draft;
        self.memory = memory;
        self.recall = tx.committed();
        self.since = Stopwatch::start();
        let (batch, published) = (self.memory.batch, advance.published);
        let health = matches!(commit, Commit::Pre(_)).then(|| self.health());
        let follows = Follows { batch, published, outgoing, calls, slots, handed, health };
        self.following.push(commit, follows);
        self.settle_what_is_known()?;
        for lane in entered {
            self.wiring.hub.entered(&lane);
        }
        Ok(())
    }

    /// There was nothing to do after all: the lane only learns what time it is.
    fn nothing(&mut self, now: Time, due: Option<Time>) {
        self.early = if self.is_due() { self.early + 1 } else { 0 };
        self.memory.time = now;
        self.memory.due = due;
        self.since = Stopwatch::start();
        self.refeed = false;
        // Lanes are also taken again and again because processes come and go.
        if self.memory.has_nothing() {
            self.care.is_over();
        }
    }

    /// Commits, or precommits. If nobody knows whether that happened, the compare-and-set itself is asked (H17).
    async fn commit(&mut self, batch: Box<dyn Batch>, advance: &Advance) -> Result<Commit, Error> {
        let told = match batch.precommit().await {
            Err(told) if told.kind() == ErrorKind::Unknown => told,
            known => return known,
        };
        tracing::warn!(lane = %self.id, %told, "the store is asked after a batch");
        let mut stopped = self.stopped.clone();
        let patience = async {
            told_to_stop(&mut stopped).await;
            rest(DRAIN).await;
        };
        tokio::select! {
            biased;
            is_committed = self.is_committed(advance) => match is_committed? {
                true => Ok(Commit::Done),
                false => Err(told),
            },
            // The next owner finds what is so in the lane's row.
            () = patience => Err(told),
        }
    }

    /// Whether a batch was committed, as soon as the store tells.
    async fn is_committed(&self, advance: &Advance) -> Result<bool, Error> {
        for attempt in 1.. {
            let met = match self.wiring.store.begin(advance).await {
                Ok(Begun::Open(again)) => {
                    again.roll_back().await;
                    Ok(())
                }
                Ok(Begun::Lost { epoch, batch }) => Err((epoch, batch)),
                Err(told) => {
                    self.complain(&told, "the store does not tell");
                    rest(self.wiring.settings.again.delay(attempt)).await;
                    continue;
                }
            };
            return match conclude(advance, met) {
                Concluded::Committed => Ok(true),
                Concluded::Lost => Ok(Mistake::UnknownIsDone.is_made()),
                Concluded::Superseded(epoch) => Err(self.superseded(epoch)),
            };
        }
        unreachable!("attempts are not bounded")
    }

    fn superseded(&self, epoch: u64) -> Error {
        let text = format!("lane {} belongs to another owner, of epoch {epoch}", self.id);
        Error::new(ErrorKind::Superseded, text)
    }

    /// When ten keys and a tenth of the last 500 messages fault, it is not their fault: the lane stops.
    /// After three stops with store and broker healthy they are set aside after all (H13).
    fn weather(&mut self, draft: &Draft<'_>) -> Result<(), Error> {
        self.recent.push_back((draft.handled, draft.faulted.len()));
        while self.recent.iter().skip(1).map(|(handled, _)| handled).sum::<usize>() >= 500 {
            self.recent.pop_front();
        }
        let handled: usize = self.recent.iter().map(|(handled, _)| handled).sum();
        let faulted: usize = self.recent.iter().map(|(_, faulted)| faulted).sum();
        if faulted < self.wiring.settings.storm || faulted * 10 < handled {
            self.storms = 0;
            return Ok(());
        }
        self.storms += 1;
        if self.storms <= 3 && !Mistake::NoStorm.is_made() {
            Err(storm(&self.id, faulted))
        } else {
            Ok(())
        }
    }

    /// Lets what was written down reach the broker, for a bounded time.
    async fn drain(&mut self) {
        let deadline = Stopwatch::start();
        tokio::select! {
            biased;
            () = self.settle_before_it_goes() => {}
            () = rest(DRAIN) => {}
        }
        while self.publisher.is_busy() && deadline.elapsed() < DRAIN {
            tokio::select! {
                biased;
                () = self.publisher.progress() => {}
                () = rest(Duration::from_millis(100)) => {}
            }
        }
        if self.publisher.published() > self.marked
            && let Err(told) = self.mark().await
        {
            tracing::warn!(lane = %self.id, %told, "what was published is not marked");
        }
    }
}

/// Whether the owner goes on after a batch of which nobody knew whether it was committed.
fn goes_on(told: &Error) -> bool {
    Mistake::UnknownIsFailed.is_made() && told.kind() == ErrorKind::Unknown
}

/// Whether the owner leaves a lane that it has lost to whoever comes.
fn gives_up(told: &Error) -> bool {
    Mistake::GiveUpWhenLost.is_made() && told.kind() == ErrorKind::Superseded
}

/// The lanes whose inbox a batch writes to.
fn entered(writes: &Writes) -> BTreeSet<LaneId> {
    writes.inbox.iter().map(|(lane, _)| lane.clone()).collect()
}
