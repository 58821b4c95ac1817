//! What travels: a body of bytes and what everybody may know about it without opening it.

use crate::clock::Time;
use crate::error::{Error, ErrorKind, Refusal};
use crate::message::{Key, pack};
use crate::text::Text;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A fact for everybody.
    Event,
    /// An order to one service.
    Command,
    /// What the service answered.
    Reply,
}

/// Which way a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The action.
    Forward,
    /// The compensation.
    Back,
}

impl Way {
    /// `forward` or `back`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Back => "back",
        }
    }
}

/// Where a message stands on its edge, which is (source, incarnation, lane) → (topic, partition).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The group that sent it.
    pub source: Text,
    /// Which life of its store: another one after a restore from backup.
    pub incarnation: u32,
    /// The lane of the group.
    pub lane: u32,
    /// Gapless from 1, assigned in the transaction that sent it.
    pub seq: u64,
}

/// What a command and its reply say of the step they belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    /// The saga.
    pub saga: Text,
    /// The run.
    pub run: Text,
    /// The step of its plan.
    pub step: Text,
    /// Action or compensation.
    pub way: Way,
    /// Counts compensations of one step that had to be opened again; 0 otherwise.
    pub round: u32,
    /// Counts the sendings of one command, from 1. Information only: it is not part of its identity.
    pub attempt: u32,
    /// The topic that waits for the reply; `None` if nobody does.
    pub reply_to: Option<Text>,
    /// When the sender stops waiting.
    pub deadline: Option<Time>,
}

impl StepRef {
    /// The command id: what it means, however often it is sent. Replies match on it and on nothing else.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}/{}/{}/{}", self.saga, self.run, self.step, self.way.name(), self.round)
    }

    /// What action and compensation of one step of one run have in common: the key of the barrier.
    #[must_use]
    pub fn pair(&self) -> String {
        format!("{}/{}/{}", self.saga, self.run, self.step)
    }
}

/// What everybody may know about a message. It is stored as an array of these fields: a new one goes to the end,
/// with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The id of the message, unique for every sending.
    pub id: Uuid,
    /// Event, command or reply.
    pub kind: Kind,
    /// The name of what is in the body, as `stock.reserved`.
    pub name: Text,
    /// The version of the body's schema.
    pub version: u32,
    /// What decides the order of delivery.
    pub key: Key,
    /// The business transaction: the same in everything that follows from one beginning.
    pub correlation: Text,
    /// The message that was handled when this one was sent.
    pub causation: Option<Uuid>,
    /// How many messages lie between this one and the beginning.
    pub hop: u32,
    /// When it was written down, by the sender's store.
    pub occurred_at: Time,
    /// W3C Trace Context, carried on as it came.
    pub traceparent: Option<Text>,
    /// Where it stands on its edge; foreign messages stand on none.
    pub stamp: Option<Stamp>,
    /// For commands and replies: the step they belong to.
    pub step: Option<StepRef>,
}

/// A message: envelope and body. A clone shares both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What everybody may know.
    pub envelope: Arc<Envelope>,
    /// What only its readers open; JSON unless the parties agreed otherwise.
    pub body: Bytes,
}

impl Message {
    /// A message of these.
    pub fn new(envelope: Envelope, body: impl Into<Bytes>) -> Self {
        Self { envelope: Arc::new(envelope), body: body.into() }
    }

    /// Its envelope, to be changed; those of its clones stay as they are.
    pub fn envelope_mut(&mut self) -> &mut Envelope {
        Arc::make_mut(&mut self.envelope)
    }

    /// The bytes to store: the envelope in [MessagePack](https://msgpack.org), an array of its fields in their
    /// order, then the body as it is.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // The envelope of a command has about 160.
        let mut bytes = Vec::with_capacity(256 + self.body.len());
        self.encode_into(&mut bytes);
        bytes.into()
    }

    /// The same behind what is there already.
    pub(crate) fn encode_into(&self, bytes: &mut Vec<u8>) {
        rmp_serde::encode::write(bytes, &*self.envelope).expect("an envelope is plain data");
        bytes.extend_from_slice(&self.body);
    }

    /// Reads what [`encode`](Self::encode) wrote. The body is not copied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Codec`] if these are not the bytes of a message.
    pub fn decode(bytes: &Bytes) -> Result<Self, Error> {
        let mut rest = &bytes[..];
        let envelope = pack::read(&mut rest).map_err(|cause| {
            Error::new(ErrorKind::Codec, "these bytes are not a message: no envelope")
                .because(cause)
        })?;
        Ok(Self::new(envelope, bytes.slice_ref(rest)))
    }
}

/// A message on its way to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic.
    pub topic: Text,
    /// The partition, computed by us.
    pub partition: u32,
    /// The message.
    pub message: Message,
}

/// The body of a reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The action was done, and made this.
    Done(Box<RawValue>),
    /// The business said no.
    Refused(Refusal),
    /// The compensation was done; `made` says whether there was anything to take back.
    Compensated {
        /// Whether the action had been done.
        made: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Kind, Message, Stamp, StepRef, Way};
    use crate::clock::Time;
    use crate::id::derived;
    use crate::message::Key;
    use bytes::Bytes;

    fn message() -> Message {
        let step = StepRef {
            saga: "purchase".into(),
            run: "1041".into(),
            step: "reserve-stock".into(),
            way: Way::Back,
            round: 0,
            attempt: 3,
            reply_to: Some("purchase.replies".into()),
            deadline: Some(Time::from_micros(7)),
        };
        let envelope = Envelope {
            id: derived(&["a"]),
            kind: Kind::Command,
            name: "stock.release".into(),
            version: 1,
            key: Key::new("1041"),
            correlation: "1041".into(),
            causation: Some(derived(&["b"])),
            hop: 4,
            occurred_at: Time::from_micros(1),
            traceparent: None,
            stamp: Some(Stamp { source: "purchase".into(), incarnation: 1, lane: 0, seq: 9 }),
            step: Some(step),
        };
        Message::new(envelope, Bytes::from_static(b"{\"a\":\n1}"))
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = message();
        assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        let bare =
            Envelope { causation: None, stamp: None, step: None, ..(*message.envelope).clone() };
        let bare = Message::new(bare, "");
        assert_eq!(Message::decode(&bare.encode()).unwrap(), bare);
    }

    #[test]
    fn bytes_that_are_no_message_are_named_so() {
        for bytes in ["", "\n", "garbage", "{}\n{}", "\u{0}\u{1}\n"] {
            let told = Message::decode(&Bytes::from_static(bytes.as_bytes())).unwrap_err();
            assert_eq!(told.to_string(), "these bytes are not a message: no envelope", "{bytes:?}");
        }
        // What is nested without end would fill the stack.
        let deep = [&b"\x81\xa1x"[..], &[0x91; 100_000]].concat();
        assert!(Message::decode(&deep.into()).is_err());
        let whole = message().encode();
        for length in 0..whole.len() - message().body.len() {
            let told = Message::decode(&whole.slice(..length));
            assert!(told.is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_command_keeps_its_id_when_it_is_sent_again() {
        let first = message().envelope.step.clone().unwrap();
        let again = StepRef { attempt: 4, ..first.clone() };
        assert_eq!(first.id(), again.id());
        assert_eq!(first.id(), "purchase/1041/reserve-stock/back/0");
    }
}
