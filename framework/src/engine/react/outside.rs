//! Calls to the outside: written down before they are made, recorded when they are done.

use crate::engine::handler::Trouble;
use crate::engine::react::{Reacting, given};
use crate::error::Fault;
use crate::message::{Message, Way, maybe};
use crate::mistake::Mistake;
use crate::reactor::barrier::{self, Barrier};
use crate::reactor::{Call, Compensation, Given, Reactor, Unit};
use crate::store::Calling;
use crate::tx::{Cause, Tx};
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::fmt;

/// What a call is for: what is needed to make it, and to record what it brought.
#[derive(Serialize, Deserialize)]
pub(super) struct Errand {
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
    /// The client's key, if a client asked and not a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

impl Errand {
    /// To do what a line does, with what its look has found.
    pub(super) fn forward(of: &str, key: &str, looked: Option<Box<RawValue>>) -> Self {
        let (of, key) = (of.to_owned(), key.to_owned());
        Self { of, back: None, key, way: Way::Forward, extra: looked, request: None }
    }

    /// To take back what a line has made, on the message `on`.
    pub(super) fn back(of: &str, on: &str, key: &str, made: Option<Box<RawValue>>) -> Self {
        let (of, back, key) = (of.to_owned(), Some(on.to_owned()), key.to_owned());
        Self { of, back, key, way: Way::Back, extra: made, request: None }
    }

    /// What the barrier remembers while the call is under way.
    fn barrier(&self, message: &Message) -> Barrier {
        let by = message.envelope.step.is_none().then_some(message.envelope.id);
        let made = self.extra.clone().filter(|_| self.way == Way::Back);
        Barrier::Calling(barrier::Calling { way: self.way, by, made })
    }

    /// What the outside knows the call by. A later round of a step is another call: under the key of the
    /// first the outside would answer as it did then.
    fn id(&self, message: &Message) -> String {
        let id = format!("{}/{}", self.key, self.way.name());
        match message.envelope.step.as_ref().map_or(0, |step| step.round) {
            0 => id,
            round => format!("{id}/{round}"),
        }
    }

    /// The call, which holds its key until it has ended.
    fn calling(&self, message: &Message) -> Result<Calling, Fault> {
        Ok(Calling {
            id: self.id(message),
            key: message.envelope.key.clone(),
            holds: true,
            body: self.encode(message)?,
        })
    }

    /// A line that says what the call is for, then the message that asked for it.
    fn encode(&self, message: &Message) -> Result<Bytes, Fault> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&message.encode());
        Ok(bytes.into())
    }

    fn of(calling: &Calling) -> Result<(Self, Message), Fault> {
        let damaged = |told: &dyn fmt::Display| {
            Fault::new(format!("call `{}` of key `{}` is damaged: {told}", calling.id, calling.key))
        };
        // What was looked up may have lines of its own, if a message from elsewhere had them.
        let mut heads = Deserializer::from_slice(&calling.body).into_iter();
        let errand = heads.next().unwrap_or_else(|| Err(serde_json::Error::custom("it is empty")));
        let (errand, end) = (errand.map_err(|told| damaged(&told))?, heads.byte_offset());
        match calling.body.get(end) {
            Some(b'\n') => {}
            _ => return Err(damaged(&"there is no message behind it")),
        }
        let message = Message::decode(&calling.body.slice(end + 1..));
        Ok((errand, message.map_err(|told| damaged(&told))?))
    }
}

impl<R: Reactor> Reacting<R> {
    /// Writes down that a call is under way. Messages of its key wait for what it brings (H26).
    pub(super) fn begin_call(tx: &mut Tx, errand: &Errand, message: &Message) -> Result<(), Fault> {
        Self::set(tx, &errand.key, &errand.barrier(message))?;
        tx.effects.calls.push(errand.calling(message)?);
        Ok(())
    }

    /// The same for what a client asked under this key: its own row says that the call is under way.
    pub(super) fn begin_request_call(
        tx: &mut Tx,
        of: &str,
        request: String,
        extra: Option<Box<RawValue>>,
        message: &Message,
    ) -> Result<(), Fault> {
        let key = format!("request/{request}");
        let errand = Errand { request: Some(request), ..Errand::forward(of, &key, extra) };
        tx.effects.calls.push(errand.calling(message)?);
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
        let (errand, message) = Errand::of(calling)?;
        let (unit, back) = self.line(&errand)?;
        let (decode, call) = match back {
            Some(back) => (back.decode, back.call.as_ref()),
            None => (unit.decode, unit.stages.call.as_ref()),
        };
        let (call, within) =
            call.ok_or_else(|| Fault::new("its line does not call the outside any more"))?;
        let given = Given { message: decode(&message.body)?, extra: errand.extra };
        let again =
            if Mistake::CallWithoutKey.is_made() { format!("/{attempt}") } else { String::new() };
        let (key, traceparent) =
            (format!("{}/{}{again}", R::NAME, calling.id), message.envelope.traceparent.clone());
        let about = Call { key, attempt, traceparent };
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
        let (errand, message) = Errand::of(calling)?;
        let envelope = &message.envelope;
        tx.cause = Cause {
            message: Some(envelope.id),
            correlation: envelope.correlation.clone(),
            hop: envelope.hop,
            traceparent: envelope.traceparent.clone(),
            ..tx.cause.clone()
        };
        let (unit, back) = self.line(&errand)?;
        if let Some(request) = &errand.request {
            let brought = outcome.as_ref().map_err(Fault::new)?;
            return self.request_called(tx, unit, request, &message.body, brought).await;
        }
        let row = Self::at::<Barrier>(tx, &errand.key).await?;
        if !matches!(&row, Some(Barrier::Calling(calling)) if calling.way == errand.way) {
            return Ok(());
        }
        let brought = outcome.as_ref().map_err(Fault::new)?;
        let brought = RawValue::from_string(String::from_utf8_lossy(brought).into_owned())?;
        let decode = back.map_or(unit.decode, |back| back.decode);
        let (key, given) = (&*errand.key, given(decode, &message, Some(brought))?);
        match (back, &envelope.step) {
            (None, None) => self.reacted(tx, unit, Some(key), envelope.id, &given).await,
            (None, Some(step)) => self.answered(tx, unit, Some(key), step, &message, &given).await,
            (Some(back), None) => {
                self.taken_back(tx, back, key, errand.extra.is_some(), &given).await
            }
            (Some(back), Some(step)) => {
                self.answered_back(tx, back, key, step, &message, &given).await
            }
        }
    }
}
