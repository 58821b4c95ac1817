//! The port of a broker: partitioned logs and who reads which of their partitions.
//!
//! Positions are ours, kept in the lane's row; a broker's own committed offsets are for lag tools.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod tail;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod waiting;

use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::message::Outgoing;
use crate::text::Text;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A topic as the broker must have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions; pinned, a mismatch refuses to start (H18).
    pub partitions: u32,
    /// Whether only the newest message of a key is kept.
    pub compacted: bool,
}

impl TopicSpec {
    /// Refuses a topic that is there with another number of partitions.
    pub(crate) fn pinned(&self, has: u32) -> Result<(), Error> {
        let Self { name, partitions: wants, .. } = self;
        if has == *wants {
            return Ok(());
        }
        let told = format!(
            "topic `{name}` has {has} partitions and must have {wants}; the count is pinned"
        );
        Err(Error::new(ErrorKind::Definition, told))
    }
}

/// What is said of a topic that is not there.
pub(crate) fn no_topic(topic: &str) -> Error {
    Error::new(ErrorKind::Broker, format!("there is no topic `{topic}`"))
}

/// What is said to a lane that has read further than its partition goes.
#[cfg(any(feature = "kafka", feature = "postgres"))]
pub(crate) fn beyond(topic: &str, lane: u32, at: u64, end: u64) -> Error {
    let text = format!(
        "partition {lane} of `{topic}` ends at {end}, and {at} messages of it were handled: the topic was \
         made anew, or has lost messages"
    );
    Error::new(ErrorKind::Broker, text)
}

/// The offsets that a partition holds: from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first offset that is still there.
    pub start: u64,
    /// The offset of the next message.
    pub end: u64,
}

/// A message that was read, or bytes that are none.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The topic.
    pub topic: Text,
    /// Its offset in the partition.
    pub offset: u64,
    /// The message; if it cannot be read, its bytes and why.
    pub message: Result<Message, (Bytes, String)>,
}

/// A message log.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Makes sure that a topic is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if it is there with another number of
    /// partitions.
    ///
    /// # If the process dies
    ///
    /// The topic is there as a whole or not at all; asking again makes sure.
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error>;

    /// How many partitions a topic has.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn partitions(&self, topic: &str) -> Result<u32, Error>;

    /// What a partition of a topic holds.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error>;

    /// How long a topic keeps its messages; `None` if [`Retention::log`](crate::Retention::log) decides
    /// it, or if it cannot be known.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn retention(&self, _topic: &str) -> Result<Option<Duration>, Error> {
        Ok(None)
    }

    /// How large the body of a message may be, in bytes. A handler that says more fails as any other that
    /// faults, so what is in the outbox can be sent (F8).
    fn largest(&self) -> usize {
        usize::MAX
    }

    /// The name of the log, if it is that of a store that [is fused](crate::store::Store::is_fused), where batches append
    /// by themselves what they say. Whoever stands before a broker says what that says.
    fn fused(&self) -> Option<String> {
        None
    }

    /// Appends the messages of batches, in order per partition, and returns when all of them are safe.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Broker`] if any of them may not have been appended; any
    /// part of them may have been. Send them all again: edges make it once.
    ///
    /// # If the process dies
    ///
    /// Before this returns any part of the messages may have been appended: the next owner sends
    /// all of them again. After it returned, none is lost.
    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error>;

    /// Joins a group, to read the same partitions of all these topics.
    ///
    /// # If the process dies
    ///
    /// The broker notices, and gives its lanes to other members.
    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error>;

    /// Why readers may be waiting for what is there: the broker does not answer them.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// A member of a group.
#[async_trait]
pub trait Member: Send {
    /// Waits until the assignment changes, and returns the lanes that are this member's now. The first
    /// call returns as soon as there is an assignment. Cancelling it loses nothing.
    ///
    /// # If the process dies
    ///
    /// The lanes go to other members; a position belongs to the lane and not to its reader.
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error>;

    /// A reader of one lane.
    fn reader(&self, lane: u32) -> Box<dyn Reader>;

    /// Leaves the group, and waits for a bounded time until the others can know. Its readers must be gone. A
    /// process that ends without it is missed only after its session.
    ///
    /// # If the process dies
    ///
    /// It has left or is missed later; nothing is lost.
    async fn leave(self: Box<Self>);
}

/// Reads one partition of every topic of its group.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Goes to these positions.
    fn seek(&mut self, positions: &BTreeMap<String, u64>);

    /// Waits until there is something to read, and returns up to `most` messages. Cancelling it loses
    /// nothing.
    ///
    /// # If the process dies
    ///
    /// What was read and not handled is read again: positions are written with the batch.
    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error>;
}
