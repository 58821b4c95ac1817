//! What is written is read back as it was, and what is no message is told.

use super::{headers, read};
use crate::clock::Time;
use crate::id::derived;
use crate::message::{Envelope, Key, Kind, Message, Stamp, StepRef, Way};
use crate::text::Text;
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
            "", "a", "purchase", "/", ":", " ", "\0", "\n", "é", "訂單", "🩰", "%2F", "\"", "ce_id",
        ];
        (0..self.below(4)).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }

    fn name(&mut self) -> Text {
        self.text().into()
    }

    fn time(&mut self) -> Time {
        Time::from_micros(self.number().cast_signed() >> self.below(60))
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.number(), self.number())
    }

    /// What a store can keep.
    fn topic(&mut self) -> Text {
        self.text().replace(char::is_control, "").into()
    }

    fn stamp(&mut self) -> Stamp {
        let source = self.topic();
        let (lane, seq) = (self.small() >> 1, (self.number() >> 1).max(1));
        Stamp { source, incarnation: self.small(), lane, seq }
    }

    fn step(&mut self) -> StepRef {
        StepRef {
            saga: self.name(),
            run: self.name(),
            step: self.name(),
            way: if self.below(2) == 0 { Way::Forward } else { Way::Back },
            round: self.small(),
            attempt: self.small(),
            reply_to: self.maybe(Self::topic),
            deadline: self.maybe(Self::time),
        }
    }

    fn message(&mut self) -> Message {
        let kind = [Kind::Event, Kind::Command, Kind::Reply][self.below(3)];
        let step = if kind == Kind::Event { self.maybe(Self::step) } else { Some(self.step()) };
        let envelope = Envelope {
            id: self.uuid(),
            kind,
            name: self.name(),
            version: self.small(),
            key: Key::new(self.text()),
            correlation: self.name(),
            causation: self.maybe(Self::uuid),
            hop: self.small(),
            occurred_at: self.time(),
            traceparent: self.maybe(Self::name),
            stamp: self.maybe(Self::stamp),
            step,
        };
        Message::new(envelope, self.text())
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
fn headers_are_written_in_the_order_in_which_they_are_looked_for() {
    let places = |message: Message| {
        let place = |name| super::NAMES.iter().position(|one| *one == name).expect("it is read");
        headers(&message.envelope).into_iter().map(|(name, _)| place(name)).collect::<Vec<_>>()
    };
    let mut dice = Dice(3);
    for _ in 0..1_000 {
        assert!(places(dice.message()).is_sorted());
    }
}

#[test]
fn what_is_as_it_mostly_is_is_not_said() {
    let mut dice = Dice(4);
    let message = dice.message();
    let step = StepRef { round: 0, attempt: 1, reply_to: None, deadline: None, ..dice.step() };
    let told = |kind, step| {
        let plain = Envelope {
            kind,
            version: 1,
            key: Key::new("k"),
            causation: None,
            hop: 0,
            traceparent: None,
            stamp: None,
            step,
            ..(*message.envelope).clone()
        };
        headers(&plain).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    let always = "ce_specversion ce_id ce_source ce_type ce_time";
    assert_eq!(told(Kind::Event, None), format!("{always} content-type ce_subject ce_correlation"));
    assert_eq!(
        told(Kind::Command, Some(step)),
        format!("{always} ce_kind ce_correlation ce_saga ce_run ce_step ce_way")
    );
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
    all.chain(more).map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

#[test]
fn what_a_stranger_does_not_say_has_a_meaning() {
    let read = back("ipad", &foreign(&[]), &Bytes::new()).unwrap();
    let Envelope { id, kind, version, key, correlation, hop, occurred_at, stamp, step, .. } =
        (*read.envelope).clone();
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
fn what_no_store_has_room_for_is_no_message() {
    let read =
        |key: &str, more: &[(&str, &str)]| back(key, &foreign(more), &Bytes::new()).map(drop);
    let (fits, long) = ("k".repeat(Key::LONGEST), "k".repeat(Key::LONGEST + 1));
    let step =
        |run, step| [("ce_saga", "s"), ("ce_run", run), ("ce_step", step), ("ce_way", "forward")];
    let edge = |source| [("ce_source", source), ("ce_edge", "1/2/3")];
    assert_eq!(read(&fits, &[("ce_correlation", &fits)]), Ok(()));
    assert_eq!(read(&fits, &step(&fits, "t")), Ok(()));
    assert_eq!(read(&fits, &edge(&fits)), Ok(()));
    for (key, more, what) in [
        (&*long, &[][..], "the key of its record"),
        ("k", &[("ce_correlation", &*long)], "header `ce_correlation`"),
        ("k", &[("ce_id", &*long)], "header `ce_correlation`"),
        ("k", &step(&long, "t"), "header `ce_run`"),
        ("k", &step("r", &fits), "what names saga and step"),
        ("k", &edge(&long), "header `ce_source`"),
    ] {
        let told = format!(
            "this is not a message: {what} has 1025 bytes and may have 1024: make it shorter"
        );
        assert_eq!(read(key, more), Err(told));
    }
    for topic in ["t".repeat(250), "t\0".to_owned()] {
        let command = [&step("r", "t")[..], &[("ce_replyto", &*topic)]].concat();
        let told = "this is not a message: header `ce_replyto` is no topic";
        assert_eq!(read("k", &command), Err(told.to_owned()));
    }
    let traced = back("k", &foreign(&[("traceparent", &long)]), &Bytes::new()).unwrap();
    assert_eq!(traced.envelope.traceparent, None, "it is left out");
}

#[test]
fn what_is_wrong_is_named() {
    for (wrong, told) in [
        (("ce_specversion", "0.3"), "it is of version `0.3` of CloudEvents; only 1.0 is read"),
        (
            ("content-type", "application/cloudevents+json; charset=utf-8"),
            "it is in the structured mode of CloudEvents; only the binary mode is read",
        ),
        (("ce_kind", "order"), "header `ce_kind` is not `event`, `command` or `reply`: `order`"),
        (("ce_kind", "reply"), "header `ce_saga` is missing"),
        (("ce_edge", "1/2"), "header `ce_edge` is not `incarnation/lane/seq`: `1/2`"),
        (("ce_edge", "1/2/3/4"), "header `ce_edge` is not `incarnation/lane/seq`: `1/2/3/4`"),
        (("ce_edge", "1/2/0"), "header `ce_edge` is not `incarnation/lane/seq`: `1/2/0`"),
        (
            ("ce_edge", "1/2147483648/3"),
            "header `ce_edge` is not `incarnation/lane/seq`: `1/2147483648/3`",
        ),
        (
            ("ce_edge", "1/2/9223372036854775808"),
            "header `ce_edge` is not `incarnation/lane/seq`: `1/2/9223372036854775808`",
        ),
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
    let torn = foreign(&[("ce_source", "ware\0house"), ("ce_edge", "1/2/3")]);
    let read = back("k", &torn, &Bytes::new()).unwrap_err();
    assert_eq!(read, "this is not a message: header `ce_source` holds a control character");
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
