//! What can go wrong, and where.

use crate::error::{Error, ErrorKind};
use crate::memory::Node;
use crate::store::LaneId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// A moment at which something can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A lane is about to be taken over.
    Take(LaneId),
    /// It was taken over, and nobody knows it yet.
    Taken(LaneId),
    /// Messages have come, and the lane is about to receive them.
    Receive(LaneId),
    /// A batch is about to begin.
    Begin(LaneId),
    /// A batch is about to be committed.
    Commit(LaneId),
    /// A batch was committed, and nobody knows it yet.
    Committed(LaneId),
    /// Messages are about to be appended to this topic.
    Produce(String),
    /// Messages were appended, and the acknowledgement is on its way.
    Produced(String),
    /// It is about to be written down that what a lane says has reached the broker.
    Mark(LaneId),
    /// That was written down, and nobody knows it yet.
    Marked(LaneId),
    /// Something is about to enter an inbox.
    Enter(LaneId),
    /// It has entered, and nobody knows it yet.
    Entered(LaneId),
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing special.
    Go,
    /// The call fails. After the fact, it has happened all the same.
    Fail,
    /// The process dies.
    Die,
    /// The process freezes here until it is [thawed](Node::thaw): its lanes are given to others, a transaction
    /// that it had open is taken back, and it knows nothing of that.
    Freeze,
}

type Ask = dyn FnMut(&Point) -> Fate + Send;

/// Asks the test what is to happen.
#[derive(Clone)]
pub(super) struct Hook(Arc<Mutex<Box<Ask>>>);

impl Hook {
    pub(super) fn new(ask: impl FnMut(&Point) -> Fate + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(ask))))
    }
}

impl Node {
    /// Passes a point, fails there, or never comes back.
    pub(super) async fn pass(&self, point: Point, failed: ErrorKind) -> Result<(), Error> {
        self.pass_holding(point, failed, &mut None).await
    }

    /// The same for whoever holds the turn to write: a process that dies here lets go of it, as a
    /// database takes the transaction back whose connection is gone.
    pub(super) async fn pass_holding(
        &self,
        point: Point,
        failed: ErrorKind,
        turn: &mut Option<OwnedMutexGuard<()>>,
    ) -> Result<(), Error> {
        self.breathe_holding(turn).await;
        let fate = (self.hook.0.lock().unwrap_or_else(PoisonError::into_inner))(&point);
        match fate {
            Fate::Go => Ok(()),
            Fate::Fail => Err(Error::new(failed, format!("the test lets {point:?} fail"))),
            Fate::Die => {
                self.kill();
                turn.take();
                std::future::pending().await
            }
            Fate::Freeze => {
                self.freeze();
                let is_lost = turn.take().is_some();
                self.breathe().await;
                let told = || Error::new(failed, format!("the test froze {point:?}"));
                if is_lost { Err(told()) } else { Ok(()) }
            }
        }
    }

    /// A dead process never comes back from a call, a frozen one when it is woken.
    pub(super) async fn breathe(&self) {
        self.breathe_holding(&mut None).await;
    }

    /// The same for whoever holds the turn to write. A frozen process keeps it, as it keeps its locks in a
    /// database; one that dies lets go of it, frozen or not.
    pub(super) async fn breathe_holding(&self, turn: &mut Option<OwnedMutexGuard<()>>) {
        let mut woken = self.world.bell.listen();
        while self.is_frozen() && self.is_alive() {
            woken.hear().await;
        }
        if !self.is_alive() {
            turn.take();
            std::future::pending::<()>().await;
        }
    }
}
