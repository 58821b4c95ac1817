//! Tables: the typed rows of a service.
//!
//! All tables of all services are one table of bytes in the store, so that a batch writes them with
//! one statement. A [`Table`] names one and gives it types; its stored name carries the service's.

use crate::error::{Error, ErrorKind, Fault};
use crate::message::Record;
use crate::store::{Slot, Space};
use bytes::Bytes;
use std::fmt;
use std::marker::PhantomData;
use uuid::Uuid;

/// A typed table of the service that uses it.
///
/// ```
/// use ballet::Table;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Shelf { on_hand: u64, reserved: u64 }
///
/// const SHELVES: Table<String, Shelf> = Table::new("shelves");
/// assert_eq!(SHELVES.name(), "shelves");
/// ```
pub struct Table<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table `{}`", self.name)
    }
}

impl<K: TableKey, V: Record> Table<K, V> {
    /// A table of this name: a plural noun.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    /// Its name within the service.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// A key whose bytes sort as its values do, so that a table can be scanned in order.
pub trait TableKey: Send + Sync + Sized + 'static {
    /// Appends the bytes of the key.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads a key from the front of the bytes, and leaves the rest.
    ///
    /// # Errors
    ///
    /// A fault if these are not the bytes of such a key.
    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault>;

    /// The bytes of the key.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Reads a row of a table, of which a scan has found key and value.
pub(crate) fn read_row<K: TableKey, V: Record>(
    table: &str,
    (key, row): (Bytes, Bytes),
) -> Result<(K, V), Error> {
    let slot = Slot::new(Space::Rows, table, key);
    let read = K::decode(&mut slot.key.as_ref());
    let read = read.map_err(|told| Error::new(ErrorKind::Codec, format!("{slot}: {told}")))?;
    Ok((read, slot.read(&row)?))
}

/// Takes so many bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Fault> {
    let (front, rest) = bytes.split_at_checked(count).ok_or_else(|| Fault::new("key too short"))?;
    *bytes = rest;
    Ok(front)
}

/// Text ends with `00 01`; a zero byte within it is written `00 FF`.
impl TableKey for String {
    fn encode(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
        out.extend([0, 1]);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        let mut text = Vec::new();
        loop {
            match take(bytes, 1)?[0] {
                0 if take(bytes, 1)?[0] == 1 => return Ok(Self::from_utf8(text)?),
                byte => text.push(byte),
            }
        }
    }
}

impl TableKey for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok(Self::from_be_bytes(take(bytes, 8)?.try_into()?))
    }
}

impl TableKey for u32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok(Self::from_be_bytes(take(bytes, 4)?.try_into()?))
    }
}

/// The sign is flipped, so that negative numbers sort first.
impl TableKey for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self ^ Self::MIN).to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok(Self::from_be_bytes(take(bytes, 8)?.try_into()?) ^ Self::MIN)
    }
}

impl TableKey for Uuid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok(Self::from_slice(take(bytes, 16)?)?)
    }
}

impl<A: TableKey, B: TableKey> TableKey for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok((A::decode(bytes)?, B::decode(bytes)?))
    }
}

impl<A: TableKey, B: TableKey, C: TableKey> TableKey for (A, B, C) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
        self.2.encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, Fault> {
        Ok((A::decode(bytes)?, B::decode(bytes)?, C::decode(bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::TableKey;

    fn keeps_order<K: TableKey + Ord + Clone + std::fmt::Debug>(mut keys: Vec<K>) {
        keys.sort();
        let bytes: Vec<Vec<u8>> = keys.iter().map(TableKey::to_bytes).collect();
        assert!(bytes.is_sorted(), "{keys:?}");
        for (key, bytes) in keys.iter().zip(&bytes) {
            assert_eq!(&K::decode(&mut bytes.as_slice()).unwrap(), key);
        }
    }

    #[test]
    fn the_bytes_of_keys_sort_as_the_keys_do_and_are_read_back() {
        keeps_order(["", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "ü"].map(String::from).to_vec());
        keeps_order(vec![i64::MIN, -7, -1, 0, 1, 7, i64::MAX]);
        keeps_order(vec![0_u64, 1, 255, 256, u64::MAX]);
        keeps_order(vec![("a".to_owned(), 2_u64), ("a\0".to_owned(), 1), ("b".to_owned(), 0)]);
    }

    #[test]
    fn a_key_cut_short_is_a_fault() {
        assert!(String::decode(&mut [b'a', 0].as_slice()).is_err());
        assert!(u64::decode(&mut [1, 2].as_slice()).is_err());
    }
}
