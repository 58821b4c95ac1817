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
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeMap;
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
pub fn headers(envelope: &Envelope) -> Vec<(&'static str, Cow<'_, str>)> {
    let Envelope { id, kind, name, version, key, correlation, hop, occurred_at, .. } = envelope;
    let source = envelope.stamp.as_ref().map_or(NOBODY, |stamp| &stamp.source);
    let mut headers: Vec<(&'static str, Cow<'_, str>)> = Vec::with_capacity(21);
    headers.extend([
        ("ce_specversion", "1.0".into()),
        ("ce_id", id.to_string().into()),
        ("ce_source", source.into()),
        ("ce_type", name.into()),
        ("ce_time", occurred_at.to_string().into()),
        (CONTENT_TYPE, "application/json".into()),
        ("ce_kind", kind_name(*kind).into()),
        ("ce_dataversion", version.to_string().into()),
        ("ce_correlation", correlation.into()),
        ("ce_hop", hop.to_string().into()),
    ]);
    if !key.as_str().is_empty() {
        headers.push(("ce_subject", key.as_str().into()));
    }
    if let Some(causation) = envelope.causation {
        headers.push(("ce_causation", causation.to_string().into()));
    }
    if let Some(traceparent) = &envelope.traceparent {
        headers.push(("traceparent", traceparent.into()));
    }
    if let Some(Stamp { incarnation, lane, seq, .. }) = &envelope.stamp {
        headers.push(("ce_edge", format!("{incarnation}/{lane}/{seq}").into()));
    }
    if let Some(step) = &envelope.step {
        step_headers(step, &mut headers);
    }
    headers
}

