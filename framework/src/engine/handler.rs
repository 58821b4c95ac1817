//! What a lane asks of whoever knows what messages mean.

use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::message::Envelope;
use crate::store::{Calling, Slot};
use crate::tx::Tx;
use bytes::Bytes;
use std::sync::Arc;

/// A topic that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) topic: String,
    pub(crate) partitions: Option<u32>,
    pub(crate) compacted: bool,
    /// Whether a group that never ran begins at the first message that is still there (H20).
    pub(crate) from_the_beginning: bool,
}

/// Why a message could not be handled now, or ever.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The handler broke, or says that something is not here yet.
    Fault(Fault),
    /// A call of its pair is under way.
    Wait,
    /// This process does not know the plan of its run.
    Unknown(String),
    /// It can never be handled: it is given up at once.
    Dead(String),
}

impl<F: Into<Fault>> From<F> for Trouble {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// A message whose body is not what its name says here, as after a change of its schema that this
/// process does not know.
pub(crate) fn unreadable(envelope: &Envelope, why: &Fault) -> Trouble {
    let Envelope { name, version, .. } = envelope;
    Trouble::Fault(Fault::new(format!(
        "`{name}` of schema version {version} is not readable: {why}"
    )))
}

/// Knows what messages mean: a coordinator, a reactor, a view.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The group.
    fn group(&self) -> &str;

    /// What the group reads.
    fn sources(&self) -> Vec<Source>;

    /// Handles one thing, in a transaction. May be run more than once for one thing.
    fn handle<'a>(&'a self, tx: &'a mut Tx, work: &'a Work) -> BoxFuture<'a, Result<(), Trouble>>;

    /// Calls the outside; no transaction is in reach.
    fn call<'a>(
        &'a self,
        calling: &'a Calling,
        attempt: u32,
    ) -> BoxFuture<'a, Result<Bytes, Fault>>;

    /// Whether a call that broke is something to be handled, rather than made again.
    fn hears_of_broken_calls(&self) -> bool {
        false
    }

    /// What an action and its compensation have in common, if this is one; and whether it goes back.
    fn pair(&self, work: &Work) -> Option<(String, bool)>;

    /// How it is made anew, if it can be: views can.
    fn renewal(&self) -> Option<Renewal> {
        None
    }
}

/// How a view is folded anew.
pub(crate) struct Renewal {
    /// Where it is written down which generations there are.
    pub(crate) slot: Slot,
    /// Makes the handler of a generation.
    pub(crate) make: fn(u32) -> Arc<dyn Handler>,
}
