//! Getting commits to the disk, in a thread beside the writer.
//!
//! A COMMIT writes to the write-ahead log of SQLite and does not wait for the disk (`synchronous = NORMAL`).
//! This thread flushes the file of that log, and only when it has is anybody told that something is
//! committed. So the disk works while the writer goes on, and what was committed meanwhile shares the next flush.
//!
//! **What a power cut leaves is always what some commit left.** The log is written from its front to its
//! back, each frame with a checksum over all before it, and whoever reads it after a crash ends at the first frame
//! that is not whole: a commit is there with all those before it, or not at all
//! (<https://sqlite.org/fileformat2.html#walformat>). Before SQLite moves anything from the log to the database it
//! flushes the log itself, and before it begins to write the log anew from its front, its head: in this mode too
//! (<https://sqlite.org/pragma.html#pragma_synchronous>).
//!
//! **Nobody is shown what a power cut may still take.** Whoever reads for somebody outside waits, after it has read, until
//! all commits that had begun by then are on the disk ([`Depth::settled`]). Lanes do not wait: what they make of it is
//! committed later, and so on the disk later.

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::sqlite::job::Answer;
use crate::sqlite::trouble::{closed, die_of_an_unflushed_log, unopened_log};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};

/// How many transactions may wait for the disk, beside the one that it works on, before the writer waits too.
const WAITING: usize = 1;

/// The number of a COMMIT that is done, and whom to tell when it is on the disk.
type Committed = (u64, Vec<Answer>);

/// The writer's end of the thread.
pub(super) struct Disk {
    waiting: mpsc::Sender<Committed>,
    depth: Depth,
    ended: oneshot::Receiver<()>,
}

/// How far the disk is.
#[derive(Clone)]
pub(super) struct Depth {
    /// The number of the last COMMIT of jobs that has begun: readers may see what it writes from then on.
    begun: Arc<AtomicU64>,
    /// The number of the last one that is done, or has failed.
    done: Arc<AtomicU64>,
    /// The number of the last one that is on the disk, or was nothing.
    flushed: watch::Receiver<u64>,
}

impl Disk {
    /// Flushes the log of the database in this file, which is open. A process that was killed may have left
    /// something in it that is not on the disk.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let opened = || {
            let log = log_of(path)?;
            log.sync_data()?;
            Self::over(move || log.sync_data())
        };
        opened().map_err(|told| unopened_log(path, told))
    }

    /// Flushes by this.
    pub(super) fn over(flush: impl FnMut() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (waiting, commits) = mpsc::channel(WAITING);
        let (reaches, flushed) = watch::channel(0);
        let (ends, ended) = oneshot::channel();
        let done = Arc::new(AtomicU64::new(0));
        let last = Arc::clone(&done);
        thread::Builder::new().name("flushes".to_owned()).spawn(move || {
            run(commits, &reaches, &last, flush);
            // Whoever closes the store may have stopped waiting.
            let _ = ends.send(());
        })?;
        let depth = Depth { begun: Arc::default(), done, flushed };
        Ok(Self { waiting, depth, ended })
    }

    /// For whoever reads.
    pub(super) fn depth(&self) -> Depth {
        self.depth.clone()
    }

    /// A COMMIT is about to begin: its number.
    pub(super) fn begins(&self) -> u64 {
        self.depth.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The COMMIT of this number is done, and these are told when it is on the disk; or it has failed, and
    /// there is nobody to tell.
    pub(super) async fn flush(&self, number: u64, answers: Vec<Answer>) {
        self.depth.done.store(number, Ordering::SeqCst);
        // The thread takes all until this is dropped; unless it has panicked, and then whoever waits is told
        // by the end of its channel.
        let _ = self.waiting.send((number, answers)).await;
    }

    /// Waits until it has nothing to do.
    pub(super) async fn idle(&self) {
        // If it is gone nobody will be faster.
        let _ = self.depth.settled().await;
    }

    /// Flushes what waits, and ends.
    pub(super) async fn close(self) {
        let Self { waiting, ended, .. } = self;
        drop(waiting);
        let _ = ended.await;
    }
}

impl Depth {
    /// Waits until everything is on the disk that anybody can have read by now.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut flushed = self.flushed.clone();
        flushed.wait_for(|flushed| *flushed >= begun).await.map(drop).map_err(|_| closed())
    }
}

/// The file of the log, beside the file that a link leads to.
fn log_of(path: &Path) -> io::Result<File> {
    let mut beside: OsString = path.canonicalize()?.into();
    beside.push("-wal");
    OpenOptions::new().read(true).write(true).open(beside)
}

/// Flushes, and tells all whose commits it has flushed, as long as somebody commits. One that was done when a
/// flush began need not be flushed again, though its turn to be told comes later.
fn run(
    mut commits: mpsc::Receiver<Committed>,
    reaches: &watch::Sender<u64>,
    done: &AtomicU64,
    mut flush: impl FnMut() -> io::Result<()>,
) {
    while let Some((number, answers)) = commits.blocking_recv() {
        if number > *reaches.borrow() {
            let done = done.load(Ordering::SeqCst);
            if let Err(told) = flush() {
                die_of_an_unflushed_log(&told);
            }
            reaches.send_replace(done);
        }
        answers.into_iter().for_each(|answer| answer(Ok(())));
    }
}
