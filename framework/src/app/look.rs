//! What clients see of a running app: outcomes, rows, views, runs, dead letters.

use crate::app::ask::Run;
use crate::app::running::Running;
use crate::clock::{Stopwatch, rest};
use crate::engine::{Health, Version, Watching, Wiring};
use crate::error::Error;
use crate::message::{Key, Record};
use crate::reactor::Reactor;
use crate::saga::journal::{End, Journal};
use crate::saga::{Saga, Why};
use crate::store::{DeadLetter, Entered, LaneId, RunRow, Scan, Slot, Space, Status};
use crate::table::{Table, TableKey, read_row};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step was done.
    Completed,
    /// Whatever had been done was taken back, for this.
    Compensated(Why),
}

/// How often a slot is looked at though nobody says that it was written.
const RARELY: Duration = Duration::from_secs(2);

/// What is waited for.
pub(super) struct Wanted<'a> {
    pub(super) slot: &'a Slot,
    pub(super) version: Version,
    /// The lane that writes there, if it is known.
    pub(super) lane: Option<LaneId>,
    /// Somebody has watched the slot since it was known to be empty.
    pub(super) since: Option<Watching>,
}

impl<'a> Wanted<'a> {
    pub(super) const fn at(slot: &'a Slot, version: Version) -> Self {
        Self { slot, version, lane: None, since: None }
    }
}

/// Watches a slot since it was known to be empty, for whoever waits for it first.
#[derive(Default)]
pub(super) struct Since(Mutex<Option<Watching>>);

impl Since {
    /// If what entered is new, nothing of it was written before this watched.
    pub(super) fn entered(watching: Option<Watching>, entered: &Entered) -> Self {
        Self(Mutex::new(watching.filter(|_| matches!(entered, Entered::New))))
    }

    pub(super) fn take(&self) -> Option<Watching> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Running {
    /// Waits until `ready` finds in a version of what is in a slot what it looks for, so long.
    pub(super) async fn wait_for<T>(
        &self,
        wanted: Wanted<'_>,
        within: Duration,
        ready: impl Fn(Option<&Bytes>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Wanted { slot, version, lane, since } = wanted;
        let waited = Stopwatch::start();
        // What was empty needs no look before somebody says that it was written.
        let mut told = since.as_ref().filter(|_| !within.is_zero()).map(|_| None);
        let watching = since.unwrap_or_else(|| self.wiring.hub.watch(slot, version));
        loop {
            let found = match told.take() {
                Some(written) => written,
                None => self.at(slot).await?,
            };
            if let Some(found) = ready(found.as_ref()) {
                return Ok(Some(found));
            }
            let left = within.saturating_sub(waited.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            if self.is_elsewhere(slot, lane.as_ref()) {
                watching.look_elsewhere(found.as_ref());
            }
            tokio::select! {
                biased;
                written = watching.written() => told = written,
                () = rest(left.min(RARELY)) => {}
            }
        }
    }

    /// Whether another process may write there: it has the lane, or one of those that may do so.
    fn is_elsewhere(&self, slot: &Slot, lane: Option<&LaneId>) -> bool {
        let Wiring { hub, store, lanes, .. } = &*self.wiring;
        let group = slot.table.split_once('.').map_or(&*slot.table, |(group, _)| group);
        let is_ours = lane.map_or_else(|| hub.has_all(group, *lanes), |lane| hub.has(lane));
        !is_ours && store.is_shared()
    }

    /// Watches a slot that a lane writes, if that is in this process.
    pub(super) fn watch_ours(
        &self,
        lane: &LaneId,
        slot: &Slot,
        version: Version,
    ) -> Option<Watching> {
        self.wiring.hub.has(lane).then(|| self.wiring.hub.watch(slot, version))
    }

    pub(super) async fn at(&self, slot: &Slot) -> Result<Option<Bytes>, Error> {
        let slots = BTreeSet::from([slot.clone()]);
        let found = self.wiring.store.find(&slots, &BTreeSet::new()).await?;
        Ok(found.slots.get(slot).cloned())
    }

    /// A row of a service's table, as it is committed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn row<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
        key: &K,
    ) -> Result<Option<V>, Error> {
        let slot = row_slot::<R, K, V>(table, key);
        self.at(&slot).await?.map(|body| slot.read(&body)).transpose()
    }

    /// Waits until a row of a service's table is as `until` wants it, so long. This serves long polls.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn watch<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
        key: &K,
        within: Duration,
        until: impl Fn(&V) -> bool,
    ) -> Result<Option<V>, Error> {
        self.wait_for_row(&row_slot::<R, K, V>(table, key), within, until).await
    }

    /// Waits until what is in a slot is as `until` wants it, so long.
    pub(super) async fn wait_for_row<V: Record>(
        &self,
        slot: &Slot,
        within: Duration,
        until: impl Fn(&V) -> bool,
    ) -> Result<Option<V>, Error> {
        let ready = |body: Option<&Bytes>| match slot.read::<V>(body?) {
            Ok(row) => until(&row).then_some(Ok(row)),
            // Waiting makes it no better.
            Err(told) => Some(Err(told)),
        };
        self.wait_for(Wanted::at(slot, Version::Every), within, ready).await?.transpose()
    }

    /// All rows of a service's table, in order of their keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn rows<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
    ) -> Result<Vec<(K, V)>, Error> {
        let table = format!("{}.{}", R::NAME, table.name());
        let scan = Scan { table: table.into(), from: Bytes::new(), to: None, limit: u32::MAX };
        let found =
            self.wiring.store.find(&BTreeSet::new(), &BTreeSet::from([scan.clone()])).await?;
        let rows = found.scans.get(&scan).cloned().unwrap_or_default();
        rows.into_iter().map(|row| read_row(&scan.table, row)).collect()
    }

