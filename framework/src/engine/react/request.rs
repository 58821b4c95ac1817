//! Requests: commands of clients, each answered once under the client's own key.

use crate::engine::handler::Trouble;
use crate::engine::react::Reacting;
use crate::error::{Fault, Refusal, StepError};
use crate::message::{Key, Reply};
use crate::reactor::{Given, Reactor, Unit};
use crate::store::{Lock, Slot, Space, Value};
use crate::tx::{Cause, Entry, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is remembered of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    /// What was asked: the same key with another body is refused.
    pub(crate) asked: Box<RawValue>,
    /// What was answered.
    pub(crate) reply: Reply,
}

impl RequestRow {
    pub(crate) fn slot(service: &str, id: &str) -> Slot {
        Slot::new(Space::Barriers, service, format!("request/{id}"))
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
        if unit.stages.call.is_some() {
            // Clients wait for a transaction, not for the outside.
            let no =
                Refusal::new("calls_outside", format!("`{command}` can only be asked by a saga"));
            let row = RequestRow { asked, reply: Reply::Refused(no) };
            let row = serde_json::to_vec(&row).map_err(Fault::from)?;
            tx.write(slot, Some(Value::plain(row)));
            return Ok(());
        }
        let correlation = if correlation.is_empty() { key.to_string() } else { correlation };
        tx.cause = Cause { correlation, traceparent, ..tx.cause.clone() };
        let given = Given { message: (unit.decode)(asked.get().as_bytes())?, extra: None };
        let reply = match (unit.stages.handle)(&self.reactor, tx, &given).await {
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
        let row = serde_json::to_vec(&RequestRow { asked, reply }).map_err(Fault::from)?;
        tx.write(slot, Some(Value::plain(row)));
        Ok(())
    }
}
