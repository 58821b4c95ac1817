//! Addresses in a store: what a handler reads and writes, whatever it is.

use crate::error::{Error, ErrorKind};
use crate::text::Text;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::fmt;

/// The kinds of things that are found by a key. Each is a table of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Rows of services and views.
    Rows,
    /// Runs of sagas.
    Runs,
    /// What participants and reactors remember of commands, reactions and waits.
    Barriers,
}

/// One address: in `space`, in `table` (whose name begins with its owner's), at `key`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The kind of thing.
    pub space: Space,
    /// For rows `service.table`; for runs the saga; for barriers the group.
    pub table: Text,
    /// The key within it.
    pub key: Bytes,
}

impl Slot {
    /// An address.
    pub fn new(space: Space, table: impl Into<Text>, key: impl Into<Bytes>) -> Self {
        Self { space, table: table.into(), key: key.into() }
    }

    /// Reads what is written there as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        self.read_by(body, |body| serde_json::from_slice(body))
    }

    /// Reads what is written there. What cannot be read is named by where it is: somebody has to restore it.
    pub(crate) fn read_by<T, E: fmt::Display>(
        &self,
        body: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, Error> {
        decode(body).map_err(|cause| {
            let text = format!("{self} is damaged or not of its type: {cause}");
            Error::new(ErrorKind::Codec, text)
        })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, table, key } = self;
        let key = key.escape_ascii();
        match space {
            Space::Rows => write!(f, "row `{key}` of table `{table}`"),
            Space::Runs => write!(f, "the journal of run `{key}` of saga `{table}`"),
            Space::Barriers => write!(f, "what `{table}` remembers of `{key}`"),
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}[{}]", self.space, self.table, String::from_utf8_lossy(&self.key))
    }
}

/// Whether what is read is going to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    /// It is only looked at.
    Peek,
    /// Nobody but the owner of the lane writes it, so it needs no lock.
    Own,
    /// It is locked until the end of the transaction.
    Change,
}

/// What the owner of a lane knows of a slot that it writes, and has not read in this batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// There should be nothing. It is only assumed: if there is something the batch must fail.
    Absent,
    /// It is there, and if it is a run, among those that go on.
    Here,
}

/// A range of a table: keys from `from` up to, not including, `to`, at most `limit` of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scan {
    /// The table, as in [`Slot`].
    pub table: Text,
    /// The first key.
    pub from: Bytes,
    /// The key at which to stop; `None` for the end of the table.
    pub to: Option<Bytes>,
    /// How many rows at most.
    pub limit: u32,
}
