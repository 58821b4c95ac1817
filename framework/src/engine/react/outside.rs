//! Calls to the outside: written down before they are made, recorded when they are done.

use crate::engine::handler::Trouble;
use crate::engine::react::{Reacting, key_of};
use crate::error::Fault;
use crate::message::{Envelope, Message, Way, maybe};
use crate::reactor::barrier::{self, Barrier};
use crate::reactor::{Call, Compensation, Given, Reactor, Unit};
use crate::store::Calling;
use crate::tx::{Cause, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is needed to make a call, and to record what it brought.
#[derive(Serialize, Deserialize)]
struct Errand {
    /// The line of the table.
    of: String,
    /// The message that takes the line back, if this is its way back.
    back: Option<String>,
    /// The key of the barrier.
    key: String,
    way: Way,
    /// What was looked up, or what is to be taken back.
    #[serde(with = "maybe")]
    extra: Option<Box<RawValue>>,
}

impl Errand {
    /// A line that says what the call is for, then the message that asked for it.
    fn encode(&self, message: &Message) -> Result<Bytes, Fault> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&message.encode());
        Ok(bytes.into())
    }

    fn decode(bytes: &Bytes) -> Result<(Self, Message), Fault> {
        let line = bytes.iter().position(|byte| *byte == b'\n');
        let line = line.ok_or_else(|| Fault::new("a call that was written down is damaged"))?;
        Ok((serde_json::from_slice(&bytes[..line])?, Message::decode(&bytes.slice(line + 1..))?))
    }
}

impl<R: Reactor> Reacting<R> {
    /// Writes down that a call is under way. Messages of its key wait for what it brings (H26).
    #[allow(clippy::too_many_arguments)] // What a call is about has this many parts.
    pub(super) fn begin_call(
        tx: &mut Tx,
        of: &str,
        back: Option<&str>,
        key: &str,
        way: Way,
        extra: Option<Box<RawValue>>,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Fault> {
        let made = (way == Way::Back).then(|| extra.clone()).flatten();
        let by = envelope.step.is_none().then_some(envelope.id);
        Self::set(tx, key, &Barrier::Calling(barrier::Calling { way, by, made }))?;
        let errand = Errand {
            of: of.to_owned(),
            back: back.map(str::to_owned),
            key: key.to_owned(),
            way,
            extra,
        };
        let message = Message { envelope: envelope.clone(), body: body.clone() };
        tx.effects.calls.push(Calling {
            id: format!("{key}/{}", way.name()),
            key: key_of(envelope),
            holds: true,
            body: errand.encode(&message)?,
        });
        Ok(())
    }

    fn line(&self, errand: &Errand) -> Result<(&Unit<R>, Option<&Compensation<R>>), Fault> {
        let unit = self.table.units.iter().find(|unit| unit.hears == errand.of);
        let unit = unit.ok_or_else(|| {
            Fault::new(format!("`{}` has no line `{}` any more", R::NAME, errand.of))
        })?;
        let back = errand
            .back
            .as_deref()
            .and_then(|hears| unit.back.iter().find(|back| back.hears == hears));
        Ok((unit, back))
    }

    /// Makes the call.
    pub(super) async fn go_out(&self, calling: &Calling, attempt: u32) -> Result<Bytes, Fault> {
        let (errand, message) = Errand::decode(&calling.body)?;
        let (unit, back) = self.line(&errand)?;
        let (decode, call) = match back {
            Some(back) => (back.decode, back.call.as_ref()),
            None => (unit.decode, unit.stages.call.as_ref()),
        };
        let (call, within) =
            call.ok_or_else(|| Fault::new("its line does not call the outside any more"))?;
        let given = Given { message: decode(&message.body)?, extra: errand.extra };
        let about = Call { key: format!("{}/{}", R::NAME, calling.id), attempt };
        let going = call(&self.reactor, &about, &given);
        tokio::select! {
            biased;
            brought = going => Ok(Bytes::from(String::from(Box::<str>::from(brought?)))),
            () = crate::clock::rest(*within) => {
                Err(Fault::new(format!("no answer within {within:?}")))
            }
        }
    }

    /// Records what a call brought. If somebody else has resolved the row, there is nothing to record.
    pub(super) async fn called(
        &self,
        tx: &mut Tx,
        calling: &Calling,
        outcome: &Result<Bytes, String>,
    ) -> Result<(), Trouble> {
        let (errand, Message { envelope, body }) = Errand::decode(&calling.body)?;
        tx.cause = Cause {
            message: Some(envelope.id),
            correlation: envelope.correlation.clone(),
            hop: envelope.hop,
            traceparent: envelope.traceparent.clone(),
            ..tx.cause.clone()
        };
        let row = Self::barrier(tx, &errand.key).await?;
        if !matches!(&row, Some(Barrier::Calling(calling)) if calling.way == errand.way) {
            return Ok(());
        }
        let brought = outcome.as_ref().map_err(Fault::new)?;
        let extra = RawValue::from_string(String::from_utf8_lossy(brought).into_owned())?;
        let (unit, back) = self.line(&errand)?;
        match (back, &envelope.step) {
            (None, Some(step)) => {
                let given = Given { message: (unit.decode)(&body)?, extra: Some(extra) };
                let ended = (unit.stages.handle)(&self.reactor, tx, &given).await;
                self.answer_with(tx, Some(&errand.key), step, &envelope, ended).await
            }
            (None, None) => {
                let given = Given { message: (unit.decode)(&body)?, extra: Some(extra) };
                let said = (unit.stages.handle)(&self.reactor, tx, &given).await;
                let said = said.map_err(super::event::trouble)?;
                self.record(tx, unit, Some(&errand.key), &envelope, said).await
            }
            (Some(back), Some(step)) => {
                let given = Given { message: (back.decode)(&body)?, extra: Some(extra) };
                self.answered_back(tx, back, &errand.key, step, &envelope, &given).await
            }
            (Some(back), None) => {
                let given = Given { message: (back.decode)(&body)?, extra: Some(extra) };
                let said = (back.handle)(&self.reactor, tx, &given).await;
                let said = said.map_err(super::event::trouble)?;
                let made = errand.extra.is_some();
                Self::set(tx, &errand.key, &Barrier::Void { made })?;
                Ok(self.publish(tx, said.events).await?)
            }
        }
    }
}
