//! What a lane works on: messages, entries of its inbox, calls that ended, timers that are due.

use crate::error::{Error, ErrorKind};
use crate::message::{Key, Message};
use crate::store::Calling;
use crate::text::Text;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One thing to work on.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Message {
        topic: Text,
        message: Message,
    },
    Inbox {
        key: Key,
        body: Bytes,
    },
    Timer {
        id: String,
        key: Key,
    },
    Called {
        calling: Calling,
        outcome: Result<Bytes, String>,
    },
    /// Bytes that are no message.
    Poison {
        topic: Text,
        bytes: Bytes,
        reason: String,
    },
}

/// How the parts of a work item that are data are written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    Message { topic: Text },
    Inbox { key: Key },
    Timer { id: String, key: Key },
    Called { calling: Calling, outcome: Result<(), String> },
    Poison { topic: Text, reason: String },
}

impl Work {
    /// What decides its order.
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Message { message, .. } => message.envelope.key.clone(),
            Self::Inbox { key, .. } | Self::Timer { key, .. } => key.clone(),
            Self::Called { calling, .. } => calling.key.clone(),
            Self::Poison { topic, .. } => Key::new(format!("poison on {topic}")),
        }
    }

    /// What it is, for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Message { message, .. } => &message.envelope.name,
            Self::Inbox { .. } => "inbox entry",
            Self::Timer { id, .. } => id,
            Self::Called { calling, .. } => &calling.id,
            Self::Poison { .. } => "bytes that are no message",
        }
    }

    /// The bytes to set it aside with: a line that says what it is, then the rest as it is.
    pub(crate) fn encode(&self) -> Bytes {
        let (head, rest) = match self.clone() {
            Self::Message { topic, message } => (Head::Message { topic }, message.encode()),
            Self::Inbox { key, body } => (Head::Inbox { key }, body),
            Self::Timer { id, key } => (Head::Timer { id, key }, Bytes::new()),
            Self::Called { calling, outcome: Ok(brought) } => {
                (Head::Called { calling, outcome: Ok(()) }, brought)
            }
            Self::Called { calling, outcome: Err(why) } => {
                (Head::Called { calling, outcome: Err(why) }, Bytes::new())
            }
            Self::Poison { topic, bytes, reason } => (Head::Poison { topic, reason }, bytes),
        };
        let mut bytes = serde_json::to_vec(&head).expect("plain data");
        bytes.push(b'\n');
        bytes.extend_from_slice(&rest);
        bytes.into()
    }

    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Error> {
        let damaged = || Error::new(ErrorKind::Codec, "a message that was set aside is damaged");
        let line = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(&bytes[..line]).map_err(|_| damaged())?;
        let rest = bytes.slice(line + 1..);
        Ok(match head {
            Head::Message { topic } => Self::Message { topic, message: Message::decode(&rest)? },
            Head::Inbox { key } => Self::Inbox { key, body: rest },
            Head::Timer { id, key } => Self::Timer { id, key },
            Head::Called { calling, outcome } => {
                Self::Called { calling, outcome: outcome.map(|()| rest) }
            }
            Head::Poison { topic, reason } => Self::Poison { topic, bytes: rest, reason },
        })
    }
}
