//! What comes in: a record as its lane is given it.

use crate::broker::Arrived;
use crate::clock::Time;
use crate::error::Error;
use crate::kafka::fetch::Desk;
use crate::message::{Message, wire};
use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A message as its lane is given it, with its size; `None` if nobody waits for it.
pub(super) fn arrived(
    message: &BorrowedMessage<'_>,
    desks: &mut BTreeMap<u32, Desk>,
) -> Option<(u32, (Arrived, usize))> {
    let lane = u32::try_from(message.partition()).ok()?;
    let offset = u64::try_from(message.offset()).ok()?;
    let next = desks.get_mut(&lane)?.next.get_mut(message.topic())?;
    if offset < *next {
        return None;
    }
    *next = offset + 1;
    let body = Bytes::copy_from_slice(message.payload().unwrap_or_default());
    let size = message.payload_len() + message.key_len();
    // The client panics when the name of a header is not UTF-8, which any stranger can bring about.
    let read = catch_unwind(AssertUnwindSafe(|| read(message, body.clone())));
    let wrong = || "this is not a message: the name of a header is not UTF-8".to_owned();
    let read = read.map_err(|_| wrong()).and_then(|read| read.map_err(|told| told.to_string()));
    let read = read.map_err(|reason| (body, reason));
    Some((lane, (Arrived { topic: message.topic().into(), offset, message: read }, size)))
}

fn read(message: &BorrowedMessage<'_>, body: Bytes) -> Result<Message, Error> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
    let at = message.timestamp().to_millis().unwrap_or_default();
    wire::read(message.key(), headers, body, Time::from_micros(at.saturating_mul(1_000)))
}
