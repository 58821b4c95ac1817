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
use crate::message::trace::LONGEST as LONGEST_TRACE;
use crate::message::{Envelope, Key, Kind, Message, Stamp, StepRef, Way, fits};
use crate::text::Text;
use bytes::Bytes;
use std::fmt::{self, Write};
use std::str::FromStr;
use uuid::Uuid;

/// Who a message is said to come from that stands on no edge.
const NOBODY: &str = "ballet";

/// The version of a schema, and the number of an attempt, that are not told.
const VERSION: u32 = 1;
const ATTEMPT: u32 = 1;

/// A header, in the order in which they are written.
#[derive(Debug, Clone, Copy)]
enum Header {
    SpecVersion,
    Id,
    Source,
    Type,
    Time,
    ContentType,
    Subject,
    Kind,
    DataVersion,
    Correlation,
    Hop,
    Causation,
    TraceParent,
    Edge,
    Saga,
    Run,
    Step,
    Way,
    Round,
    Attempt,
    ReplyTo,
    Deadline,
}

/// Their names.
const NAMES: [&str; 22] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "content-type",
    "ce_subject",
    "ce_kind",
    "ce_dataversion",
    "ce_correlation",
    "ce_hop",
    "ce_causation",
    "traceparent",
    "ce_edge",
    "ce_saga",
    "ce_run",
    "ce_step",
    "ce_way",
    "ce_round",
    "ce_attempt",
    "ce_replyto",
    "ce_deadline",
];

impl Header {
    const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

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
///
/// Each is a name, a value and a piece of memory at both ends of the wire. So a number or a kind that is as [`read`]
/// takes it to be where it is not said is left out; and of all but events what is there for tools only.
pub fn each_header(envelope: &Envelope, mut put: impl FnMut(&'static str, &str)) {
    let Envelope { id, kind, name, version, key, correlation, hop, occurred_at, .. } = envelope;
    let mut told = Told::default();
    put(Header::SpecVersion.name(), "1.0");
    put(Header::Id.name(), told.id(*id));
    put(Header::Source.name(), envelope.stamp.as_ref().map_or(NOBODY, |stamp| &stamp.source));
    put(Header::Type.name(), name);
    put(Header::Time.name(), told.as_text(occurred_at));
    match kind {
        Kind::Event => {
            put(Header::ContentType.name(), "application/json");
            if !key.as_str().is_empty() {
                put(Header::Subject.name(), key.as_str());
            }
        }
        Kind::Command => put(Header::Kind.name(), "command"),
        Kind::Reply => put(Header::Kind.name(), "reply"),
    }
    if *version != VERSION {
        put(Header::DataVersion.name(), told.as_text(version));
    }
    put(Header::Correlation.name(), correlation);
    if *hop != 0 {
        put(Header::Hop.name(), told.as_text(hop));
    }
    if let Some(causation) = envelope.causation {
        put(Header::Causation.name(), told.id(causation));
    }
    if let Some(traceparent) = &envelope.traceparent {
        put(Header::TraceParent.name(), traceparent);
    }
    if let Some(Stamp { incarnation, lane, seq, .. }) = &envelope.stamp {
        put(Header::Edge.name(), told.as_text(format_args!("{incarnation}/{lane}/{seq}")));
    }
    if let Some(step) = &envelope.step {
        step_headers(step, &mut told, &mut put);
    }
}

fn step_headers(step: &StepRef, told: &mut Told, put: &mut impl FnMut(&'static str, &str)) {
    put(Header::Saga.name(), &step.saga);
    put(Header::Run.name(), &step.run);
    put(Header::Step.name(), &step.step);
    put(Header::Way.name(), step.way.name());
    if step.round != 0 {
        put(Header::Round.name(), told.as_text(step.round));
    }
    if step.attempt != ATTEMPT {
        put(Header::Attempt.name(), told.as_text(step.attempt));
    }
    if let Some(reply_to) = &step.reply_to {
        put(Header::ReplyTo.name(), reply_to);
    }
    if let Some(deadline) = step.deadline {
        put(Header::Deadline.name(), told.as_text(deadline));
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
        self.0.clear();
        self.0.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        &self.0
    }
}

/// How many bytes the name of a topic may have: as many as Kafka gives it.
const NAME: usize = 249;

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
    if headers
        .get(Header::ContentType)
        .is_some_and(|kind| kind.starts_with(b"application/cloudevents"))
    {
        return Err(codec(
            "it is in the structured mode of CloudEvents; only the binary mode is read",
        ));
    }
    let version = headers.required(Header::SpecVersion)?;
    if version != "1.0" {
        return Err(codec(format!(
            "it is of version `{version}` of CloudEvents; only 1.0 is read"
        )));
    }
    let key = key.ok_or_else(|| codec("its record has no key"))?;
    let key = std::str::from_utf8(key).map_err(|_| codec("the key of its record is not UTF-8"))?;
    fits("the key of its record", key.len()).map_err(codec)?;
    let (said, source) = (headers.required(Header::Id)?, headers.required(Header::Source)?);
    if said.is_empty() {
        return Err(missing(Header::Id));
    }
    let stamp = headers.stamp(source)?;
    let correlation = headers.text(Header::Correlation)?.unwrap_or(said);
    fits(format_args!("header `{}`", Header::Correlation.name()), correlation.len())
        .map_err(codec)?;
    let envelope = Envelope {
        id: id(said, source),
        kind: headers.kind()?,
        name: headers.required(Header::Type)?.into(),
        version: headers.number(Header::DataVersion)?.unwrap_or(VERSION),
        key: Key::new(key),
        correlation: correlation.into(),
        causation: headers
            .parsed(Header::Causation, "a UUID", |text| Uuid::parse_str(text).ok())?,
        hop: headers.number(Header::Hop)?.unwrap_or(0),
        occurred_at: headers.time(Header::Time)?.unwrap_or(at),
        traceparent: headers
            .text(Header::TraceParent)?
            .filter(|said| said.len() <= LONGEST_TRACE)
            .map(Text::from),
        stamp,
        step: headers.step()?,
    };
    if envelope.kind != Kind::Event && envelope.step.is_none() {
        return Err(missing(Header::Saga));
    }
    Ok(Message::new(envelope, body))
}

fn codec(text: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Codec, format!("this is not a message: {text}"))
}

fn missing(header: Header) -> Error {
    codec(format!("header `{}` is missing", header.name()))
}

/// The id of a message: what it says, if that is a UUID as ours are written; else one that is the same
/// for the same text from the same source.
fn id(said: &str, source: &str) -> Uuid {
    let is_ours = |uuid: &Uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == said;
    let uuid = Uuid::parse_str(said).ok().filter(is_ours);
    uuid.unwrap_or_else(|| derived(&["cloudevent", source, said]))
}

/// The headers, each in its place. Of those that come twice the last one counts.
struct Headers<'a>([Option<&'a [u8]>; NAMES.len()]);

