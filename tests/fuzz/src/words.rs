//! Single words that are read: times, positions, traces, and the keys of tables. An input is one word,
//! which is given to all of them.

use crate::{sentence, texts};
use ballet::clock::Time;
use ballet::message::trace_id;
use ballet::store::Status;
use ballet::{Position, TableKey};
use std::fmt::Debug;
use uuid::Uuid;

/// What is read is written as something that is read as the same.
pub fn check(bytes: &[u8]) {
    of_text(&String::from_utf8_lossy(bytes));
    key::<String>(bytes);
    key::<u64>(bytes);
    key::<i64>(bytes);
    key::<Uuid>(bytes);
    key::<(String, u32)>(bytes);
    key::<(String, u64, String)>(bytes);
}

fn of_text(text: &str) {
    if let Some(time) = Time::parse(text) {
        assert_eq!(Time::parse(&time.to_string()), Some(time), "{text}");
    }
    match text.parse::<Position>() {
        Ok(position) => assert_eq!(position.to_string().parse::<Position>().ok(), Some(position)),
        Err(told) => sentence(&told.to_string()),
    }
    if let Some(trace) = trace_id(text) {
        assert!(trace.len() == 32 && text.contains(trace), "{text}");
    }
    if let Some(status) = Status::of(text) {
        assert_eq!(status.name(), text);
    }
}

fn key<K: TableKey + PartialEq + Debug>(bytes: &[u8]) {
    let mut rest = bytes;
    match K::decode(&mut rest) {
        Ok(key) => {
            assert!(bytes.ends_with(rest) && rest.len() < bytes.len(), "{key:?} is of no bytes");
            let written = key.to_bytes();
            let mut again = written.as_slice();
            let read = K::decode(&mut again);
            assert!(read.is_ok_and(|read| read == key) && again.is_empty(), "{key:?}");
        }
        Err(told) => sentence(&told.to_string()),
    }
}

/// Real words.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let pair = ("order/7".to_owned(), 7_u64, "paid".to_owned());
    texts([
        ("key-of-three", pair.to_bytes()),
        ("key-of-text", "a\0b\u{1}".to_owned().to_bytes()),
        ("position", b"6f72646572730061".into()),
        ("status", b"needs-attention".into()),
        ("time", b"2024-02-29T12:34:56.000007Z".into()),
        ("time-elsewhere", b"1969-12-31 22:30:60.1234567-01:30".into()),
        ("trace", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    ])
}
