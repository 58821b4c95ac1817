//! What is said while it goes on.

use ballet::clock::{Clock, Stopwatch, SystemClock, Time};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The time of this machine: that of the servers on it.
pub(super) fn now() -> Time {
    SystemClock.now()
}

/// Says lines with the seconds since the beginning, and keeps them in a file.
pub(super) struct Tell {
    since: Stopwatch,
    kept: Mutex<File>,
}

impl Tell {
    pub(super) fn new(file: &Path) -> io::Result<Self> {
        Ok(Self { since: Stopwatch::start(), kept: Mutex::new(File::create(file)?) })
    }

    /// At once, for whoever watches; who does not read any more is not told.
    pub(super) fn say(&self, what: impl AsRef<str>) {
        let line = format!("{:8.1} s  {}\n", self.since.elapsed().as_secs_f64(), what.as_ref());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = kept.write_all(line.as_bytes());
        let _ = io::stdout().write_all(line.as_bytes());
    }
}