impl<'a> Headers<'a> {
    fn of(all: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut headers = [None; NAMES.len()];
        // Ours come in the order of the names, and so the next one is close behind the last.
        let mut next = 0;
        for (name, value) in all {
            let is_it = |one: &&str| **one == *name;
            let behind = NAMES[next..].iter().position(is_it).map(|at| next + at);
            if let Some(at) = behind.or_else(|| NAMES[..next].iter().position(is_it)) {
                headers[at] = Some(value);
                next = at + 1;
            }
        }
        Self(headers)
    }

    const fn get(&self, header: Header) -> Option<&'a [u8]> {
        self.0[header as usize]
    }

    fn text(&self, header: Header) -> Result<Option<&'a str>, Error> {
        let Some(value) = self.get(header) else { return Ok(None) };
        let text = std::str::from_utf8(value);
        text.map(Some).map_err(|_| codec(format!("header `{}` is not UTF-8", header.name())))
    }

    fn required(&self, header: Header) -> Result<&'a str, Error> {
        self.text(header)?.ok_or_else(|| missing(header))
    }

    fn parsed<T>(
        &self,
        header: Header,
        what: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text(header)? else { return Ok(None) };
        let wrong = || codec(format!("header `{}` is not {what}: `{text}`", header.name()));
        parse(text).map(Some).ok_or_else(wrong)
    }

    fn number<T: FromStr>(&self, header: Header) -> Result<Option<T>, Error> {
        self.parsed(header, "a number that fits", |text| text.parse().ok())
    }

    fn time(&self, header: Header) -> Result<Option<Time>, Error> {
        self.parsed(header, "a time of RFC 3339", Time::parse)
    }

    fn kind(&self) -> Result<Kind, Error> {
        let kind =
            self.parsed(Header::Kind, "`event`, `command` or `reply`", |text| match text {
                "event" => Some(Kind::Event),
                "command" => Some(Kind::Command),
                "reply" => Some(Kind::Reply),
                _ => None,
            })?;
        Ok(kind.unwrap_or(Kind::Event))
    }

    /// A name or a number that no store can keep would fail every batch of the lane that takes it.
    fn stamp(&self, source: &str) -> Result<Option<Stamp>, Error> {
        let stamp = self.parsed(Header::Edge, "`incarnation/lane/seq`", |text| {
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
            Some(_) => fits("header `ce_source`", source.len()).map_err(codec).map(|()| stamp),
            None => Ok(None),
        }
    }

    fn step(&self) -> Result<Option<StepRef>, Error> {
        let Some(saga) = self.text(Header::Saga)? else { return Ok(None) };
        let way = self.parsed(Header::Way, "`forward` or `back`", |text| match text {
            "forward" => Some(Way::Forward),
            "back" => Some(Way::Back),
            _ => None,
        })?;
        let (run, step) = (self.required(Header::Run)?, self.required(Header::Step)?);
        fits(format_args!("header `{}`", Header::Run.name()), run.len()).map_err(codec)?;
        fits("what names saga and step", saga.len() + step.len()).map_err(codec)?;
        let reply_to = self.text(Header::ReplyTo)?.map(Text::from);
        if reply_to
            .as_ref()
            .is_some_and(|topic| topic.len() > NAME || topic.contains(char::is_control))
        {
            return Err(codec(format!("header `{}` is no topic", Header::ReplyTo.name())));
        }
        Ok(Some(StepRef {
            saga: saga.into(),
            run: run.into(),
            step: step.into(),
            way: way.ok_or_else(|| missing(Header::Way))?,
            round: self.number(Header::Round)?.unwrap_or(0),
            attempt: self.number(Header::Attempt)?.unwrap_or(ATTEMPT),
            reply_to,
            deadline: self.time(Header::Deadline)?,
        }))
    }
}

#[cfg(test)]
mod tests;
