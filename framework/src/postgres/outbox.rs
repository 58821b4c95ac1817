//! What batches have to publish: one blob a batch, cut into pieces.

use crate::error::{Error, ErrorKind};
use crate::message::{Message, Outgoing};
use bytes::{Buf, Bytes};

/// How large a piece is at most. A row is read whole, so pieces bound what one row costs.
pub(super) const PIECE: usize = 512 * 1024;

/// The messages of a batch, one after the other: the topic, the partition and the message, each behind its
/// length.
pub(super) fn pack(messages: &[Outgoing]) -> Vec<u8> {
    let mut blob = Vec::new();
    for Outgoing { topic, partition, message } in messages {
        blob.extend_from_slice(&length(topic.len()));
        blob.extend_from_slice(topic.as_bytes());
        blob.extend_from_slice(&partition.to_le_bytes());
        put(&mut blob, message);
    }
    blob
}

/// Puts a message behind its length.
pub(super) fn put(blob: &mut Vec<u8>, message: &Message) {
    let before = blob.len();
    blob.extend_from_slice(&length(0));
    let begin = blob.len();
    message.encode_into(blob);
    let length = length(blob.len() - begin);
    blob[before..begin].copy_from_slice(&length);
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// What [`pack`] has packed. The bodies are not copied.
pub(super) fn unpack(blob: &Bytes) -> Result<Vec<Outgoing>, Error> {
    let (mut left, mut messages) = (blob.clone(), Vec::new());
    while left.has_remaining() {
        let (topic, partition, message) = one(&mut left).ok_or_else(|| {
            Error::new(ErrorKind::Codec, "a batch of the outbox is not what was written")
        })?;
        messages.push(Outgoing {
            topic: topic.into(),
            partition,
            message: Message::decode(&message)?,
        });
    }
    Ok(messages)
}

fn one(left: &mut Bytes) -> Option<(String, u32, Bytes)> {
    let topic = behind_length(left)?;
    let partition = left.try_get_u32_le().ok()?;
    Some((String::from_utf8(topic.into()).ok()?, partition, behind_length(left)?))
}

fn behind_length(left: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(left.try_get_u32_le().ok()?).ok()?;
    (length <= left.len()).then(|| left.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use crate::message::samples::outgoing;
    use bytes::Bytes;

    #[test]
    fn a_blob_is_read_as_it_was_written_and_a_cut_one_is_refused() {
        let messages = ["one", "", "three"].map(|body| outgoing("t", 7, body)).to_vec();
        let blob = Bytes::from(pack(&messages));
        assert_eq!(unpack(&blob).unwrap(), messages);
        for length in 1..blob.len() {
            let cut = unpack(&blob.slice(..length));
            assert!(cut.is_err() || cut.unwrap().len() < messages.len(), "{length}");
        }
        assert_eq!(unpack(&Bytes::new()).unwrap(), []);
    }
}
