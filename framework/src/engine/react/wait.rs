//! Waits: begun and ended by what is heard or said, over when their time is up.

use crate::engine::handler::Trouble;
use crate::engine::react::Reacting;
use crate::error::Fault;
use crate::message::Key;
use crate::reactor::{Given, Reactor, Waiting};
use crate::store::{Lock, Timer, Value};
use crate::tx::{Cause, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What is remembered of a wait.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WaitRow {
    /// It goes on: the event that began it, and what caused that.
    Open {
        event: Box<RawValue>,
        correlation: String,
        message: Option<Uuid>,
        hop: u32,
        traceparent: Option<String>,
    },
    /// It has ended, perhaps before it began.
    Ended,
}

/// The row and the timer of a wait.
fn key(name: &str, correlation: &str) -> String {
    format!("wait/{name}/{correlation}")
}

impl<R: Reactor> Reacting<R> {
    /// Begins and ends the waits that this event concerns.
    pub(super) async fn mind_waits(
        &self,
        tx: &mut Tx,
        name: &str,
        about: &Key,
        body: &Bytes,
    ) -> Result<(), Fault> {
        for Waiting { name: wait, wait: line } in &self.table.waits {
            let begins = line.after.0 == name;
            let ends = line.until.iter().any(|(until, _)| *until == name);
            if !begins && !ends {
                continue;
            }
            let id = key(wait, tx.correlation());
            let row = Self::wait_row(tx, &id).await?;
            if ends && !matches!(row, Some(WaitRow::Ended)) {
                Self::set_wait(tx, &id, &WaitRow::Ended)?;
                tx.effects.timers.push(Timer { id, due: None, key: about.clone() });
            } else if begins && row.is_none() {
                let Cause { message, correlation, hop, traceparent, .. } = tx.cause.clone();
                let event = serde_json::from_slice(body)?;
                let row = WaitRow::Open { event, correlation, message, hop, traceparent };
                Self::set_wait(tx, &id, &row)?;
                let due = Some(tx.now().after(line.within));
                tx.effects.timers.push(Timer { id, due, key: about.clone() });
            }
        }
        Ok(())
    }

    async fn wait_row(tx: &mut Tx, id: &str) -> Result<Option<WaitRow>, Fault> {
        let row = tx.value(Self::slot(id), Lock::Change).await;
        Ok(row.map(|row| serde_json::from_slice(&row)).transpose()?)
    }

    fn set_wait(tx: &mut Tx, id: &str, row: &WaitRow) -> Result<(), Fault> {
        tx.write(Self::slot(id), Some(Value::plain(serde_json::to_vec(row)?)));
        Ok(())
    }

    /// The time of a wait is up.
    pub(super) async fn wait_is_over(&self, tx: &mut Tx, id: &str) -> Result<(), Trouble> {
        let name = id.split('/').nth(1).unwrap_or_default();
        let Some(Waiting { wait, .. }) = self.table.waits.iter().find(|line| line.name == name)
        else {
            return Err(Trouble::Dead(format!("`{}` has no wait `{name}` any more", R::NAME)));
        };
        let Some(WaitRow::Open { event, correlation, message, hop, traceparent }) =
            Self::wait_row(tx, id).await?
        else {
            return Ok(());
        };
        tx.cause = Cause { message, correlation, hop, traceparent, ..tx.cause.clone() };
        Self::set_wait(tx, id, &WaitRow::Ended)?;
        let given = Given { message: (wait.decode)(event.get().as_bytes())?, extra: None };
        let said = (wait.otherwise)(&self.reactor, tx, &given).await;
        let said = said.map_err(super::event::trouble)?;
        Ok(self.publish(tx, said.events).await?)
    }
}
