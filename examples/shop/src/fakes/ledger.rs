//! A file that a fake keeps its books in, one line an entry: for a shop that is a real process, the
//! world outside must not forget when that process dies.

use crate::fakes::Outage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// The file, if there is one.
#[derive(Debug, Default)]
pub(super) struct Ledger(Option<File>);

impl Ledger {
    /// Opens the file, and reads what is in it. A last line that was not finished was answered to
    /// nobody, and is taken away.
    pub(super) fn open<T: DeserializeOwned>(path: impl AsRef<Path>) -> io::Result<(Self, Vec<T>)> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(false).read(true).append(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
        let read = |line| serde_json::from_str(line).map_err(io::Error::other);
        let entries = text[..whole].lines().map(read).collect::<io::Result<_>>()?;
        Ok((Self(Some(file)), entries))
    }

    /// Writes an entry down.
    pub(super) fn note(&mut self, entry: &impl Serialize) -> Result<(), Outage> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(entry).map_err(|_| Outage("its books cannot be kept"))?;
        line.push(b'\n');
        file.write_all(&line).map_err(|_| Outage("its books cannot be kept"))
    }
}
