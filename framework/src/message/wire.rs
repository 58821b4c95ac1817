//! The wire: a message as headers, a key and a body, in the binary mode of CloudEvents 1.0.
//!
//! Whatever CloudEvents has a name for goes under that name; the rest are extensions. What is not there
//! has a meaning too, so that a message from elsewhere needs the four names that the standard asks for
//! and a key. `docs/reference/wire.md` tells it to whoever speaks it without this crate.
//!
//! Pure: no broker. What is written here is read back as it was, whatever is in it.

use crate::clock::Time;
use crate::error::{Error, ErrorKind};
use crate::id::derived;
use crate::message::{Envelope, Key, Kind, Message, Stamp, StepRef, Way};
use crate::text::Text;
use bytes::Bytes;
use std::fmt::{self, Write};
use std::str::FromStr;
use uuid::Uuid;

/// Who a message is said to come from that stands on no edge.
const NOBODY: &str = "ballet";

/// The header that tells what the body is.
const CONTENT_TYPE: &str = "content-type";

/// The headers of an envelope, by name, in the order in which they are written. The key is not among
/// them: it is the key of the record.
///
/// ```
/// use ballet::clock::Time;
/// use ballet::message::{Kind, Message, wire};
/// use bytes::Bytes;
///
/// let foreign: [(&str, &[u8]); 4] = [
///     ("ce_specversion", b"1.0"),
///     ("ce_id", b"27d8c5c1-6c1a-5a9b-8a40-2d6e1f6f7a11"),
///     ("ce_source", b"/warehouse"),
///     ("ce_type", b"stock.counted"),
/// ];
/// let body = Bytes::from_static(b"{}");
/// let read = wire::read(Some(b"ipad"), foreign, body.clone(), Time::from_micros(7)).unwrap();
/// assert_eq!((read.envelope.kind, read.envelope.key.as_str()), (Kind::Event, "ipad"));
/// assert_eq!(read.envelope.stamp, None);
///
/// let headers = wire::headers(&read.envelope);
/// let again = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
/// assert_eq!(wire::read(Some(b"ipad"), again, body, Time::default()).unwrap(), read);
/// ```
#[must_use]
pub fn headers(envelope: &Envelope) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(21);
    each_header(envelope, |name, value| headers.push((name, value.to_owned())));
    headers
}

/// The same one after the other, for whoever has a place of its own to put them.
pub fn each_header(envelope: &Envelope, mut put: impl FnMut(&'static str, &str)) {
    let Envelope { id, kind, name, version, key, correlation, hop, occurred_at, .. } = envelope;
    let mut told = Told::default();
    put("ce_specversion", "1.0");
    put("ce_id", told.id(*id));
    put("ce_source", envelope.stamp.as_ref().map_or(NOBODY, |stamp| &stamp.source));
    put("ce_type", name);
    put("ce_time", told.as_text(occurred_at));
    put(CONTENT_TYPE, "application/json");
    put("ce_kind", kind_name(*kind));
    put("ce_dataversion", told.as_text(version));
    put("ce_correlation", correlation);
    put("ce_hop", told.as_text(hop));
    if !key.as_str().is_empty() {
        put("ce_subject", key.as_str());
    }
    if let Some(causation) = envelope.causation {
        put("ce_causation", told.id(causation));
    }
    if let Some(traceparent) = &envelope.traceparent {
        put("traceparent", traceparent);
    }
    if let Some(Stamp { incarnation, lane, seq, .. }) = &envelope.stamp {
        put("ce_edge", told.as_text(format_args!("{incarnation}/{lane}/{seq}")));
    }
    if let Some(step) = &envelope.step {
        step_headers(step, &mut told, &mut put);
    }
}

fn step_headers(step: &StepRef, told: &mut Told, put: &mut impl FnMut(&'static str, &str)) {
    put("ce_saga", &step.saga);
    put("ce_run", &step.run);
    put("ce_step", &step.step);
    put("ce_way", step.way.name());
    put("ce_round", told.as_text(step.round));
    put("ce_attempt", told.as_text(step.attempt));
    if let Some(reply_to) = &step.reply_to {
        put("ce_replyto", reply_to);
    }
    if let Some(deadline) = step.deadline {
        put("ce_deadline", told.as_text(deadline));
    }
}

/// What is not text, as text, until the next is told.
#[derive(Default)]
struct Told(String);

impl Told {
    fn as_text(&mut self, value: impl fmt::Display) -> &str {
        self.0.clear();
        write!(self.0, "{value}").expect("a string takes everything");
        &self.0
    }

    fn id(&mut self, id: Uuid) -> &str {
        self.as_text(id.hyphenated())
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Event => "event",
        Kind::Command => "command",
        Kind::Reply => "reply",
    }
}

/// Reads a message from the key, the headers and the body of a record that was written `at` this moment.
///
/// # Errors
///
/// [`ErrorKind::Codec`] with a sentence that names the header, if this is no message.
pub fn read<'a>(
    key: Option<&[u8]>,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
    at: Time,
) -> Result<Message, Error> {
    let headers = Headers::of(headers);
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.starts_with(b"application/cloudevents")) {
        return Err(codec(
            "it is in the structured mode of CloudEvents; only the binary mode is read",
        ));
    }
    let version = headers.required("ce_specversion")?;
    if version != "1.0" {
        return Err(codec(format!(
            "it is of version `{version}` of CloudEvents; only 1.0 is read"
        )));
    }
    let key = key.ok_or_else(|| codec("its record has no key"))?;
    let key = std::str::from_utf8(key).map_err(|_| codec("the key of its record is not UTF-8"))?;
    let (said, source) = (headers.required("ce_id")?, headers.required("ce_source")?);
    if said.is_empty() {
        return Err(missing("ce_id"));
    }
    let stamp = headers.stamp(source)?;
    let envelope = Envelope {
        id: id(said, source),
        kind: headers.kind()?,
        name: headers.required("ce_type")?.into(),
        version: headers.number("ce_dataversion")?.unwrap_or(1),
        key: Key::new(key),
        correlation: headers.text("ce_correlation")?.unwrap_or(said).into(),
        causation: headers.parsed("ce_causation", "a UUID", |text| Uuid::parse_str(text).ok())?,
        hop: headers.number("ce_hop")?.unwrap_or(0),
        occurred_at: headers.time("ce_time")?.unwrap_or(at),
        traceparent: headers.text("traceparent")?.map(Text::from),
        stamp,
        step: headers.step()?,
    };
    if envelope.kind != Kind::Event && envelope.step.is_none() {
        return Err(missing("ce_saga"));
    }
    Ok(Message::new(envelope, body))
}

