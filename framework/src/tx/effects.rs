//! What a handler makes happen besides what it writes.

use crate::error::Fault;
use crate::message::{Key, Kind, StepRef};
use crate::saga::Saga;
use crate::store::{Calling, Inboxed, Timer};
use crate::text::Text;
use crate::tx::Tx;
use crate::tx::entry::Entry;
use crate::tx::numbers::Place;
use bytes::Bytes;
use serde_json::value::to_raw_value;
use std::time::Duration;
use uuid::Uuid;

/// What is being handled, as far as what follows from it must say.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    /// The message.
    pub message: Option<Uuid>,
    /// The business transaction.
    pub correlation: Text,
    /// How many messages lie between it and the beginning.
    pub hop: u32,
    /// The trace it belongs to.
    pub traceparent: Option<Text>,
    /// How long it has waited for something that was not here yet.
    pub waited: Duration,
    /// How often it has faulted before.
    pub attempts: u32,
    /// Whether what it brings about may be there already: it was set aside or given up, and may have been handled
    /// meanwhile; or nobody has looked.
    pub unsure: bool,
}

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct Send {
    /// Where to.
    pub topic: Text,
    /// Event, command or reply.
    pub kind: Kind,
    /// Its name.
    pub name: Text,
    /// The version of its schema.
    pub version: u32,
    /// Its key.
    pub key: Key,
    /// For commands and replies: the step.
    pub step: Option<StepRef>,
    /// The body.
    pub body: Bytes,
}

/// Everything that one message makes happen.
#[derive(Debug, Default, Clone)]
pub struct Effects {
    /// Messages, in order, each with its place.
    pub sends: Vec<(Place, Send)>,
    /// Timers that are taken away.
    pub timers_gone: Vec<Timer>,
    /// Timers that are set then, and what they are about.
    pub timers: Vec<(Timer, Key)>,
    /// Calls to the outside that begin.
    pub calls: Vec<Calling>,
    /// Entries for the lanes of other groups: group, key of the lane, entry.
    pub inbox: Vec<(String, Key, Inboxed)>,
}

impl Tx {
    /// Begins a run of saga `S` when this transaction is committed. The same id begins once.
    ///
    /// # Errors
    ///
    /// A fault if the input cannot be written as JSON.
    ///
    /// # If the process dies
    ///
    /// The run is begun if and only if the transaction was committed.
    pub fn begin<S: Saga>(&mut self, run: &str, input: &S::Input) -> Result<(), Fault> {
        let Cause { message, correlation, hop, traceparent, .. } = self.cause.clone();
        let entry = Entry::Begin {
            run: run.to_owned(),
            input: to_raw_value(input)?,
            correlation,
            causation: message,
            hop,
            traceparent,
        };
        let (key, id) = (Key::new(run), format!("begin/{run}"));
        let entry = Inboxed { id, key: key.clone(), body: entry.bytes() };
        self.effects.inbox.push((S::NAME.to_owned(), key, entry));
        Ok(())
    }
}
