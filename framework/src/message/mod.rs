//! The words: events, commands, and the topics and services that own them.
//!
//! An **event** is a fact for everybody; it has a topic and a key. A **command** is an order to one
//! service; it has an addressee and a reply. Neither can stand in for the other: the traits share
//! nothing, and a command has no topic on which it could be published.
//!
//! Not here: how a message is carried (`broker`), what somebody does when it comes (`reactor`, `saga`).

mod envelope;
mod macros;
pub(crate) mod maybe;
pub(crate) mod pack;
#[cfg(test)]
pub(crate) mod samples;
mod trace;
pub mod wire;

pub use envelope::{Envelope, Kind, Message, Outgoing, Reply, Stamp, StepRef, Way};
pub use trace::trace_id;

use crate::text::Text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be written down.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Record for T {}

/// What decides the order of delivery: messages of one key arrive in the order they were sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Text);

impl Key {
    /// How many bytes an id of a run and a key of a message or of a request may have at most, and half of what the key of
    /// a row may have [as bytes](crate::TableKey): every store has room for it in its indexes, and every broker in a
    /// record. Longer ones are refused: to a client by an error, to a handler by a fault; and a record of Kafka that
    /// comes with one is a dead letter.
    pub const LONGEST: usize = 1_024;

    /// A key of this text.
    pub fn new(text: impl Into<Text>) -> Self {
        Self(text.into())
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition of this key among so many: murmur2, as Apache Kafka's own clients have it.
    ///
    /// # Panics
    ///
    /// If there are no partitions.
    #[must_use]
    pub fn partition(&self, partitions: u32) -> u32 {
        assert!(partitions > 0, "a topic has at least one partition");
        (murmur2(self.0.as_bytes()) & 0x7fff_ffff) % partitions
    }
}

impl<T: ToString + ?Sized> From<&T> for Key {
    fn from(text: &T) -> Self {
        Self(Text::from(text.to_string()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says of a key, or of what is one, that it is [too long](Key::LONGEST), if it has so many bytes.
pub(crate) fn fits(what: impl fmt::Display, size: usize) -> Result<(), String> {
    has_at_most(Key::LONGEST, what, size)
}

/// The same for what may have so many.
pub(crate) fn has_at_most(most: usize, what: impl fmt::Display, size: usize) -> Result<(), String> {
    match size > most {
        true => Err(format!("{what} has {size} bytes and may have {most}: make it shorter")),
        false => Ok(()),
    }
}

/// Austin Appleby's MurmurHash2 with the seed of Apache Kafka's default partitioner.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (word ^ (word >> 24)).wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// A stream of facts with one kind of key and, unless it says otherwise, one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// The name at the broker.
    pub name: &'static str,
    /// How many partitions it has; `None` takes the app's number of lanes.
    pub partitions: Option<u32>,
    /// Whether several services may write it.
    pub many_writers: bool,
    /// Whether only the newest message of a key is kept, so that gaps are normal.
    pub compacted: bool,
}

impl Topic {
    /// A topic of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, partitions: None, many_writers: false, compacted: false }
    }

    /// The same topic with a number of partitions of its own.
    #[must_use]
    pub const fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// The same topic, written by several services; each of its messages still has one writer.
    #[must_use]
    pub const fn many_writers(mut self) -> Self {
        self.many_writers = true;
        self
    }

    /// The same topic, of which the broker keeps the newest message of each key.
    #[must_use]
    pub const fn compacted(mut self) -> Self {
        self.compacted = true;
        self
    }
}

/// A fact for everybody. Declared by [`topic!`](crate::topic).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "only facts are published; a command has one addressee: send it with `ask`",
    note = "declare events with `topic!`"
)]
pub trait Event: Record {
    /// The name on the wire, `noun.participle`.
    const NAME: &'static str;
    /// The version of its schema.
    const VERSION: u32 = 1;
    /// Where it is published.
    const TOPIC: Topic;
    /// What it is about.
    fn key(&self) -> Key;
}

/// An order to one service. Declared by [`service!`](crate::service).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    label = "`ask` needs a function that makes a command",
    note = "declare commands with `service!`; an event is a fact for everybody and has no reply"
)]
pub trait Command: Record {
    /// The name on the wire, `noun.imperative`.
    const NAME: &'static str;
    /// The version of its schema.
    const VERSION: u32 = 1;
    /// The one service that answers it.
    const TO: &'static str;
    /// What the service answers.
    type Reply: Record;
}

/// The topic on which a service is sent its commands.
#[must_use]
pub fn commands_of(service: &str) -> String {
    format!("{service}.commands")
}

/// The topic on which a saga's coordinator is sent the replies.
#[must_use]
pub fn replies_of(saga: &str) -> String {
    format!("{saga}.replies")
}

#[cfg(test)]
mod tests {
    use super::{Key, murmur2};

    /// The vectors of Apache Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    #[allow(clippy::cast_sign_loss)]
    fn keys_hash_as_apache_kafka_hashes_them() {
        for (text, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash as u32, "{text}");
        }
    }

    #[test]
    fn a_key_falls_on_the_same_partition_every_time() {
        assert_eq!(Key::new("21").partition(16), Key::from("21").partition(16));
        assert!((0..100).all(|n| Key::from(&n).partition(7) < 7));
    }
}
