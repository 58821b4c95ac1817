//! What is measured, as the load sees it: something that does one after the other, counts, and can be looked
//! through afterwards.

use crate::Failed;
use crate::figure::Figures;
use crate::processes::Server;
use async_trait::async_trait;
use std::sync::Arc;

/// What a stand has counted since it was opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// What was said: what begins one, commands, replies, events.
    pub messages: u64,
    /// How many transactions took messages, if several may share one.
    pub batches: u64,
}

/// Somebody at work over a place that nobody else uses. What is done has a number, and from that it is known
/// what it must leave.
#[async_trait]
pub trait Stand: Send + Sync + 'static {
    /// Sees to what those need whose numbers are below `end`.
    async fn prepare(self: Arc<Self>, _end: u64) -> Result<(), Failed> {
        Ok(())
    }

    /// Does one, from its beginning to its end, and sees that it ends as it must.
    async fn one(&self, number: u64) -> Result<(), Failed>;

    /// What was counted up to now.
    async fn counts(&self) -> Result<Counts, Failed>;

    /// How many messages these must have taken, if that is known.
    fn messages_of(&self, first: u64, count: u64) -> Option<u64>;

    /// How large all messages are that were said up to now, in bytes; if it can be told.
    async fn bytes(&self) -> Result<Option<u64>, Failed> {
        Ok(None)
    }

    /// How large everything is that is kept, if it can be told.
    async fn sizes(&self) -> Result<Figures, Failed> {
        Ok(Figures::new())
    }

    /// Other processes that take part.
    fn helpers(&self) -> Vec<Server> {
        Vec::new()
    }

    /// Sees that those from 0 up to `count` have left exactly what they must, each once, and nobody anything else.
    async fn check(&self, count: u64) -> Result<(), Failed>;

    /// Ends the work, and takes away what it has left.
    async fn close(self: Arc<Self>) -> Result<(), Failed>;
}
