//! A file that a fake keeps its books in, one line an entry: for a shop that is a real process, the
//! world outside must not forget when that process dies. Several processes may share it: they take turns.

use crate::fakes::Outage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The file, if there is one.
#[derive(Debug, Default)]
pub(super) struct Ledger(Option<Open>);

#[derive(Debug)]
struct Open {
    file: File,
    /// How much of it was read, or written here.
    known: u64,
}

/// While it is there, no other process reads or writes the file.
#[derive(Debug)]
pub(super) struct Turn(Option<File>);

impl Drop for Turn {
    fn drop(&mut self) {
        // The system lets go of the file of a process that ends, so nobody is kept out for ever.
        let _ = self.0.as_ref().map(File::unlock);
    }
}

const UNKEPT: Outage = Outage("its books cannot be kept");

impl Ledger {
    /// Opens the file, and reads what is in it.
    pub(super) fn open<T: DeserializeOwned>(path: impl AsRef<Path>) -> io::Result<(Self, Vec<T>)> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).append(true).open(path)?;
        let mut open = Open { file, known: 0 };
        let (_turn, entries) = open.turn()?;
        Ok((Self(Some(open)), entries))
    }

    /// Takes a turn, and reads what other processes have written since the last one.
    pub(super) fn turn<T: DeserializeOwned>(&mut self) -> Result<(Turn, Vec<T>), Outage> {
        let Some(open) = &mut self.0 else { return Ok((Turn(None), Vec::new())) };
        open.turn().map_err(|_| UNKEPT)
    }

    /// Writes an entry down; in a turn.
    pub(super) fn note(&mut self, entry: &impl Serialize) -> Result<(), Outage> {
        let Some(open) = &mut self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(entry).map_err(|_| UNKEPT)?;
        line.push(b'\n');
        open.file.write_all(&line).map_err(|_| UNKEPT)?;
        open.known += u64::try_from(line.len()).map_err(|_| UNKEPT)?;
        Ok(())
    }
}

impl Open {
    /// A last line that was not finished was answered to nobody, and is taken away.
    fn turn<T: DeserializeOwned>(&mut self) -> io::Result<(Turn, Vec<T>)> {
        self.file.lock()?;
        let turn = Turn(Some(self.file.try_clone()?));
        self.file.seek(SeekFrom::Start(self.known))?;
        let mut text = String::new();
        self.file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let known = self.known + u64::try_from(whole).map_err(io::Error::other)?;
        if whole < text.len() {
            self.file.set_len(known)?;
        }
        let read = |line| serde_json::from_str(line).map_err(io::Error::other);
        let entries = text[..whole].lines().map(read).collect::<io::Result<_>>()?;
        self.known = known;
        Ok((turn, entries))
    }
}
