//! What is wrong at this moment between one process and its servers.

use super::trace::Trace;
use ballet::clock::rest;
use ballet::memory::{Fate, Point};
use ballet::{Error, ErrorKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is to go wrong the next time a process passes some point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// It dies before it commits.
    DieAtCommit,
    /// It dies after it has committed.
    DieCommitted,
    /// It dies after its messages were appended.
    DieProduced,
    /// The commit fails, and has not happened.
    CommitFails,
    /// The commit fails, and has happened.
    CommitUnknown,
    /// No batch can be begun.
    BeginFails,
    /// Messages cannot be appended.
    ProduceFails,
    /// Messages were appended, and nobody is told.
    AcknowledgementLost,
    /// What has entered an inbox is not acknowledged.
    EntryUnknown,
    /// It stands still before it commits, with its transaction open.
    FreezeAtCommit,
    /// It dies when it has taken a lane, and knows nothing of it.
    DieTaken,
    /// That messages have reached the broker is not written down.
    MarkFails,
}

impl Trip {
    fn fate_at(self, point: &Point) -> Option<Fate> {
        match (self, point) {
            (Self::DieAtCommit, Point::Commit(_))
            | (Self::DieCommitted, Point::Committed(_))
            | (Self::DieProduced, Point::Produced(_)) => Some(Fate::Die),
            (Self::CommitFails, Point::Commit(_))
            | (Self::CommitUnknown, Point::Committed(_))
            | (Self::BeginFails, Point::Begin(_))
            | (Self::ProduceFails, Point::Produce(_))
            | (Self::AcknowledgementLost, Point::Produced(_))
            | (Self::EntryUnknown, Point::Entered(_)) => Some(Fate::Fail),
            (Self::FreezeAtCommit, Point::Commit(_)) => Some(Fate::Freeze),
            (Self::DieTaken, Point::Taken(_)) => Some(Fate::Die),
            (Self::MarkFails, Point::Mark(_) | Point::Marked(_)) => Some(Fate::Fail),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    trips: VecDeque<Trip>,
    /// How many trips have happened.
    tripped: Vec<Trip>,
    store_is_cut: bool,
    broker_is_cut: bool,
    slow: Duration,
}

/// The wires of one process.
#[derive(Debug, Clone)]
pub struct Wires {
    state: Arc<Mutex<State>>,
    pub(super) trace: Trace,
}

impl Wires {
    /// Wires of which nothing is wrong.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        Self { state: Arc::default(), trace }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is to go wrong the next time.
    pub fn trip(&self, trip: Trip) {
        self.state().trips.push_back(trip);
    }

    /// What has gone wrong since this was asked last.
    #[must_use]
    pub fn take_tripped(&self) -> Vec<Trip> {
        std::mem::take(&mut self.state().tripped)
    }

    /// Cuts the process off from the store, or joins it again.
    pub fn cut_store(&self, is_cut: bool) {
        self.state().store_is_cut = is_cut;
    }

    /// Cuts the process off from the broker, or joins it again.
    pub fn cut_broker(&self, is_cut: bool) {
        self.state().broker_is_cut = is_cut;
    }

    /// From now on every call takes so long.
    pub fn slow(&self, by: Duration) {
        self.state().slow = by;
    }

    /// Nothing is wrong any more, and nothing will be.
    pub fn heal(&self) {
        let mut state = self.state();
        let tripped = std::mem::take(&mut state.tripped);
        *state = State { tripped, ..State::default() };
    }

    /// What happens at a point of the pair in memory.
    #[must_use]
    pub fn fate(&self, point: &Point) -> Fate {
        let mut state = self.state();
        let at = state.trips.iter().position(|trip| trip.fate_at(point).is_some());
        let trip = at.and_then(|at| state.trips.remove(at));
        state.tripped.extend(trip);
        drop(state);
        let fate = trip.and_then(|trip| trip.fate_at(point)).unwrap_or(Fate::Go);
        if let (Point::Commit(_), Fate::Go) = (point, fate) {
            self.trace.commits();
        }
        fate
    }

    /// A call on its way to the store.
    pub(super) async fn to_store(&self) -> Result<(), Error> {
        self.be_slow().await;
        match self.state().store_is_cut {
            true => Err(Error::new(ErrorKind::Store, "the store does not answer")),
            false => Ok(()),
        }
    }

    /// A call on its way to the broker.
    pub(super) async fn to_broker(&self) -> Result<(), Error> {
        self.be_slow().await;
        match self.state().broker_is_cut {
            true => Err(Error::new(ErrorKind::Broker, "the broker does not answer")),
            false => Ok(()),
        }
    }

    /// Waits until the broker answers.
    pub(super) async fn until_broker(&self) {
        while self.to_broker().await.is_err() {
            rest(Duration::from_millis(200)).await;
        }
    }

    async fn be_slow(&self) {
        let slow = self.state().slow;
        if !slow.is_zero() {
            rest(slow).await;
        }
    }
}
