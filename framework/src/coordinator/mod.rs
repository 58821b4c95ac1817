//! The coordinator of a saga: a handler of the lane, like a reactor and a view.
//!
//! Runs hash to lanes by their id; replies carry the id as their key, so they arrive in the run's lane.
//! Everything else that wants something from a run enters the inbox of that lane. What a run does next
//! is decided by [`decide`](crate::saga::decide), and only carried out here:
//!
//! ```text
//! work ─► which run, what input ─► load journal ─► decide ─► write journal
//!                                                     └────► send commands, start calls, set the timer
//! ```
//!
//! | in | is |
//! |---|---|
//! | `input` | which run a piece of work is about, and what it means to it |
//! | `starts` | the events of others that begin, cancel and signal runs |
//! | `carry` | one decision, from the stored journal to the effects |
//! | `errand` | methods of a saga that run here, and what they bring |
//! | `carrier` | a plan with its saga, whatever their types |

mod carrier;
mod carry;
mod errand;
mod input;
mod starts;

pub(crate) use carrier::{Carried, Carrier};
pub(crate) use starts::Starts;

use crate::engine::{Handler, Source, Trouble, Work};
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::message::replies_of;
use crate::store::Calling;
use crate::tx::Tx;
use bytes::Bytes;
use std::sync::Arc;

/// A saga with its plan, and the plans that its unfinished runs may still follow.
pub(crate) struct Coordinator {
    saga: &'static str,
    /// The current plan first.
    plans: Vec<Arc<dyn Carrier>>,
    starts: Starts,
}

impl Coordinator {
    pub(crate) fn new(saga: &'static str, plans: Vec<Arc<dyn Carrier>>, starts: Starts) -> Self {
        assert!(!plans.is_empty(), "a coordinator has at least one plan");
        Self { saga, plans, starts }
    }

    /// The plan that new runs follow.
    fn current(&self) -> &dyn Carrier {
        &*self.plans[0]
    }
}

impl Handler for Coordinator {
    fn group(&self) -> &str {
        self.saga
    }

    fn sources(&self) -> Vec<Source> {
        let replies = Source {
            topic: replies_of(self.saga),
            partitions: None,
            compacted: false,
            from_the_beginning: true,
        };
        let events = self.starts.topics().into_iter().map(|topic| Source {
            topic: topic.name.to_owned(),
            partitions: topic.partitions,
            compacted: topic.compacted,
            from_the_beginning: false,
        });
        std::iter::once(replies).chain(events).collect()
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, work: &'a Work) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(self.work(tx, work))
    }

    fn call<'a>(
        &'a self,
        calling: &'a Calling,
        attempt: u32,
    ) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(self.go_out(calling, attempt))
    }

    /// A method of a saga that broke is a fact about its run.
    fn hears_of_broken_calls(&self) -> bool {
        true
    }

    fn pair(&self, _: &Work) -> Option<(String, bool)> {
        None
    }
}