fn step_headers<'a>(step: &'a StepRef, headers: &mut Vec<(&'static str, Cow<'a, str>)>) {
    headers.extend([
        ("ce_saga", Cow::from(&step.saga)),
        ("ce_run", Cow::from(&step.run)),
        ("ce_step", Cow::from(&step.step)),
        ("ce_way", step.way.name().into()),
        ("ce_round", step.round.to_string().into()),
        ("ce_attempt", step.attempt.to_string().into()),
    ]);
    if let Some(reply_to) = &step.reply_to {
        headers.push(("ce_replyto", reply_to.into()));
    }
    if let Some(deadline) = step.deadline {
        headers.push(("ce_deadline", deadline.to_string().into()));
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
    let headers = Headers(headers.into_iter().collect());
    if headers.0.get(CONTENT_TYPE).is_some_and(|kind| kind.starts_with(b"application/cloudevents"))
    {
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
        name: headers.required("ce_type")?.to_owned(),
        version: headers.number("ce_dataversion")?.unwrap_or(1),
        key: Key::new(key),
        correlation: headers.text("ce_correlation")?.unwrap_or(said).to_owned(),
        causation: headers.parsed("ce_causation", "a UUID", |text| Uuid::parse_str(text).ok())?,
        hop: headers.number("ce_hop")?.unwrap_or(0),
        occurred_at: headers.time("ce_time")?.unwrap_or(at),
        traceparent: headers.text("traceparent")?.map(str::to_owned),
        stamp,
        step: headers.step()?,
    };
    if envelope.kind != Kind::Event && envelope.step.is_none() {
        return Err(missing("ce_saga"));
    }
    Ok(Message { envelope, body })
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
    let uuid = Uuid::parse_str(said).ok().filter(|uuid| uuid.to_string() == said);
    uuid.unwrap_or_else(|| derived(&["cloudevent", source, said]))
}

/// The headers by name. Of those that come twice the last one counts.
struct Headers<'a>(BTreeMap<&'a str, &'a [u8]>);

impl<'a> Headers<'a> {
    fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
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

    fn stamp(&self, source: &str) -> Result<Option<Stamp>, Error> {
        self.parsed("ce_edge", "`incarnation/lane/seq`", |text| {
            let mut parts = text.split('/');
            let incarnation = parts.next()?.parse().ok()?;
            let (lane, seq) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let stamp = Stamp { source: source.to_owned(), incarnation, lane, seq };
            parts.next().is_none().then_some(stamp)
        })
    }

    fn step(&self) -> Result<Option<StepRef>, Error> {
        let Some(saga) = self.text("ce_saga")? else { return Ok(None) };
        let way = self.parsed("ce_way", "`forward` or `back`", |text| match text {
            "forward" => Some(Way::Forward),
            "back" => Some(Way::Back),
            _ => None,
        })?;
        Ok(Some(StepRef {
            saga: saga.to_owned(),
            run: self.required("ce_run")?.to_owned(),
            step: self.required("ce_step")?.to_owned(),
            way: way.ok_or_else(|| missing("ce_way"))?,
            round: self.number("ce_round")?.unwrap_or(0),
            attempt: self.number("ce_attempt")?.unwrap_or(1),
            reply_to: self.text("ce_replyto")?.map(str::to_owned),
            deadline: self.time("ce_deadline")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{headers, read};
    use crate::clock::Time;
    use crate::id::derived;
    use crate::message::{Envelope, Key, Kind, Message, Stamp, StepRef, Way};
    use bytes::Bytes;
    use uuid::Uuid;

    /// A generator of numbers, the same every time (xorshift64*, Vigna 2016).
    struct Dice(u64);

    impl Dice {
        fn throw(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, most: usize) -> usize {
            usize::try_from(self.throw() >> 33).unwrap() % most
        }

        fn maybe<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
            (self.below(2) == 0).then(|| some(self))
        }

        /// Extremes as often as numbers in between.
        fn number(&mut self) -> u64 {
            match self.below(4) {
                0 => 0,
                1 => u64::MAX,
                2 => self.throw(),
                _ => self.throw() % 100,
            }
        }

        fn small(&mut self) -> u32 {
            u32::try_from(self.number() >> 32).unwrap()
        }

        fn text(&mut self) -> String {
            const PARTS: &[&str] = &[
                "", "a", "purchase", "/", ":", " ", "\0", "\n", "é", "訂單", "🩰", "%2F", "\"",
                "ce_id",
            ];
            (0..self.below(4)).map(|_| PARTS[self.below(PARTS.len())]).collect()
        }

        fn time(&mut self) -> Time {
            Time::from_micros(self.number().cast_signed() >> self.below(60))
        }

        fn uuid(&mut self) -> Uuid {
            Uuid::from_u64_pair(self.number(), self.number())
        }

        fn stamp(&mut self) -> Stamp {
            let (source, seq) = (self.text(), self.number());
            Stamp { source, incarnation: self.small(), lane: self.small(), seq }
        }

        fn step(&mut self) -> StepRef {
            StepRef {
                saga: self.text(),
                run: self.text(),
                step: self.text(),
                way: if self.below(2) == 0 { Way::Forward } else { Way::Back },
                round: self.small(),
                attempt: self.small(),
                reply_to: self.maybe(Self::text),
                deadline: self.maybe(Self::time),
            }
        }

        fn message(&mut self) -> Message {
            let kind = [Kind::Event, Kind::Command, Kind::Reply][self.below(3)];
            let step = if kind == Kind::Event { self.maybe(Self::step) } else { Some(self.step()) };
            let envelope = Envelope {
                id: self.uuid(),
                kind,
                name: self.text(),
                version: self.small(),
                key: Key::new(self.text()),
                correlation: self.text(),
                causation: self.maybe(Self::uuid),
                hop: self.small(),
                occurred_at: self.time(),
                traceparent: self.maybe(Self::text),
                stamp: self.maybe(Self::stamp),
                step,
            };
            Message { envelope, body: self.text().into() }
        }
    }

    type Raw = Vec<(String, Vec<u8>)>;

    fn raw(message: &Message) -> Raw {
        let headers = headers(&message.envelope).into_iter();
        headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn back(key: &str, raw: &Raw, body: &Bytes) -> Result<Message, String> {
        let headers = raw.iter().map(|(name, value)| (name.as_str(), &value[..]));
        let read = read(Some(key.as_bytes()), headers, body.clone(), Time::from_micros(5));
        read.map_err(|told| told.to_string())
    }

    #[test]
    fn every_message_goes_there_and_back() {
        let mut dice = Dice(1);
        for _ in 0..20_000 {
            let message = dice.message();
            let read = back(message.envelope.key.as_str(), &raw(&message), &message.body);
            assert_eq!(read.as_ref(), Ok(&message));
        }
    }

    #[test]
    fn headers_in_another_order_and_of_others_change_nothing() {
        let mut dice = Dice(2);
        for _ in 0..2_000 {
            let message = dice.message();
            let mut raw = raw(&message);
            raw.reverse();
            raw.insert(dice.below(raw.len()), ("x-other".to_owned(), vec![0xff, 0]));
            let read = back(message.envelope.key.as_str(), &raw, &message.body);
            assert_eq!(read.as_ref(), Ok(&message));
        }
    }

    #[test]
    fn garbage_is_told_and_never_panics() {
        let mut dice = Dice(3);
        let mut told = 0;
        for _ in 0..20_000 {
            let message = dice.message();
            let mut raw = raw(&message);
            let at = dice.below(raw.len());
            match dice.below(3) {
                0 => drop(raw.remove(at)),
                1 => raw[at].1 = dice.text().into_bytes(),
                _ => raw[at].1 = dice.throw().to_le_bytes().to_vec(),
            }
            told += usize::from(back("k", &raw, &message.body).is_err());
        }
        assert!(told > 5_000, "{told}");
    }

    fn foreign(more: &[(&str, &str)]) -> Raw {
        let least = [
            ("ce_specversion", "1.0"),
            ("ce_id", "A-17"),
            ("ce_source", "/warehouse"),
            ("ce_type", "stock.counted"),
        ];
        let all = least.iter().filter(|(name, _)| more.iter().all(|(other, _)| name != other));
        all.chain(more)
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn what_a_stranger_does_not_say_has_a_meaning() {
        let Envelope { id, kind, version, key, correlation, hop, occurred_at, stamp, step, .. } =
            back("ipad", &foreign(&[]), &Bytes::new()).unwrap().envelope;
        assert_eq!(id, derived(&["cloudevent", "/warehouse", "A-17"]));
        assert_eq!((kind, version, hop), (Kind::Event, 1, 0));
        assert_eq!((key.as_str(), correlation.as_str()), ("ipad", "A-17"));
        assert_eq!(occurred_at, Time::from_micros(5));
        assert_eq!((stamp, step), (None, None));
    }

    #[test]
    fn only_a_uuid_as_we_write_them_is_an_id_by_itself() {
        let id = |said: &str| {
            let read = back("k", &foreign(&[("ce_id", said)]), &Bytes::new());
            read.unwrap().envelope.id
        };
        let known = Uuid::from_u128(0x27d8_c5c1_6c1a_5a9b_8a40_2d6e_1f6f_7a11);
        assert_eq!(id(&known.to_string()), known);
        assert_ne!(id(&known.to_string().to_uppercase()), known);
        assert_ne!(id(&known.simple().to_string()), known);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (wrong, told) in [
            (("ce_specversion", "0.3"), "it is of version `0.3` of CloudEvents; only 1.0 is read"),
            (
                ("content-type", "application/cloudevents+json; charset=utf-8"),
                "it is in the structured mode of CloudEvents; only the binary mode is read",
            ),
            (
                ("ce_kind", "order"),
                "header `ce_kind` is not `event`, `command` or `reply`: `order`",
            ),
            (("ce_kind", "reply"), "header `ce_saga` is missing"),
            (("ce_edge", "1/2"), "header `ce_edge` is not `incarnation/lane/seq`: `1/2`"),
            (("ce_edge", "1/2/3/4"), "header `ce_edge` is not `incarnation/lane/seq`: `1/2/3/4`"),
            (("ce_saga", "purchase"), "header `ce_run` is missing"),
            (("ce_id", ""), "header `ce_id` is missing"),
            (("ce_hop", "-1"), "header `ce_hop` is not a number that fits: `-1`"),
            (
                ("ce_dataversion", "4294967296"),
                "header `ce_dataversion` is not a number that fits: `4294967296`",
            ),
            (("ce_time", "noon"), "header `ce_time` is not a time of RFC 3339: `noon`"),
            (("ce_causation", "it"), "header `ce_causation` is not a UUID: `it`"),
        ] {
            let read = back("k", &foreign(&[wrong]), &Bytes::new()).unwrap_err();
            assert_eq!(read, format!("this is not a message: {told}"));
        }
        for missing in ["ce_specversion", "ce_id", "ce_source", "ce_type"] {
            let mut raw = foreign(&[]);
            raw.retain(|(name, _)| name != missing);
            let read = back("k", &raw, &Bytes::new()).unwrap_err();
            assert_eq!(read, format!("this is not a message: header `{missing}` is missing"));
        }
    }

    #[test]
    fn a_record_needs_a_key_of_text() {
        for (key, told) in [(None, "has no key"), (Some(&[0xff][..]), "is not UTF-8")] {
            let raw = foreign(&[]);
            let headers = raw.iter().map(|(name, value)| (name.as_str(), &value[..]));
            let read = read(key, headers, Bytes::new(), Time::default()).unwrap_err();
            assert!(read.to_string().ends_with(told), "{read}");
        }
    }
}
