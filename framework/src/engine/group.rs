//! A group: the lanes of one handler that belong to this process at this moment.

use crate::broker::{Broker, Member};
use crate::clock::rest;
use crate::engine::handler::Handler;
use crate::engine::health::Health;
use crate::engine::hub::Hub;
use crate::engine::lane::Lane;
use crate::engine::settings::Settings;
use crate::error::Error;
use crate::message::Key;
use crate::mistake::Mistake;
use crate::store::{LaneId, Position, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What all lanes of a process share.
pub(crate) struct Wiring {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) hub: Hub,
    pub(crate) settings: Arc<Settings>,
    pub(crate) incarnation: u32,
    /// How many lanes every group has.
    pub(crate) lanes: u32,
    /// How many partitions the topics have that have another number.
    pub(crate) partitions: Arc<BTreeMap<String, u32>>,
    /// Turns true when the process is to stop.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Wiring {
    /// The lane of a group that a key falls on.
    pub(crate) fn lane_of(&self, group: &str, key: &Key) -> LaneId {
        LaneId::new(group, key.partition(self.lanes))
    }

    /// Writes down where a group begins, before anything can be said that it must hear (H20).
    pub(crate) async fn register(&self, handler: &dyn Handler) -> Result<(), Error> {
        for lane in 0..self.lanes {
            let mut positions = BTreeMap::new();
            for source in handler.sources() {
                let range = self.broker.range(&source.topic, lane).await?;
                let from = if source.from_the_beginning { range.start } else { range.end };
                positions.insert(source.topic, Position { next: from, from });
            }
            self.store.register(&LaneId::new(handler.group(), lane), &positions).await?;
        }
        Ok(())
    }
}

/// Runs the lanes of a handler that are assigned to this process.
pub(crate) struct Group {
    handler: Arc<dyn Handler>,
    wiring: Arc<Wiring>,
    lanes: BTreeMap<u32, Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Group {
    pub(crate) fn new(handler: Arc<dyn Handler>, wiring: Arc<Wiring>) -> Self {
        Self { handler, wiring, lanes: BTreeMap::new() }
    }

    /// Follows the assignment until it is to stop; then lets every lane finish its batch, and leaves, so that
    /// nobody waits for the end of our session.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut attempt = 1;
        let mut member = None;
        loop {
            let told = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                told = self.follow(&mut member) => told,
            };
            if let Err(told) = told {
                member = None;
                self.wiring.hub.expect(self.handler.group());
                tracing::warn!(group = self.handler.group(), %told, "the group is joined again");
            }
            rest(self.wiring.settings.again.delay(attempt)).await;
            attempt += 1;
        }
        if Mistake::LeaveBeforeRest.is_made() {
            member = None;
        }
        self.assign(&BTreeSet::new()).await;
        if let Some(member) = member {
            member.leave().await;
        }
    }

    /// Joins, and follows what is assigned to the member that is left here.
    async fn follow(&mut self, seat: &mut Option<Box<dyn Member>>) -> Result<(), Error> {
        let topics = self.handler.sources().into_iter().map(|source| source.topic).collect();
        let group = self.handler.group().to_owned();
        let member =
            seat.insert(self.wiring.broker.join(&group, &topics, self.wiring.lanes).await?);
        loop {
            let lanes = member.assigned().await?;
            self.wiring.hub.assigned(&group, &lanes);
            self.assign(&lanes).await;
            for lane in lanes {
                self.start(lane, &**member);
            }
        }
    }

    fn start(&mut self, number: u32, member: &dyn Member) {
        if self.lanes.contains_key(&number) {
            return;
        }
        let (stop, stopped) = watch::channel(false);
        let id = LaneId::new(self.handler.group(), number);
        // Until it says how it is, it is being taken over.
        self.wiring.hub.report(&id, Health::default());
        let reader = member.reader(number);
        let lane =
            Lane::new(id, Arc::clone(&self.handler), Arc::clone(&self.wiring), reader, stopped);
        self.lanes.insert(number, Running { stop, task: tokio::spawn(lane.run()) });
    }

    /// Stops the lanes that are not ours any more, each after its batch.
    async fn assign(&mut self, lanes: &BTreeSet<u32>) {
        let gone: Vec<u32> =
            self.lanes.keys().copied().filter(|lane| !lanes.contains(lane)).collect();
        for lane in gone {
            if let Some(Running { stop, task }) = self.lanes.remove(&lane) {
                let _ = stop.send(true);
                if !Mistake::TwoOwnersInAProcess.is_made()
                    && let Err(told) = task.await
                {
                    tracing::error!(lane, %told, "a lane ended badly");
                }
            }
        }
    }
}

impl Drop for Group {
    /// A process that dies takes its lanes with it.
    fn drop(&mut self) {
        for running in self.lanes.values() {
            running.task.abort();
        }
    }
}
