//! One process at a time: a lock of the operating system on a file beside the database.
//!
//! The lock goes with the process however it dies, so nobody ever has to remove it by hand.

use crate::clock::{Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::sqlite::trouble::file;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind as ErrorOf;
use std::path::Path;
use std::time::Duration;

/// How long to wait for somebody who is just letting go, as when a process is replaced by the next.
const PATIENCE: Duration = Duration::from_secs(2);

/// Held as long as the database is open.
#[derive(Debug)]
pub(super) struct Lock {
    /// Closing it lets go.
    _file: File,
}

impl Lock {
    /// Takes the lock beside `path`.
    pub(super) async fn take(path: &Path) -> Result<Self, Error> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)
            .map_err(|cause| refused(path, cause))?;
        let waited = Stopwatch::start();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if waited.elapsed() < PATIENCE => {
                    rest(Duration::from_millis(10)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let told = "is open in another process: stop that one, or name another file";
                    return Err(file_error(path, told));
                }
                Err(TryLockError::Error(cause)) => return Err(refused(path, cause)),
            }
        }
    }
}

fn file_error(path: &Path, told: &str) -> Error {
    Error::new(ErrorKind::Store, file(path, told))
}

fn refused(path: &Path, cause: std::io::Error) -> Error {
    let told = match cause.kind() {
        ErrorOf::NotFound => {
            "is in a folder that is not there: make it, or name another file".to_owned()
        }
        _ => format!("cannot be locked ({cause}): make its folder writable, or name another file"),
    };
    file_error(path, &told).because(cause)
}
