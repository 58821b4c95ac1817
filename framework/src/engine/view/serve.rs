//! Serving a handler: its group, and for a view the groups of all its generations that are alive.
//!
//! Every process that serves a view looks at which generations there are, and works on them. When the one
//! that is folded has read as far as the one that is read, it asks for the change; what is left of the old
//! one is deleted after that. Each of these may be done by several processes, or twice: the first counts.

use crate::clock::rest;
use crate::engine::group::{Group, Wiring};
use crate::engine::handler::{Handler, Renewal};
use crate::engine::hub::Version;
use crate::error::Error;
use crate::message::Key;
use crate::store::{Inboxed, LaneId, Snapshot};
use crate::tx::Entry;
use crate::view::generation::Generations;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many rows of a generation that is no more are deleted at a time.
const STEP: u32 = 500;

/// Serves a handler until the process is to stop.
pub(crate) async fn serve(handler: Arc<dyn Handler>, wiring: Arc<Wiring>) {
    match handler.renewal() {
        None => {
            let stop = wiring.stop.clone();
            Group::new(handler, wiring).run(stop).await;
        }
        Some(renewal) => {
            let serving = Serving { renewal, wiring, groups: BTreeMap::new(), forgotten: 0 };
            serving.run().await;
        }
    }
}

/// The group of a generation, at work.
struct Generation {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A view of which several generations may be alive.
struct Serving {
    renewal: Renewal,
    wiring: Arc<Wiring>,
    groups: BTreeMap<u32, Generation>,
    /// Nothing is left of the generations up to this one.
    forgotten: u32,
}

impl Serving {
    async fn run(mut self) {
        let mut stop = self.wiring.stop.clone();
        let mut attempt = 1;
        loop {
            let told = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Err(told) = self.follow() => told,
            };
            tracing::warn!(view = ?self.renewal.slot, %told, "the generations of a view are looked for again");
            rest(self.wiring.settings.again.delay(attempt)).await;
            attempt += 1;
        }
        for generation in self.groups.values() {
            let _ = generation.stop.send(true);
        }
        while let Some((_, generation)) = self.groups.pop_first() {
            generation.end().await;
        }
    }

    async fn follow(&mut self) -> Result<Infallible, Error> {
        loop {
            let watching = self.wiring.hub.watch(&self.renewal.slot, Version::Every);
            let now = self.generations().await?;
            let is_new = self.work_on(now).await?;
            if !self.groups.contains_key(&1) {
                // It was expected before anybody knew which generations there are.
                self.wiring.hub.forget((self.renewal.make)(1).group());
            }
            if let Some(folded) = now.folded
                && self.has_caught_up(now.read, folded).await?
            {
                self.ask_for(folded).await?;
            }
            if !is_new && now.read - 1 > self.forgotten {
                self.forget(now.read - 1).await?;
            }
            tokio::select! {
                biased;
                _ = watching.written() => {}
                () = rest(self.wiring.settings.poll) => {}
            }
        }
    }

    async fn generations(&self) -> Result<Generations, Error> {
        let slots = BTreeSet::from([self.renewal.slot.clone()]);
        let found = self.wiring.store.find(&slots, &BTreeSet::new()).await?;
        Generations::at(&self.renewal.slot, found.slots.values().next().map(|row| &**row))
    }

    /// Works on the generations that are alive, and on no others. Says whether that is new.
    async fn work_on(&mut self, now: Generations) -> Result<bool, Error> {
        let alive: BTreeSet<u32> = now.alive().collect();
        let gone: Vec<u32> =
            self.groups.keys().copied().filter(|number| !alive.contains(number)).collect();
        for number in &gone {
            self.stop(*number).await;
        }
        let mut is_new = !gone.is_empty();
        for number in alive {
            if !self.groups.contains_key(&number) {
                let handler = (self.renewal.make)(number);
                self.wiring.register(&*handler).await?;
                let (stop, stopped) = watch::channel(false);
                self.wiring.hub.expect(handler.group());
                let group = Group::new(handler, Arc::clone(&self.wiring));
                let task = tokio::spawn(group.run(stopped));
                self.groups.insert(number, Generation { stop, task });
                is_new = true;
            }
        }
        Ok(is_new)
    }

    /// Lets every lane of a generation finish its batch, and then knows nothing of it any more.
    async fn stop(&mut self, number: u32) {
        if let Some(generation) = self.groups.remove(&number) {
            let _ = generation.stop.send(true);
            generation.end().await;
        }
        self.wiring.hub.forget((self.renewal.make)(number).group());
    }

    /// Whether the generation that is folded has read at least as far as the one that is read.
    async fn has_caught_up(&self, read: u32, folded: u32) -> Result<bool, Error> {
        // First the one that must be reached: it goes on meanwhile.
        let target = self.snapshot(read).await?.positions;
        let reached = self.snapshot(folded).await?.positions;
        let next = |lane: &u32, topic: &String| Some(reached.get(lane)?.get(topic)?.next);
        Ok(target.iter().all(|(lane, topics)| {
            topics.iter().all(|(topic, at)| next(lane, topic).is_some_and(|next| next >= at.next))
        }))
    }

    async fn snapshot(&self, number: u32) -> Result<Snapshot, Error> {
        self.wiring.store.snapshot((self.renewal.make)(number).group(), None).await
    }

    /// Asks for this generation to be read. Its own lane writes that down.
    async fn ask_for(&self, folded: u32) -> Result<(), Error> {
        let lane = LaneId::new((self.renewal.make)(folded).group(), 0);
        let (id, key) = (format!("read/{folded}"), Key::new("generations"));
        let entry = Inboxed { id, key, body: Entry::ReadNext { folded }.bytes() };
        self.wiring.store.enter(&lane, &entry, None).await?;
        self.wiring.hub.entered(&lane);
        Ok(())
    }

    /// Deletes what a generation has left. Not at once after the change, so that whoever has just looked
    /// which one is read still finds its rows.
    async fn forget(&mut self, number: u32) -> Result<(), Error> {
        let handler = (self.renewal.make)(number);
        while !self.wiring.store.forget(handler.group(), STEP).await?.is_done {}
        self.forgotten = number;
        Ok(())
    }
}

impl Generation {
    async fn end(mut self) {
        if let Err(told) = (&mut self.task).await {
            tracing::error!(%told, "a generation of a view ended badly");
        }
    }
}

impl Drop for Generation {
    /// A process that dies takes its lanes with it.
    fn drop(&mut self) {
        self.task.abort();
    }
}
