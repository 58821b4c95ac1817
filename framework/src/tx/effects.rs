//! What a handler makes happen besides what it writes.

use crate::message::{Key, Kind, Record, StepRef};
use crate::saga::Saga;
use crate::store::{Calling, Inboxed, Timer};
use crate::tx::Tx;
use crate::{error::Fault, id::derived};
use bytes::Bytes;
use std::time::Duration;
use uuid::Uuid;

/// What is being handled, as far as what follows from it must say.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    /// The message.
    pub message: Option<Uuid>,
    /// The business transaction.
    pub correlation: String,
    /// How many messages lie between it and the beginning.
    pub hop: u32,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// How long it has waited for something that was not here yet.
    pub waited: Duration,
    /// How often it has faulted before.
    pub attempts: u32,
}

/// A message that is to be sent; its lane gives it an id, a place on its edge and a partition.
#[derive(Debug, Clone)]
pub struct Send {
    /// Where to.
    pub topic: String,
    /// Event, command or reply.
    pub kind: Kind,
    /// Its name.
    pub name: String,
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
    /// Messages, in order.
    pub sends: Vec<Send>,
    /// Timers, set or taken away.
    pub timers: Vec<Timer>,
    /// Calls to the outside that begin.
    pub calls: Vec<Calling>,
    /// Entries for the lanes of other groups: group, key of the lane, entry.
    pub inbox: Vec<(String, Key, Inboxed)>,
    /// The reply to the request that is handled.
    pub reply: Option<Bytes>,
    /// Parked messages of this key that are not wanted any more: those that hold this step or reaction.
    pub supersede: Option<(Key, String)>,
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
        let entry = entry_to_begin::<S>(run, input, &self.cause)?;
        self.effects.inbox.push((S::NAME.to_owned(), Key::new(run), entry));
        Ok(())
    }
}

/// The entry that begins a run.
pub(crate) fn entry_to_begin<S: Saga>(
    run: &str,
    input: &S::Input,
    cause: &Cause,
) -> Result<Inboxed, Fault> {
    let _ = (record::<S::Input>, derived);
    let body = serde_json::to_vec(&serde_json::json!({
        "begin": {
            "run": run,
            "input": input,
            "correlation": cause.correlation,
            "causation": cause.message,
            "hop": cause.hop,
            "traceparent": cause.traceparent,
        }
    }))?;
    Ok(Inboxed { id: format!("begin/{run}"), key: Key::new(run), body: body.into() })
}

fn record<T: Record>() {}
