//! A lane on a stage: what the engine does between a compare-and-set and a commit, in one go.
//!
//! It is the engine's own code that sorts, parks, numbers and writes. Here stand only the rows that it
//! asks for, which are those of the store in memory.

#![cfg(test)]

use crate::broker::Arrived;
use crate::clock::{SystemClock, Time};
use crate::engine::group::Wiring;
use crate::engine::handler::Handler;
use crate::engine::hub::Hub;
use crate::engine::memory::Memory;
use crate::engine::run::Draft;
use crate::engine::settings::Settings;
use crate::engine::sort::{Item, Origin, Sorter};
use crate::engine::work::Work;
use crate::error::Error;
use crate::memory::{State, World};
use crate::message::{Message, Outgoing};
use crate::store::{
    Advance, Batch, DeadLetter, Due, Found, InboxRow, LaneId, Lock, Scan, Slot, Writes,
};
use crate::tx::Recall;
use async_trait::async_trait;
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// A lane, who handles what comes to it, and what surrounds it in its process.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) lane: LaneId,
    handler: Arc<dyn Handler>,
    wiring: Arc<Wiring>,
    /// Of these topics only duplicates are dropped.
    pub(super) compacted: BTreeSet<String>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stage of {}", self.lane)
    }
}

/// A batch that is ready to be committed.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) advance: Advance,
    pub(super) writes: Writes,
    /// What its owner remembers if it is committed.
    pub(super) next: Next,
    /// The messages that were handled, in order.
    pub(super) handled: Vec<Message>,
}

/// A memory that can be shown.
#[derive(Clone)]
pub(super) struct Next(pub(super) Memory);

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { epoch, batch, taken, sent, parked, .. } = &self.0;
        let (parked, taken): (Vec<_>, Vec<_>) = (parked.keys().collect(), taken.values().collect());
        let sent: Vec<_> = sent.values().collect();
        write!(f, "epoch {epoch} batch {batch} taken {taken:?} sent {sent:?} aside {parked:?}")
    }
}

/// What comes to a lane in one batch.
#[derive(Debug, Default)]
pub(super) struct Coming {
    pub(super) called: Vec<Work>,
    pub(super) arrived: Vec<Arrived>,
}

impl Stage {
    pub(super) fn new(handler: Arc<dyn Handler>) -> Self {
        let node = World::new(Arc::new(SystemClock)).node();
        let wiring = Wiring {
            store: node.store(),
            broker: node.broker(),
            hub: Hub::default(),
            settings: Arc::new(Settings::default()),
            incarnation: 1,
            lanes: 1,
            partitions: Arc::default(),
            stop: tokio::sync::watch::channel(false).1,
        };
        let lane = LaneId::new(handler.group(), 0);
        Self { lane, handler, wiring: Arc::new(wiring), compacted: BTreeSet::new() }
    }

    /// Becomes the owner, and remembers what there is.
    pub(super) fn take(&self, state: &mut State) -> (Memory, Vec<(u64, Vec<Outgoing>)>) {
        let mut taken = state.take(&self.lane, Time::default());
        let unpublished = std::mem::take(&mut taken.unpublished);
        (Memory::of(taken), unpublished)
    }

    /// What its owner would remember if it had just taken the lane.
    pub(super) fn found(&self, state: &State) -> Memory {
        self.take(&mut state.clone()).0
    }

    /// Everything between the compare-and-set and the commit of a batch. What is set aside and may be due
    /// is tried again.
    pub(super) fn batch(
        &self,
        state: &State,
        memory: &Memory,
        published: u64,
        coming: Coming,
    ) -> Ready {
        let advance = memory.advance(&self.lane, &coming.arrived, published);
        let memory = Memory { positions: advance.positions.clone(), ..memory.clone() };
        let mut draft = Draft::new(
            &self.lane,
            &*self.handler,
            &self.wiring,
            memory,
            Time::default(),
            Recall::default(),
        );
        self.sort(&mut draft, state, coming);
        let handled = draft.queue.iter().filter_map(message).collect();
        let mut rows = Rows(state);
        let ran = draft.run(&mut rows).now_or_never().expect("nothing here waits");
        ran.expect("nothing here fails");
        let writes = draft.finish();
        Ready { advance, writes, next: Next(draft.memory), handled }
    }

    fn sort(&self, draft: &mut Draft<'_>, state: &State, coming: Coming) {
        let mut queue: VecDeque<Item> =
            coming.called.into_iter().map(|work| Item::new(work, Origin::Call)).collect();
        for parked in draft.memory.parked.values().filter(|parked| parked.due.is_some()) {
            let work = Work::decode(&parked.body).expect("what was set aside is whole");
            queue.push_back(Item::new(work, Origin::Parked(parked.number)));
        }
        let group = &self.lane.group;
        let seen = state.seen.keys().filter(|(of, _)| of == group).map(|(_, id)| id.clone());
        let (memory, writes) = (&mut draft.memory, &mut draft.writes);
        let (now, oldest) = (Time::default(), Time::default());
        let (seen, compacted) = (&seen.collect(), &self.compacted);
        let mut sorter = Sorter { memory, writes, now, oldest, seen, compacted, queue };
        for arrived in coming.arrived {
            sorter.arrived(arrived);
        }
        draft.queue = sorter.queue;
    }
}

fn message(item: &Item) -> Option<Message> {
    match &item.work {
        Work::Message { message, .. } => Some(message.clone()),
        _ => None,
    }
}

/// The rows that the handlers of a batch read.
struct Rows<'a>(&'a State);

#[async_trait]
impl Batch for Rows<'_> {
    fn now(&self) -> Time {
        Time::default()
    }

    async fn inbox(&mut self, _: u32) -> Result<Vec<InboxRow>, Error> {
        Ok(Vec::new())
    }

    async fn due(&mut self, _: u32) -> Result<Due, Error> {
        Ok(Due::default())
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        _: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        let at = |slot: &Slot| Some((slot.clone(), self.0.slots.get(slot)?.body.clone()));
        Ok(Found { slots: slots.keys().filter_map(at).collect(), ..Found::default() })
    }

    async fn seen(&mut self, _: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        Ok(BTreeSet::new())
    }

    async fn dead(&mut self, _: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        Ok(Vec::new())
    }

    async fn flush(&mut self, _: Writes) -> Result<(), Error> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }

    async fn roll_back(self: Box<Self>) {}
}