fn codec(text: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Codec, format!("this is not a message: {text}"))
}

fn missing(name: &str) -> Error {
    codec(format!("header `{name}` is missing"))
}

/// The id of a message: what it says, if that is a UUID as ours are written; else one that is the same
/// for the same text from the same source.
fn id(said: &str, source: &str) -> Uuid {
    let is_ours = |uuid: &Uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == said;
    let uuid = Uuid::parse_str(said).ok().filter(is_ours);
    uuid.unwrap_or_else(|| derived(&["cloudevent", source, said]))
}

/// The headers as they came: so few that looking through them costs less than any order.
struct Headers<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Headers<'a> {
    fn of(all: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut headers = Vec::with_capacity(24);
        headers.extend(all);
        Self(headers)
    }

    /// Of those that come twice the last one counts.
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|(one, _)| *one == name).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = std::str::from_utf8(value);
        text.map(Some).map_err(|_| codec(format!("header `{name}` is not UTF-8")))
    }

    fn required(&self, name: &str) -> Result<&'a str, Error> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    fn parsed<T>(
        &self,
        name: &str,
        what: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || codec(format!("header `{name}` is not {what}: `{text}`"));
        parse(text).map(Some).ok_or_else(wrong)
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.parsed(name, "a number that fits", |text| text.parse().ok())
    }

    fn time(&self, name: &str) -> Result<Option<Time>, Error> {
        self.parsed(name, "a time of RFC 3339", Time::parse)
    }

    fn kind(&self) -> Result<Kind, Error> {
        let kind = self.parsed("ce_kind", "`event`, `command` or `reply`", |text| match text {
            "event" => Some(Kind::Event),
            "command" => Some(Kind::Command),
            "reply" => Some(Kind::Reply),
            _ => None,
        })?;
        Ok(kind.unwrap_or(Kind::Event))
    }

    /// A name or a number that no store can keep would fail every batch of the lane that takes it.
    fn stamp(&self, source: &str) -> Result<Option<Stamp>, Error> {
        let stamp = self.parsed("ce_edge", "`incarnation/lane/seq`", |text| {
            let mut parts = text.split('/');
            let incarnation = parts.next()?.parse().ok()?;
            let (lane, seq) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let is_kept = i32::try_from(lane).is_ok() && i64::try_from(seq).is_ok() && seq > 0;
            let stamp = Stamp { source: source.into(), incarnation, lane, seq };
            (parts.next().is_none() && is_kept).then_some(stamp)
        })?;
        match stamp {
            Some(_) if source.contains(char::is_control) => {
                Err(codec("header `ce_source` holds a control character"))
            }
            stamp => Ok(stamp),
        }
    }

    fn step(&self) -> Result<Option<StepRef>, Error> {
        let Some(saga) = self.text("ce_saga")? else { return Ok(None) };
        let way = self.parsed("ce_way", "`forward` or `back`", |text| match text {
            "forward" => Some(Way::Forward),
            "back" => Some(Way::Back),
            _ => None,
        })?;
        Ok(Some(StepRef {
            saga: saga.into(),
            run: self.required("ce_run")?.into(),
            step: self.required("ce_step")?.into(),
            way: way.ok_or_else(|| missing("ce_way"))?,
            round: self.number("ce_round")?.unwrap_or(0),
            attempt: self.number("ce_attempt")?.unwrap_or(1),
            reply_to: self.text("ce_replyto")?.map(Text::from),
            deadline: self.time("ce_deadline")?,
        }))
    }
}

#[cfg(test)]
mod tests;
