//! One batch: everything between the compare-and-set and the commit.

use crate::clock::Time;
use crate::engine::desk::Handed;
use crate::engine::discover::{self, Polled, ROUNDS};
use crate::engine::group::Wiring;
use crate::engine::handler::{Handler, Trouble};
use crate::engine::memory::Memory;
use crate::engine::park::Parking;
use crate::engine::sort::{Item, Origin};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind, Fault};
use crate::message::{Envelope, Message, Outgoing, Stamp};
use crate::mistake::Mistake;
use crate::store::{Batch, Calling, Held, LaneId, Parked, Timer, Writes};
use crate::tx::{Cause, Effects, Entry, Numbers, Place, Recall, Send, Tx};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// After how many handlers others of the runtime have their turn.
const BREATH: usize = 16;

/// A batch in the making: what the lane will remember, and what is to be written.
pub(super) struct Draft<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) handler: &'a dyn Handler,
    pub(super) wiring: &'a Wiring,
    pub(super) memory: Memory,
    pub(super) writes: Writes,
    pub(super) tx: Tx,
    pub(super) now: Time,
    pub(super) queue: VecDeque<Item>,
    /// What was handed over.
    pub(super) handed: Vec<Handed>,
    /// Calls that begin when the batch is committed.
    pub(super) calls: Vec<Calling>,
    /// The keys whose messages faulted in this batch.
    pub(super) faulted: BTreeSet<crate::message::Key>,
    /// How many things were handled.
    pub(super) handled: usize,
    /// Whether one thing is tried, and what it lets go is set aside to be tried alone too.
    pub(super) alone: bool,
    /// What was tried already in this batch, of what was set aside.
    tried: BTreeSet<u64>,
    /// How often all handlers were asked what they read.
    rounds: usize,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        lane: &'a LaneId,
        handler: &'a dyn Handler,
        wiring: &'a Wiring,
        memory: Memory,
        now: Time,
        recall: Recall,
    ) -> Self {
        let stamp = Stamp {
            source: lane.group.clone(),
            incarnation: wiring.incarnation,
            lane: lane.lane,
            seq: 0,
        };
        let (partitions, sent) = (Arc::clone(&wiring.partitions), memory.sent.clone());
        let numbers = Numbers::new(stamp, wiring.lanes, partitions, sent);
        Self {
            lane,
            handler,
            wiring,
            memory,
            writes: Writes::default(),
            tx: Tx::new(handler.group(), now).numbered(numbers).recalling(recall),
            now,
            queue: VecDeque::new(),
            handed: Vec::new(),
            calls: Vec::new(),
            faulted: BTreeSet::new(),
            handled: 0,
            alone: false,
            tried: BTreeSet::new(),
            rounds: 0,
        }
    }

    /// Whether there is nothing to do, and nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.writes.parked.is_empty() && self.writes.inbox_taken.is_empty()
    }

    pub(super) fn parking(&mut self) -> Parking<'_> {
        let (memory, writes) = (&mut self.memory, &mut self.writes);
        Parking { lane: self.lane, memory, writes, settings: &self.wiring.settings, now: self.now }
    }

    /// Handles everything that is in the queue, and what that lets go.
    pub(super) async fn run(&mut self, batch: &mut dyn Batch) -> Result<(), Error> {
        while let Some(item) = self.queue.pop_front() {
            if let Origin::Parked(number) = item.origin
                && (!self.memory.parked.contains_key(&number) || self.tried.contains(&number))
            {
                continue;
            }
            if self.must_wait(&item) {
                if item.is_handed() {
                    continue;
                }
                self.parking().behind(&item);
                self.took_off(&item);
                continue;
            }
            if let Origin::Parked(number) = item.origin {
                self.tried.insert(number);
            }
            self.handle(batch, item).await?;
            if self.handled.is_multiple_of(BREATH) {
                // Handlers never wait, so whoever shares the thread waits for all of them.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Asks all that are still to run what they read.
    fn ask_all(&mut self) {
        self.rounds += 1;
        for item in &self.queue {
            let cause = cause(&self.memory, item, self.now);
            discover::ask(&mut self.tx, self.handler, &item.work, cause);
        }
    }

    /// Runs a handler to its end; whatever it had not said it reads is fetched now, and what others will
    /// miss like it.
    async fn attempt(
        &mut self,
        batch: &mut dyn Batch,
        work: &Work,
        cause: &Cause,
    ) -> Result<Result<(), Trouble>, Error> {
        loop {
            let ran = discover::run(&mut self.tx, self.lane, self.handler, work, cause);
            if let Polled::Ready(outcome) = ran {
                return Ok(outcome);
            }
            if self.rounds < ROUNDS {
                self.ask_all();
            }
            if !discover::fetch(batch, &mut self.tx).await? {
                let told = "it waits for something that the store does not give";
                return Ok(Err(Trouble::Fault(Fault::new(told))));
            }
        }
    }

    /// Whether others of its key must be handled first. A compensation passes the forward that is set
    /// aside (H14), but not a call that is under way.
    fn must_wait(&self, item: &Item) -> bool {
        let key = item.work.key();
        match &item.origin {
            Origin::Call | Origin::Dead(_) => false,
            _ if matches!(item.work, Work::Called { .. }) => false,
            Origin::Parked(number) => {
                let parked = self.memory.parked.get(number);
                let free = parked.is_some_and(|parked| parked.held == Held::NotYet);
                let first = self.memory.holders(&key).next().is_none_or(|at| at.number == *number);
                self.memory.is_calling(&key) || !(free || first)
            }
            _ if !self.memory.is_held(&key) || Mistake::ParkWithoutItsKey.is_made() => false,
            _ if Mistake::CompensationPassesACall.is_made() => !self.passes(&item.work),
            _ => self.memory.is_calling(&key) || !self.passes(&item.work),
        }
    }

    /// Whether it takes back what is set aside before it, so that waiting for it would be for ever.
    fn passes(&self, work: &Work) -> bool {
        if Mistake::CompensationBehindItsForward.is_made() {
            return false;
        }
        let Some((pair, true)) = self.handler.pair(work) else { return false };
        let key = work.key();
        let before = self
            .memory
            .holders(&key)
            .filter_map(|parked| self.handler.pair(&Work::decode(&parked.body).ok()?));
        let ways: Vec<bool> = before.filter(|(of, _)| *of == pair).map(|(_, back)| back).collect();
        !ways.is_empty() && ways.iter().all(|back| !back)
    }

    async fn handle(&mut self, batch: &mut dyn Batch, item: Item) -> Result<(), Error> {
        self.handled += 1;
        let outcome = match &item.work {
            Work::Poison { reason, .. } => Err(Trouble::Dead(reason.clone())),
            work => {
                let cause = cause(&self.memory, &item, self.now);
                self.attempt(batch, work, &cause).await?
            }
        };
        let outcome = outcome.and_then(|()| Ok(self.tx.fits(self.wiring.broker.largest())?));
        match outcome {
            Ok(()) => {
                self.tell_what_is_there(&item);
                let cause = self.tx.cause.clone();
                let effects = self.tx.keep();
                self.took(&item);
                self.effect(&cause, effects);
                self.let_go(&item);
            }
            Err(trouble) => {
                if Mistake::FaultKeepsWrites.is_made() {
                    self.tx.reads().keep();
                }
                self.tx.discard();
                self.trouble(&item, trouble);
            }
        }
        Ok(())
    }

    fn trouble(&mut self, item: &Item, trouble: Trouble) {
        if item.is_handed() {
            return;
        }
        if matches!(&trouble, Trouble::Fault(fault) if !fault.is_not_yet()) {
            self.faulted.insert(item.work.key());
        }
        let given_up = self.parking().trouble(item, trouble);
        self.took_off(item);
        if given_up && !matches!(item.origin, Origin::Dead(_)) {
            self.ended(&item.work);
        }
        if given_up || self.holds_no_more(item) {
            self.let_go(item);
        }
    }

    /// Whether it was set aside before and holds its key no more: what stands behind it must not wait for
    /// it, for it may wait for what stands behind it.
    fn holds_no_more(&self, item: &Item) -> bool {
        let Origin::Parked(number) = item.origin else { return false };
        self.memory.parked.get(&number).is_some_and(|parked| parked.held == Held::NotYet)
    }

    /// The item was handled: it is taken off where it came from.
    fn took(&mut self, item: &Item) {
        self.parking().done(item);
        match (&item.origin, &item.work) {
            (Origin::Dead(id), _) => self.writes.replayed.push(*id),
            (_, work) => self.ended(work),
        }
        self.took_off(item);
    }

    /// If this is what a call brought, the call is not under way any more.
    pub(super) fn ended(&mut self, work: &Work) {
        if let Work::Called { calling, .. } = work {
            self.writes.called.push(calling.id.clone());
            self.memory.calling.remove(&calling.id);
        }
    }

    /// What it was taken from has nothing of it any more, whatever came of it.
    pub(super) fn took_off(&mut self, item: &Item) {
        match (&item.origin, &item.work) {
            (Origin::Inbox(number), _) if !Mistake::InboxTwice.is_made() => {
                self.writes.inbox_taken.push(*number);
            }
            (Origin::Timer(due), Work::Timer { id, .. }) if !Mistake::TimerTwice.is_made() => {
                let rung = Timer { due: *due, id: id.clone() };
                // Unless it was set again for this very moment.
                if !self.writes.timers.contains_key(&rung) {
                    self.writes.timers_gone.insert(rung);
                }
            }
            _ => {}
        }
    }

    /// What may go on now that this one is handled is tried, in order: what waits for nobody, and the
    /// first of those that stand behind one another, which lets the next one go.
    pub(super) fn let_go(&mut self, item: &Item) {
        let key = item.work.key();
        let first = self.memory.holders(&key).next().map(|parked| parked.number);
        // One that waits on has brought nothing new, and two that wait must not wake each other for ever.
        let is_over = match item.origin {
            Origin::Parked(number) => !self.memory.parked.contains_key(&number),
            _ => true,
        };
        let goes_on = |parked: &&Arc<Parked>| {
            let is_free = parked.held == Held::NotYet && is_over;
            parked.key == key
                && (is_free || Some(parked.number) == first)
                && !self.tried.contains(&parked.number)
        };
        let waiting: Vec<_> = self.memory.parked.values().filter(goes_on).cloned().collect();
        for parked in waiting.into_iter().rev() {
            let Ok(work) = Work::decode(&parked.body) else { continue };
            let item = Item::new(work, Origin::Parked(parked.number));
            match self.alone {
                true => self.suspect(&item),
                false => self.queue.push_front(item),
            }
        }
    }

    /// Makes happen what a handler said.
    fn effect(&mut self, cause: &Cause, effects: Effects) {
        let Effects { sends, timers_gone, timers, calls, inbox } = effects;
        for (place, send) in sends {
            self.send(cause, place, send);
        }
        for timer in timers_gone {
            self.writes.timers.remove(&timer);
            self.writes.timers_gone.insert(timer);
        }
        for (timer, key) in timers {
            self.memory.due = Some(self.memory.due.map_or(timer.due, |known| known.min(timer.due)));
            let is_set_anew = || self.writes.timers_gone.iter().any(|gone| gone.id == timer.id);
            if !(Mistake::TimerLost.is_made() && is_set_anew()) {
                self.writes.timers_gone.remove(&timer);
                self.writes.timers.insert(timer, key);
            }
        }
        for calling in calls {
            self.memory.calling.insert(calling.id.clone(), calling.clone());
            self.writes.called.retain(|id| *id != calling.id);
            self.writes.calls.push(calling.clone());
            self.calls.push(calling);
        }
        for (group, key, entry) in inbox {
            let lane = self.wiring.lane_of(&group, &key);
            self.writes.inbox.push((lane, entry));
        }
    }

    /// Sends a message from its place on its edge.
    fn send(&mut self, cause: &Cause, place: Place, send: Send) {
        let Send { topic, kind, name, version, key, step, body } = send;
        let (partition, edge) = (place.partition, (topic.clone(), place.partition));
        self.memory.sent.insert(edge.clone(), place.seq);
        self.writes.sent.insert(edge, place.seq);
        let envelope = Envelope {
            id: self.tx.numbers().id(&topic, place),
            kind,
            name,
            version,
            key,
            correlation: cause.correlation.clone(),
            causation: cause.message,
            hop: cause.hop.saturating_add(u32::from(!Mistake::HopsAreNotCounted.is_made())),
            occurred_at: self.now,
            traceparent: cause.traceparent.clone(),
            stamp: Some(self.tx.numbers().stamp(place)),
            step,
        };
        let message = Message::new(envelope, body);
        self.writes.outgoing.push(Outgoing { topic, partition, message });
    }

    /// Everything that the batch writes.
    pub(super) fn finish(&mut self) -> Writes {
        self.memory.batch += 1;
        self.memory.time = self.now;
        let mut writes = std::mem::take(&mut self.writes);
        (writes.slots, writes.known) = self.tx.reads().take_writes();
        writes.not_entered = self.not_entered();
        writes
    }
}

/// What an item is caused by, as far as it says so itself.
fn cause(memory: &Memory, item: &Item, now: Time) -> Cause {
    let (mut waited, mut attempts) = (std::time::Duration::ZERO, 0);
    if let Origin::Parked(number) = item.origin
        && let Some(parked) = memory.parked.get(&number)
    {
        (waited, attempts) = (now.since(parked.since), parked.attempts);
    }
    let about = match &item.work {
        Work::Message { message, .. } => {
            let Envelope { id, correlation, hop, traceparent, .. } = &*message.envelope;
            Cause {
                message: Some(*id),
                correlation: correlation.clone(),
                hop: *hop,
                traceparent: traceparent.clone(),
                ..Cause::default()
            }
        }
        _ => Cause::default(),
    };
    let unsure = matches!(item.origin, Origin::Parked(_) | Origin::Dead(_) | Origin::Handed(_));
    Cause { waited, attempts, unsure, ..about }
}

/// The inbox entry of an item that replays a dead letter.
pub(super) fn replays(body: &[u8]) -> Option<uuid::Uuid> {
    match Entry::read(body) {
        Ok(Entry::Replay { dead }) => Some(dead),
        _ => None,
    }
}

/// What a storm of faults is told as.
pub(super) fn storm(lane: &LaneId, keys: usize) -> Error {
    let text = format!("lane {lane} stops: the handlers of {keys} keys fault at once");
    Error::new(ErrorKind::Store, text)
}
