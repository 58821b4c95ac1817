//! A lane: one owner, one loop, one transaction after the other.
//!
//! Ownership is proved by the epoch in the lane's row. Assignment, leases and clocks only decide who is
//! fast: whoever loses the compare-and-set drops its memory and, as long as the lane is assigned to it,
//! takes it again with back-off (H10).

use crate::broker::{Arrived, Reader};
use crate::clock::{Stopwatch, Time, rest};
use crate::engine::calls::Calls;
use crate::engine::group::Wiring;
use crate::engine::handler::Handler;
use crate::engine::health::Health;
use crate::engine::memory::Memory;
use crate::engine::publish::Publisher;
use crate::engine::run::{Draft, replays, storm};
use crate::engine::sort::{Item, Origin, Sorter, foreign_id};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind};
use crate::store::{Advance, Batch, Begun, Held, LaneId, Slot, Writes};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A lane and its owner.
pub(super) struct Lane {
    id: LaneId,
    handler: Arc<dyn Handler>,
    wiring: Arc<Wiring>,
    reader: Box<dyn Reader>,
    stopped: watch::Receiver<bool>,
    hint: Arc<Notify>,
    calls: Calls,
    publisher: Publisher,
    memory: Memory,
    /// Runs since the lane's clock was last read.
    since: Stopwatch,
    /// Calls that ended and are in no committed batch yet.
    called: Vec<Work>,
    /// The last batch that is written down as having reached the broker.
    marked: u64,
    /// Messages that wait for a plan are tried when a new owner comes.
    refeed: bool,
    /// Handled and faulted, batch by batch, of the last 500 messages.
    recent: VecDeque<(usize, usize)>,
    storms: u32,
    /// Edges that are halted, as last told.
    broken: Vec<String>,
}

/// What one batch will work on.
#[derive(Default)]
struct Gathered {
    arrived: Vec<Arrived>,
    inbox: bool,
}

impl Lane {
    pub(super) fn new(
        id: LaneId,
        handler: Arc<dyn Handler>,
        wiring: Arc<Wiring>,
        reader: Box<dyn Reader>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let calls = Calls::new(Arc::clone(&handler), Arc::clone(&wiring.settings));
        let publisher = Publisher::start(Arc::clone(&wiring.broker), 0, wiring.settings.again);
        Self {
            hint: wiring.hub.lane(&id),
            id,
            handler,
            reader,
            stopped,
            calls,
            publisher,
            memory: Memory::default(),
            since: Stopwatch::start(),
            called: Vec::new(),
            marked: 0,
            refeed: false,
            recent: VecDeque::new(),
            storms: 0,
            broken: Vec::new(),
            wiring,
        }
    }

    /// Works until it is stopped.
    pub(super) async fn run(mut self) {
        let mut attempt = 0;
        while !*self.stopped.borrow() {
            if attempt > 0 {
                rest(self.wiring.settings.again.delay(attempt)).await;
            }
            attempt += 1;
            if let Err(told) = self.take().await {
                self.complain(&told, "the lane could not be taken");
                continue;
            }
            self.report();
            while !*self.stopped.borrow() {
                match self.turn().await {
                    Ok(()) => attempt = 1,
                    Err(told) => {
                        self.complain(&told, "the lane is taken again");
                        break;
                    }
                }
                self.report();
            }
        }
        self.drain().await;
        self.wiring.hub.report(&self.id, Health::default());
    }

    /// Says how the lane is. An edge on which a message is missing for too long is a loss, and loud.
    fn report(&mut self) {
        let health = Health::of(&self.memory, &self.wiring.settings);
        if health.broken != self.broken {
            for edge in &health.broken {
                tracing::error!(lane = %self.id, edge, "a message is missing; the edge is halted");
            }
            self.broken.clone_from(&health.broken);
        }
        self.wiring.hub.report(&self.id, health);
    }

