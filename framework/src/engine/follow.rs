//! What follows from a batch once it is committed: all that others see of it, or that leaves the process.
//!
//! A store may answer when a batch is [precommitted](Commit), and then its lane goes on. What follows waits
//! here, in the order of the batches, until each is known to be on the disk. If one is not, the lane drops its
//! memory, in which there is more than was written, and is taken again.

use crate::engine::desk::Handed;
use crate::engine::health::Health;
use crate::engine::lane::Lane;
use crate::error::Error;
use crate::message::Outgoing;
use crate::store::{Calling, Commit, Slot, Value};
use futures::FutureExt;
use std::collections::VecDeque;

/// What follows from a batch.
pub(super) struct Follows {
    pub(super) batch: u64,
    /// As much as it says has reached the broker.
    pub(super) published: u64,
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) calls: Vec<Calling>,
    pub(super) slots: Vec<(Slot, Option<Value>)>,
    /// Who waits for it.
    pub(super) handed: Vec<Handed>,
    /// How the lane is then, if that is not told at once.
    pub(super) health: Option<Health>,
}

/// The batches of which it is not yet known whether they are committed, in order.
#[derive(Default)]
pub(super) struct Following(VecDeque<(Commit, Follows)>);

impl Following {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, commit: Commit, follows: Follows) {
        self.0.push_back((commit, follows));
    }

    /// What follows from the next one, or the error if it is lost; never if there is none. Whoever stops
    /// waiting has missed nothing.
    pub(super) async fn next(&mut self) -> Result<Follows, Error> {
        let Some((commit, _)) = self.0.front_mut() else { return std::future::pending().await };
        let told = commit.done().await;
        let (_, follows) = self.0.pop_front().expect("it was there");
        told.map(|()| follows)
    }
}

impl Lane {
    /// What follows from a batch that is committed; or the error, if it is not, and then nothing follows from
    /// those after it either.
    pub(super) fn settle(&mut self, settled: Result<Follows, Error>) -> Result<(), Error> {
        let settled = settled.inspect_err(|_| self.following = Following::default());
        let Follows { batch, published, outgoing, calls, slots, handed, health } = settled?;
        self.marked = published;
        self.failures = 0;
        self.excused = 0;
        self.trust.committed();
        if !outgoing.is_empty() {
            self.publisher.append(batch, outgoing);
        }
        for calling in calls {
            self.calls.start(calling);
        }
        self.wiring.hub.written(slots.into_iter());
        if handed.iter().any(Handed::is_new) {
            self.clerk.is_well();
        }
        handed.into_iter().for_each(Handed::answer);
        if let Some(health) = health {
            self.tell(health);
        }
        Ok(())
    }

    /// Settles the batches of which it is known by now whether they are committed.
    pub(super) fn settle_what_is_known(&mut self) -> Result<(), Error> {
        while let Some(settled) = self.following.next().now_or_never() {
            self.settle(settled)?;
        }
        Ok(())
    }

    /// Waits until it is known of every batch whether it is committed.
    pub(super) async fn settle_all(&mut self) -> Result<(), Error> {
        while !self.following.is_empty() {
            let settled = self.following.next().await;
            self.settle(settled)?;
        }
        Ok(())
    }

    /// The lane is to be taken again, or let go: batches that were committed are told of, and those that were
    /// not are forgotten.
    pub(super) async fn settle_before_it_goes(&mut self) {
        if let Err(told) = self.settle_all().await {
            tracing::debug!(lane = %self.id, %told, "a batch is lost, and those that were begun after it");
        }
    }
}
