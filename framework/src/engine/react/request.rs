//! Requests: commands of clients, each answered once under the client's own key.
//!
//! ```text
//! (no row) ──► answered in the lane's transaction ──────────────────► row with its reply
//!     └──────► row without one: the outside is called ──► recorded ──────────┘
//! ```

use crate::engine::handler::Trouble;
use crate::engine::react::{Reacting, Remembered};
use crate::error::{Fault, Refusal, StepError};
use crate::id::derived;
use crate::message::{Envelope, Key, Kind, Message, Reply};
use crate::reactor::{Given, Reactor, Said, Unit};
use crate::store::{Lock, Slot, Space};
use crate::tx::{Cause, Entry, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is remembered of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    /// What was asked: the same key with another command or another body is refused.
    pub(crate) command: String,
    /// Its body.
    pub(crate) asked: Box<RawValue>,
    /// What was answered; `None` while the outside is being called for it.
    pub(crate) reply: Option<Reply>,
}

impl RequestRow {
    pub(crate) fn slot(service: &str, id: &str) -> Slot {
        Slot::new(Space::Barriers, service, format!("request/{id}"))
    }

    fn write(self, tx: &mut Tx, slot: Slot) -> Result<(), Fault> {
        tx.write(slot, Some(self.value()?));
        Ok(())
    }
}

impl Remembered for RequestRow {
    fn is_open(&self) -> bool {
        self.reply.is_none()
    }
}

impl<R: Reactor> Reacting<R> {
    pub(super) async fn request(
        &self,
        tx: &mut Tx,
        key: &Key,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let entry = Entry::read(body).map_err(|told| Trouble::Dead(told.to_string()))?;
        let Entry::Request { id, command, body: asked, correlation, traceparent } = entry else {
            return Err(Trouble::Dead(format!("`{}` coordinates no runs", R::NAME)));
        };
        let slot = RequestRow::slot(R::NAME, &id);
        if tx.value(slot.clone(), Lock::Change).await.is_some() {
            return Ok(());
        }
        let answers = |unit: &&Unit<R>| unit.is_answer() && unit.hears == command;
        let Some(unit) = self.table.units.iter().find(answers) else {
            return Err(Trouble::Dead(format!("`{}` does not answer `{command}`", R::NAME)));
        };
        let correlation = if correlation.is_empty() { key.as_str().into() } else { correlation };
        tx.cause = Cause { correlation, traceparent, ..tx.cause.clone() };
        let given = Given { message: (unit.decode)(asked.get().as_bytes())?, extra: None };
        let row = RequestRow { command, asked, reply: None };
        let mut looked = None;
        if let Some(look) = &unit.stages.look {
            looked = look(&self.reactor, tx, &given).await?;
            if looked.is_none() {
                let no = Refusal::new("not_found", "there is nothing to call for");
                return self.answer_request(tx, slot, row, Err(StepError::Refused(no))).await;
            }
        }
        if unit.stages.call.is_some() {
            let message = as_message(tx, key, R::NAME, &id, unit.hears, &row.asked);
            Self::begin_request_call(tx, unit.hears, id, looked, &message)?;
            return Ok(row.write(tx, slot)?);
        }
        let ended = (unit.stages.handle)(&self.reactor, tx, &given).await;
        self.answer_request(tx, slot, row, ended).await
    }

    /// Records what the call for a request brought.
    pub(super) async fn request_called(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        id: &str,
        asked: &Bytes,
        brought: &Bytes,
    ) -> Result<(), Trouble> {
        // No message is behind it.
        tx.cause.message = None;
        let slot = RequestRow::slot(R::NAME, id);
        let Some(row) = tx.value(slot.clone(), Lock::Change).await else { return Ok(()) };
        let row: RequestRow = slot.read(&row)?;
        if row.reply.is_some() {
            return Ok(());
        }
        let extra = RawValue::from_string(String::from_utf8_lossy(brought).into_owned())?;
        let given = Given { message: (unit.decode)(asked)?, extra: Some(extra) };
        let ended = (unit.stages.handle)(&self.reactor, tx, &given).await;
        self.answer_request(tx, slot, row, ended).await
    }

    /// Writes down what was answered: a refusal that is returned as an error discards what was written.
    async fn answer_request(
        &self,
        tx: &mut Tx,
        slot: Slot,
        row: RequestRow,
        ended: Result<Said, StepError>,
    ) -> Result<(), Trouble> {
        let reply = match ended {
            Ok(said) => {
                self.publish(tx, said.events).await?;
                match said.refusal {
                    Some(no) => Reply::Refused(no),
                    None => Reply::Done(said.reply.unwrap_or_else(|| RawValue::NULL.to_owned())),
                }
            }
            Err(StepError::Refused(no)) => {
                tx.discard();
                Reply::Refused(no)
            }
            Err(StepError::Fault(fault)) => return Err(Trouble::Fault(fault)),
        };
        Ok(RequestRow { reply: Some(reply), ..row }.write(tx, slot)?)
    }
}

/// What a client asked, as its call keeps it: calls are written down with the message that asked for
/// them.
fn as_message(
    tx: &Tx,
    key: &Key,
    service: &str,
    id: &str,
    command: &str,
    asked: &RawValue,
) -> Message {
    let envelope = Envelope {
        id: derived(&["request", service, id]),
        kind: Kind::Command,
        name: command.into(),
        version: 1,
        key: key.clone(),
        correlation: tx.cause.correlation.clone(),
        causation: None,
        hop: tx.cause.hop,
        occurred_at: tx.now(),
        traceparent: tx.cause.traceparent.clone(),
        stamp: None,
        step: None,
    };
    Message::new(envelope, Bytes::copy_from_slice(asked.get().as_bytes()))
}