    fn complain(&self, told: &Error, what: &str) {
        tracing::warn!(lane = %self.id, %told, "{what}");
        let told = Some(told.to_string());
        self.wiring.hub.report(&self.id, Health { told, ..Health::default() });
    }

    /// Becomes the owner. What the one before left unpublished goes out first (H2), and the calls that
    /// were under way are made again.
    async fn take(&mut self) -> Result<(), Error> {
        let mut taken = self.wiring.store.take(&self.id).await?;
        let unpublished = std::mem::take(&mut taken.unpublished);
        let before = unpublished.first().map_or(taken.batch, |(batch, _)| batch - 1);
        let settings = Arc::clone(&self.wiring.settings);
        self.publisher = Publisher::start(Arc::clone(&self.wiring.broker), before, settings.again);
        for (batch, messages) in unpublished {
            self.publisher.append(batch, messages);
        }
        self.marked = before;
        self.memory = Memory::of(taken);
        for source in self.handler.sources() {
            let range = self.wiring.broker.range(&source.topic, self.id.lane).await?;
            self.memory.begin_topic(&source.topic, range, source.from_the_beginning);
        }
        self.reader.seek(&self.memory.offsets());
        self.calls = Calls::new(Arc::clone(&self.handler), settings);
        self.called.clear();
        for calling in self.memory.calling.values() {
            self.calls.start(calling.clone());
        }
        self.refeed = true;
        self.since = Stopwatch::start();
        self.hint.notify_one();
        Ok(())
    }

    /// Gathers and works once.
    async fn turn(&mut self) -> Result<(), Error> {
        let Some(gathered) = self.gather().await? else { return Ok(()) };
        self.batch(gathered).await
    }

    /// What the lane's clock says by now, as far as can be told without asking the database.
    fn now(&self) -> Time {
        self.memory.time.after(self.since.elapsed())
    }

    /// How long until something is due.
    fn until_due(&self) -> Duration {
        let timer = self.memory.due.filter(|_| self.memory.is_caught_up());
        let due = timer.into_iter().chain(self.memory.parked_due()).min();
        due.map_or(self.wiring.settings.poll, |due| due.since(self.now()))
    }

    /// Waits until there is something to do, without lingering: what comes meanwhile is the next batch.
    async fn gather(&mut self) -> Result<Option<Gathered>, Error> {
        let mut gathered = Gathered::default();
        let settings = Arc::clone(&self.wiring.settings);
        let room = self.memory.parked.len() < settings.parked;
        if !room {
            tracing::error!(lane = %self.id, "too many messages are set aside; the lane takes no more");
        }
        let due = self.until_due();
        let unmarked = self.publisher.published() > self.marked;
        tokio::select! {
            biased;
            () = told_to_stop(&mut self.stopped) => return Ok(None),
            work = self.calls.next() => self.called.push(work),
            () = self.hint.notified() => gathered.inbox = true,
            arrived = self.reader.next(settings.batch), if room => gathered.arrived = arrived?,
            () = rest(due.min(settings.poll)) => gathered.inbox = due >= settings.poll,
            () = rest(settings.mark), if unmarked => return self.mark().await.map(|()| None),
            () = self.publisher.progress() => return Ok(None),
        }
        self.called.extend(std::iter::from_fn(|| self.calls.try_next()));
        Ok(Some(gathered))
    }

    /// Writes down how much has reached the broker, when no batch does it.
    async fn mark(&mut self) -> Result<(), Error> {
        let published = self.publisher.published();
        self.wiring.store.published(&self.id, self.memory.epoch, published).await?;
        self.marked = published;
        Ok(())
    }

