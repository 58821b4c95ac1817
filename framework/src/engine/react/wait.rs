//! Waits: begun and ended by what is heard or said, over when their time is up.

use crate::clock::Time;
use crate::engine::handler::Trouble;
use crate::engine::react::{Reacting, Remembered};
use crate::error::Fault;
use crate::message::Key;
use crate::reactor::{Given, Reactor, Waiting};
use crate::store::Timer;
use crate::text::Text;
use crate::tx::{Cause, Place, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What is remembered of a wait.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WaitRow {
    /// It goes on. The event that began it is the cause of what is said when its time is up.
    Open {
        event: Box<RawValue>,
        correlation: Text,
        /// When its time is up.
        due: Time,
        /// The id of the event.
        message: Option<Uuid>,
        hop: u32,
        traceparent: Option<Text>,
    },
    /// It has ended, perhaps before it began.
    Ended,
}

impl Remembered for WaitRow {
    fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// The row and the timer of a wait.
fn key(name: &str, correlation: &str) -> String {
    format!("wait/{name}/{correlation}")
}

/// What a wait is begun by: the message that was heard, or what follows from it.
fn begun_by(tx: &Tx, said: Option<(&str, Place)>) -> Cause {
    let heard = tx.cause.clone();
    match said {
        None => heard,
        Some((topic, place)) => {
            let hop = heard.hop.saturating_add(1);
            Cause { message: Some(tx.numbers().id(topic, place)), hop, ..heard }
        }
    }
}

impl<R: Reactor> Reacting<R> {
    /// Begins and ends the waits that this event concerns. One that the reactor itself has said stands at
    /// a place of a topic.
    pub(super) async fn mind_waits(
        &self,
        tx: &mut Tx,
        name: &str,
        about: &Key,
        body: &Bytes,
        said: Option<(&str, Place)>,
    ) -> Result<(), Fault> {
        for Waiting { name: wait, wait: line } in &self.table.waits {
            let begins = line.after.0 == name;
            let ends = line.until.iter().any(|(until, _)| *until == name);
            if !begins && !ends {
                continue;
            }
            let id = key(wait, tx.correlation());
            let row = Self::at::<WaitRow>(tx, &id).await?;
            if ends && !matches!(row, Some(WaitRow::Ended)) {
                Self::set(tx, &id, &WaitRow::Ended)?;
                if let Some(WaitRow::Open { due, .. }) = row {
                    tx.effects.timers_gone.push(Timer { due, id });
                }
            } else if begins && row.is_none() {
                let Cause { message, correlation, hop, traceparent, .. } = begun_by(tx, said);
                let event = serde_json::from_slice(body)?;
                let due = tx.now().after(line.within);
                let row = WaitRow::Open { event, correlation, due, message, hop, traceparent };
                Self::set(tx, &id, &row)?;
                tx.effects.timers.push((Timer { due, id }, about.clone()));
            }
        }
        Ok(())
    }

    /// The time of a wait is up.
    pub(super) async fn wait_is_over(&self, tx: &mut Tx, id: &str) -> Result<(), Trouble> {
        let name = id.split('/').nth(1).unwrap_or_default();
        let Some(Waiting { wait, .. }) = self.table.waits.iter().find(|line| line.name == name)
        else {
            return Err(Trouble::Dead(format!("`{}` has no wait `{name}` any more", R::NAME)));
        };
        let Some(WaitRow::Open { event, correlation, message, hop, traceparent, .. }) =
            Self::at::<WaitRow>(tx, id).await?
        else {
            return Ok(());
        };
        tx.cause = Cause { message, correlation, hop, traceparent, ..tx.cause.clone() };
        Self::set(tx, id, &WaitRow::Ended)?;
        let given = Given { message: (wait.decode)(event.get().as_bytes())?, extra: None };
        let said = (wait.otherwise)(&self.reactor, tx, &given).await;
        let said = said.map_err(super::event::trouble)?;
        Ok(self.publish(tx, said.events).await?)
    }
}
