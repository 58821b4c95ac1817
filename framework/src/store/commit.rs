//! How far a commit has come: known, or precommitted.
//!
//! A transaction is *precommitted* when it stands in the order of commits and waits only for the disk. Others
//! may go on from what it wrote, for theirs are on the disk after it or not at all; but nothing that follows
//! from it may leave the process. DeWitt et al., *Implementation Techniques for Main Memory Database Systems*
//! (SIGMOD 1984), where group commit comes from.

use crate::error::{Error, ErrorKind};
use tokio::sync::oneshot;

/// How far a commit has come.
#[derive(Debug)]
pub enum Commit {
    /// It is on the disk.
    Done,
    /// It is precommitted. Whether it gets to the disk is told here; an error is one of
    /// [`Batch::commit`](crate::store::Batch::commit).
    Pre(oneshot::Receiver<Result<(), Error>>),
}

impl Commit {
    /// Waits until it is on the disk. Whoever stops waiting may wait again.
    ///
    /// # Errors
    ///
    /// Those of [`Batch::commit`](crate::store::Batch::commit); [`ErrorKind::Unknown`] also if whoever would
    /// have told is gone.
    ///
    /// # If the process dies
    ///
    /// All of it has happened or nothing.
    pub async fn done(&mut self) -> Result<(), Error> {
        let Self::Pre(told) = self else { return Ok(()) };
        let told = told.await.unwrap_or_else(|_| Err(closed_under_a_commit()));
        *self = match told {
            Ok(()) => Self::Done,
            // Whoever asks again is told no better.
            Err(_) => Self::Pre(oneshot::channel().1),
        };
        told
    }
}

/// Whoever would have told whether something was committed is gone.
pub(crate) fn closed_under_a_commit() -> Error {
    Error::new(ErrorKind::Unknown, "the store was closed under a commit: open it again")
}

#[cfg(test)]
mod tests {
    use super::Commit;
    use crate::error::{Error, ErrorKind};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn whoever_asks_again_is_not_told_that_what_is_lost_was_committed() {
        let (tells, told) = oneshot::channel();
        let mut commit = Commit::Pre(told);
        tells.send(Err(Error::new(ErrorKind::Unknown, "the disk does not say"))).unwrap();
        for _ in 0..2 {
            assert_eq!(commit.done().await.unwrap_err().kind(), ErrorKind::Unknown);
        }
    }
}
