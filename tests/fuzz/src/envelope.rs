//! Messages as they are stored and carried by the log: the envelope, then the body.

use crate::{sentence, texts};
use ballet::clock::Time;
use ballet::message::{Kind, Stamp, StepRef, Way, trace_id, wire};
use ballet::{Envelope, ErrorKind, Key, Message};
use bytes::Bytes;

/// What is read as a message is written as one, here and in headers; what is not is named so.
pub fn check(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    match Message::decode(&bytes) {
        Err(told) => {
            assert_eq!(told.kind(), ErrorKind::Codec);
            assert_eq!(told.to_string(), "these bytes are not a message: no envelope");
            sentence(&std::error::Error::source(&told).expect("why not").to_string());
        }
        Ok(message) => holds(&message),
    }
}

/// What holds for every message, however it was read.
pub(crate) fn holds(message: &Message) {
    assert_eq!(Message::decode(&message.encode()).as_ref().ok(), Some(message));
    let Envelope { kind, key, step, traceparent, .. } = &*message.envelope;
    assert!(key.partition(3) < 3);
    if let Some(step) = step {
        assert!(step.id().starts_with(&step.pair()));
    }
    let trace = traceparent.as_deref().and_then(trace_id);
    assert!(trace.is_none_or(|trace| trace.len() == 32));
    // Commands and replies without a step are not written by anybody, and are refused on the wire.
    if *kind == Kind::Event || step.is_some() {
        let headers = wire::headers(&message.envelope);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let (key, body) = (Some(key.as_str().as_bytes()), message.body.clone());
        let read = wire::read(key, headers, body, Time::default());
        assert_eq!(read.as_ref().ok() == Some(message), is_kept(message), "{message:?}: {read:?}");
    }
}

/// Whether a store has room for all of it. What it has none for comes back from the wire as no message, and without
/// its trace if that is too long.
fn is_kept(message: &Message) -> bool {
    let Envelope { key, correlation, traceparent, stamp, step, .. } = &*message.envelope;
    let (source, step) = (stamp.as_ref().map(|stamp| &*stamp.source), step.as_ref());
    let names = [(source, Key::LONGEST), (step.and_then(|step| step.reply_to.as_deref()), 249)];
    let keys = [Some(key.as_str()), Some(correlation), step.map(|step| &*step.run)];
    let is_name = |(name, most): (Option<&str>, usize)| {
        name.is_none_or(|name| name.len() <= most && !name.contains(char::is_control))
    };
    names.into_iter().all(is_name)
        && keys.into_iter().flatten().all(|key| key.len() <= Key::LONGEST)
        && step.is_none_or(|step| step.saga.len() + step.step.len() <= Key::LONGEST)
        && traceparent.as_ref().is_none_or(|trace| trace.len() <= 550)
}

/// Real messages.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let bare = Envelope { traceparent: None, causation: None, stamp: None, ..envelope() };
    let step = Some(StepRef { deadline: None, reply_to: None, way: Way::Forward, ..step() });
    let reply = Envelope { kind: Kind::Reply, step, ..envelope() };
    let event = Envelope { kind: Kind::Event, step: None, ..envelope() };
    let message = |envelope, body: &'static [u8]| {
        Message::new(envelope, Bytes::from_static(body)).encode().to_vec()
    };
    texts([
        ("bare", message(Envelope { kind: Kind::Event, step: None, ..bare }, b"")),
        ("command", message(envelope(), b"{\"order_id\":\"1041\",\n\"lines\":[]}")),
        ("event", message(event, b"{\"order_id\":\"1041\"}")),
        ("reply", message(reply, b"{\"done\":null}")),
    ])
}

/// A command with everything that an envelope may have.
pub(crate) fn envelope() -> Envelope {
    Envelope {
        id: ballet::id::derived(&["fuzz", "command"]),
        kind: Kind::Command,
        name: "stock.release".into(),
        version: 1,
        key: Key::new("1041"),
        correlation: "1041".into(),
        causation: Some(ballet::id::derived(&["fuzz", "cause"])),
        hop: 4,
        occurred_at: Time::from_micros(1_700_000_000_000_000),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        stamp: Some(Stamp { source: "purchase".into(), incarnation: 1, lane: 0, seq: 9 }),
        step: Some(step()),
    }
}

fn step() -> StepRef {
    StepRef {
        saga: "purchase".into(),
        run: "1041".into(),
        step: "reserve-stock".into(),
        way: Way::Back,
        round: 0,
        attempt: 3,
        reply_to: Some("purchase.replies".into()),
        deadline: Some(Time::from_micros(1_700_000_060_000_000)),
    }
}