    /// Lists the runs of a saga, newest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        self.wiring.store.runs(saga, status, limit).await
    }

    /// How the lanes are that are assigned to this process, by group and lane.
    #[must_use]
    pub fn health(&self) -> BTreeMap<LaneId, Health> {
        self.wiring.hub.health()
    }

    /// Why lanes may wait for what is there, or be nobody's: the broker does not answer.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.wiring.broker.trouble()
    }

    /// Whether it may be given work: every group has met, and every lane that fell to this process was
    /// taken, has read what was there, and is well; and the broker answers. A process to which no lane fell,
    /// because there are more processes than lanes, is ready too: it takes over at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.wiring.hub.is_ready() && self.trouble().is_none()
    }

    /// Lists dead letters, newest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.wiring.store.dead_letters(None, limit).await
    }
}

fn row_slot<R: Reactor, K: TableKey, V: Record>(table: Table<K, V>, key: &K) -> Slot {
    Slot::new(Space::Rows, format!("{}.{}", R::NAME, table.name()), key.to_bytes())
}

impl<S: Saga> Run<'_, S> {
    fn slot(&self) -> Slot {
        Slot::new(Space::Runs, S::NAME, self.id().to_owned())
    }

    /// Everything that is written down about the run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn journal(&self) -> Result<Option<Journal>, Error> {
        let slot = self.slot();
        self.app.at(&slot).await?.map(|body| slot.read_by(&body, Journal::decode)).transpose()
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// The run goes on without whoever waits for it. Ask again.
    pub async fn outcome(&self) -> Result<Outcome, Error> {
        loop {
            if let Some(outcome) = self.outcome_within(Duration::from_secs(60)).await? {
                return Ok(outcome);
            }
        }
    }

    /// Waits for the end of the run, so long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// The run goes on without whoever waits for it. Ask again.
    pub async fn outcome_within(&self, within: Duration) -> Result<Option<Outcome>, Error> {
        if self.joined {
            self.wake();
        }
        let shape = self.app.shapes.get(S::NAME).map(|plan| plan.shape());
        let ended = |journal: Journal| {
            Some(match journal.end()? {
                End::Completed => Outcome::Completed,
                End::Compensated => {
                    Outcome::Compensated(shape.map(|s| journal.why(s)).unwrap_or_default())
                }
            })
        };
        let slot = self.slot();
        let read = |body: Option<&Bytes>| match slot.read_by(body?, Journal::decode) {
            Ok(journal) => ended(journal).map(Ok),
            Err(told) => Some(Err(told)),
        };
        let lane = Some(self.app.wiring.lane_of(S::NAME, &Key::new(&*self.id)));
        let since = self.since.take();
        let wanted = Wanted { lane, since, ..Wanted::at(&slot, Version::Last) };
        self.app.wait_for(wanted, within, read).await?.transpose()
    }
}
