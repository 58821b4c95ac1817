//! What SQLite says when it cannot, in words that say what to do; and when to stop the process.

use crate::error::{Error, ErrorKind};
use std::io;
use std::path::Path;

/// What SQLite says when the disk fails under it (`SQLITE_IOERR`).
const DISK_FAILED: i32 = 10;

/// The first byte of SQLite's code, which tells the kind of trouble.
fn code(told: &sqlx::Error) -> Option<i32> {
    let code: i32 = told.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// What to do about it.
fn advice(told: &sqlx::Error) -> &'static str {
    match code(told) {
        Some(5 | 6) => "somebody else writes to the database for too long: end that",
        Some(8) => "the database cannot be written: make it and its folder writable",
        Some(DISK_FAILED) => "the disk fails: look at the system's log",
        Some(11 | 26) => "the database is damaged: restore it from a backup",
        Some(13) => "the disk is full: make room",
        Some(14) => "the database cannot be opened: make its folder, and make it writable",
        _ => "the database refused a statement",
    }
}

/// An error of the store.
pub(super) fn store(told: sqlx::Error) -> Error {
    Error::new(ErrorKind::Store, format!("{} ({told})", advice(&told))).because(told)
}

/// A sentence about a file.
pub(super) fn file(path: &Path, told: impl std::fmt::Display) -> String {
    format!("`{}` {told}", path.display())
}

/// A file that is not what was written.
pub(super) fn damaged(path: &Path) -> Error {
    let told = "is damaged: restore it from a backup, or name another file";
    Error::new(ErrorKind::Store, file(path, told))
}

/// A file that cannot be opened.
pub(super) fn unopened(path: &Path, told: sqlx::Error) -> Error {
    let text = match code(&told) {
        Some(5 | 6) => "is locked by another program: end it, or name another file",
        Some(8) => "cannot be written: make it and its folder writable",
        Some(11 | 26) => return damaged(path).because(told),
        Some(14) => "cannot be opened: make its folder, and make it writable",
        _ => return Error::new(ErrorKind::Store, file(path, format!("cannot be opened ({told})"))),
    };
    Error::new(ErrorKind::Store, file(path, text)).because(told)
}

/// A file whose log cannot be opened to be flushed.
pub(super) fn unopened_log(path: &Path, told: io::Error) -> Error {
    let text = format!("has a log beside it that cannot be opened ({told}): make it writable");
    Error::new(ErrorKind::Store, file(path, text)).because(told)
}

/// The commit failed: nobody knows whether it happened.
pub(super) fn unknown(told: &str) -> Error {
    let text = format!("nobody knows whether the batch was committed: {told}");
    Error::new(ErrorKind::Unknown, text)
}

/// The store was closed, or the runtime on which it lived has ended.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the database was closed: open it again")
}

/// A commit that met a failing disk ends the process. What the kernel has dropped after a failed fsync is
/// not written by trying again, so nothing that this process believes about the file holds any more; the
/// next one reads what is really there.
///
/// # If the process dies
///
/// Here it does: batches that were answered are in the file, the others are run again.
pub(super) fn die_of_a_failing_disk(told: &sqlx::Error) {
    if code(told) == Some(DISK_FAILED) {
        die(told);
    }
}

/// As [`die_of_a_failing_disk`], of one that does not flush.
///
/// # If the process dies
///
/// As there.
pub(super) fn die_of_an_unflushed_log(told: &io::Error) -> ! {
    die(told)
}

fn die(told: &dyn std::fmt::Display) -> ! {
    tracing::error!(%told, "the disk failed under a commit; the process ends to read it afresh");
    std::process::abort()
}
