//! A message for tests, of which only the body matters.

use crate::clock::Time;
use crate::message::{Envelope, Key, Kind, Message, Outgoing};

/// A message with this body; its id is that of the body.
pub(crate) fn message(body: &str) -> Message {
    let envelope = Envelope {
        id: crate::id::derived(&[body]),
        kind: Kind::Event,
        name: "something.happened".into(),
        version: 1,
        key: Key::new("k"),
        correlation: "c".into(),
        causation: None,
        hop: 1,
        occurred_at: Time::default(),
        traceparent: None,
        stamp: None,
        step: None,
    };
    Message::new(envelope, body.to_owned())
}

/// The same on its way.
pub(crate) fn outgoing(topic: &str, partition: u32, body: &str) -> Outgoing {
    Outgoing { topic: topic.into(), partition, message: message(body) }
}