    /// One batch. If it fails before it is committed nothing has happened, and the owner starts over.
    async fn batch(&mut self, gathered: Gathered) -> Result<(), Error> {
        let mut next = self.memory.clone();
        for arrived in &gathered.arrived {
            next.positions.entry(arrived.topic.clone()).or_default().next = arrived.offset + 1;
        }
        let advance = Advance {
            lane: self.id.clone(),
            epoch: next.epoch,
            batch: next.batch,
            positions: next.positions.clone(),
            published: self.publisher.published(),
        };
        let wiring = Arc::clone(&self.wiring);
        let mut batch = match wiring.store.begin(&advance).await? {
            Begun::Open(batch) => batch,
            Begun::Lost { epoch, .. } => return Err(self.superseded(epoch)),
        };
        let (id, handler) = (self.id.clone(), Arc::clone(&self.handler));
        let mut draft = Draft::new(&id, &*handler, &wiring, next, batch.now());
        self.fill(&mut draft, &mut *batch, gathered).await?;
        if draft.is_empty() && advance.positions == self.memory.positions {
            batch.roll_back().await;
            self.nothing(draft.now, draft.memory.due);
            return Ok(());
        }
        draft.run(&mut *batch).await?;
        if let Err(told) = self.weather(&draft) {
            batch.roll_back().await;
            return Err(told);
        }
        let writes = draft.finish();
        let slots: Vec<Slot> = writes.slots.keys().cloned().collect();
        let (outgoing, entered) = (writes.outgoing.clone(), entered(&writes));
        batch.flush(writes).await?;
        self.commit(batch, &advance).await?;
        self.marked = advance.published;
        self.called.clear();
        self.refeed = false;
        let Draft { memory, calls, .. } = draft;
        self.memory = memory;
        self.since = Stopwatch::start();
        if !outgoing.is_empty() && !self.wiring.store.is_fused() {
            self.publisher.append(self.memory.batch, outgoing);
        }
        for calling in calls {
            self.calls.start(calling);
        }
        self.wiring.hub.written(slots.iter());
        for lane in entered {
            self.wiring.hub.entered(&lane);
        }
        Ok(())
    }

    /// There was nothing to do after all: the lane only learns what time it is.
    fn nothing(&mut self, now: Time, due: Option<Time>) {
        self.memory.time = now;
        self.memory.due = due;
        self.since = Stopwatch::start();
        self.refeed = false;
    }

    /// Commits. If nobody knows whether that happened, the compare-and-set itself is asked (H17).
    async fn commit(&mut self, batch: Box<dyn Batch>, advance: &Advance) -> Result<(), Error> {
        let told = match batch.commit().await {
            Err(told) if told.kind() == ErrorKind::Unknown => told,
            known => return known,
        };
        tracing::warn!(lane = %self.id, %told, "nobody knows whether the batch was committed");
        for attempt in 1.. {
            match self.wiring.store.begin(advance).await {
                Ok(Begun::Open(again)) => {
                    again.roll_back().await;
                    return Err(told);
                }
                Ok(Begun::Lost { epoch, batch }) => {
                    let ours = epoch == advance.epoch && batch == advance.batch + 1;
                    return if ours { Ok(()) } else { Err(self.superseded(epoch)) };
                }
                Err(told) => tracing::warn!(lane = %self.id, %told, "the store does not tell"),
            }
            rest(self.wiring.settings.again.delay(attempt)).await;
        }
        unreachable!("attempts are not bounded")
    }

    fn superseded(&self, epoch: u64) -> Error {
        let text = format!("lane {} belongs to another owner, of epoch {epoch}", self.id);
        Error::new(ErrorKind::Superseded, text)
    }

