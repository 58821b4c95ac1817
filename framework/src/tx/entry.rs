//! What may enter the inbox of a lane.

use crate::error::{Error, ErrorKind};
use crate::saga::journal::{Signal, Verb};
use crate::text::Text;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Something that entered a lane and came from no broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// Begin a run.
    Begin {
        run: String,
        input: Box<RawValue>,
        correlation: Text,
        causation: Option<Uuid>,
        hop: u32,
        traceparent: Option<Text>,
    },
    /// Take a run back.
    Cancel { run: String, by: String, reason: String },
    /// A signal for a run.
    Signal { run: String, step: String, signal: Signal },
    /// What an operator does to a run.
    Operate { run: String, verb: Verb, step: String, by: String, reason: String },
    /// A command of a client, answered under its own key.
    Request {
        id: String,
        command: String,
        body: Box<RawValue>,
        correlation: Text,
        traceparent: Option<Text>,
    },
    /// Fold a view anew, if this generation of it is read.
    Rebuild { read: u32 },
    /// Read the generation of a view that was folded.
    ReadNext { folded: u32 },
    /// Take a dead letter up again.
    Replay { dead: Uuid },
}

impl Entry {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|cause| {
            Error::new(ErrorKind::Codec, "an inbox entry is damaged").because(cause)
        })
    }

    pub(crate) fn bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("an entry is plain data").into()
    }
}