    /// Fills the queue: calls that ended, what comes back, the inbox, the log, and then timers.
    async fn fill(
        &mut self,
        draft: &mut Draft<'_>,
        batch: &mut dyn Batch,
        gathered: Gathered,
    ) -> Result<(), Error> {
        let Gathered { arrived, inbox } = gathered;
        let settings = Arc::clone(&self.wiring.settings);
        let limit = u32::try_from(settings.batch).unwrap_or(u32::MAX);
        let mut queue: VecDeque<Item> =
            self.called.iter().map(|work| Item::new(work.clone(), Origin::Call)).collect();
        let now = draft.now;
        for parked in draft.memory.parked.values() {
            let due = parked.due.is_some_and(|due| due <= now);
            if due || (self.refeed && parked.held == Held::Unknown) {
                queue.push_back(Item::new(
                    Work::decode(&parked.body)?,
                    Origin::Parked(parked.number),
                ));
            }
        }
        if inbox {
            self.take_inbox(&mut queue, &mut draft.writes, batch, limit).await?;
        }
        let behind = self.is_behind(&arrived, now);
        let foreign: BTreeSet<String> = arrived.iter().filter_map(foreign_id).collect();
        let seen = if foreign.is_empty() { BTreeSet::new() } else { batch.seen(&foreign).await? };
        let compacted = self.compacted();
        let (memory, writes) = (&mut draft.memory, &mut draft.writes);
        let mut sorter = Sorter { memory, writes, now, seen: &seen, compacted: &compacted, queue };
        for arrived in arrived {
            sorter.arrived(arrived);
        }
        draft.queue = sorter.queue;
        let due = draft.memory.due.is_some_and(|due| due <= now);
        if due && !behind && draft.memory.is_caught_up() {
            let (timers, next) = batch.due(limit).await?;
            draft.memory.due = if timers.len() == settings.batch { Some(now) } else { next };
            let timers =
                timers.into_iter().map(|timer| Work::Timer { id: timer.id, key: timer.key });
            draft.queue.extend(timers.map(|work| Item::new(work, Origin::Timer)));
        }
        Ok(())
    }

    async fn take_inbox(
        &self,
        queue: &mut VecDeque<Item>,
        writes: &mut Writes,
        batch: &mut dyn Batch,
        limit: u32,
    ) -> Result<(), Error> {
        let rows = batch.inbox(limit).await?;
        if rows.len() == limit as usize {
            self.hint.notify_one();
        }
        let replayed: BTreeSet<_> =
            rows.iter().filter_map(|row| replays(&row.entry.body)).collect();
        if !replayed.is_empty() {
            for letter in batch.dead(&replayed).await? {
                let work = Work::decode(&letter.body)?;
                queue.push_back(Item::new(work, Origin::Dead(letter.id)));
            }
        }
        for row in rows {
            if replays(&row.entry.body).is_some() {
                writes.inbox_taken.push(row.number);
                continue;
            }
            let work = Work::Inbox { key: row.entry.key, body: row.entry.body };
            queue.push_back(Item::new(work, Origin::Inbox(row.number)));
        }
        Ok(())
    }

    fn compacted(&self) -> BTreeSet<String> {
        let sources = self.handler.sources().into_iter();
        sources.filter(|source| source.compacted).map(|source| source.topic).collect()
    }

    /// Whether the lane is so far behind that time must not pass for it (H16).
    fn is_behind(&self, arrived: &[Arrived], now: Time) -> bool {
        let full = arrived.len() >= self.wiring.settings.batch;
        let last = arrived.last().and_then(|arrived| arrived.message.as_ref().ok());
        let lag = last.map(|message| now.since(message.envelope.occurred_at));
        let behind = full && lag.is_some_and(|lag| lag > self.wiring.settings.lag);
        if behind {
            tracing::error!(lane = %self.id, ?lag, "the lane is behind; deadlines do not fire");
        }
        behind
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
        if self.storms <= 3 { Err(storm(&self.id, faulted)) } else { Ok(()) }
    }

    /// Lets what was written down reach the broker, for a bounded time.
    async fn drain(&mut self) {
        let deadline = Stopwatch::start();
        while self.publisher.is_busy() && deadline.elapsed() < Duration::from_secs(5) {
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

/// Waits until the lane is to stop.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("whoever could stop the lane is gone");
    }
}

/// The lanes whose inbox a batch writes to.
fn entered(writes: &Writes) -> BTreeSet<LaneId> {
    writes.inbox.iter().map(|(lane, _)| lane.clone()).collect()
}
