//! Discovery: finding out what the handlers of a batch read, before any of it is fetched.
//!
//! Each handler is polled once; a read that misses notes its key and stays pending. All keys are then
//! fetched by one statement, locked in their order, until nobody misses: at most four rounds, whatever
//! the number of messages. So locks cannot deadlock, and the number of statements does not depend on
//! the size of the batch (H12).

use crate::engine::calls::told_by;
use crate::engine::handler::{Handler, Trouble};
use crate::engine::span::{follow, span};
use crate::engine::work::Work;
use crate::error::{Error, Fault};
use crate::store::{Batch, Found, LaneId};
use crate::tx::{Cause, Tx, Wanted};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

/// How often all handlers are asked what they read; what is missed after that is fetched alone.
const ROUNDS: usize = 4;

/// Asks the handlers what they read, and fetches it.
pub(super) async fn discover(
    batch: &mut dyn Batch,
    tx: &mut Tx,
    handler: &dyn Handler,
    work: &[(&Work, Cause)],
) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        for (work, cause) in work {
            tx.enter(cause.clone());
            let _ = poll(tx, handler, work);
        }
        tx.discard();
        if !fetch(batch, tx).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Runs a handler to its end; what it had not said it reads is fetched now.
pub(super) async fn run(
    batch: &mut dyn Batch,
    tx: &mut Tx,
    lane: &LaneId,
    handler: &dyn Handler,
    work: &Work,
    cause: &Cause,
) -> Result<Result<(), Trouble>, Error> {
    let span = span(lane, work, cause);
    loop {
        tx.enter(cause.clone());
        match span.in_scope(|| poll(tx, handler, work)) {
            Polled::Ready(outcome) => {
                if cause.correlation.is_empty() {
                    follow(&span, &tx.cause);
                }
                return Ok(outcome);
            }
            Polled::Missed => {
                if !fetch(batch, tx).await? {
                    let told = "it waits for something that the store does not give";
                    return Ok(Err(Trouble::Fault(Fault::new(told))));
                }
            }
        }
    }
}

/// Fetches what is wanted, and says whether anything was.
async fn fetch(batch: &mut dyn Batch, tx: &mut Tx) -> Result<bool, Error> {
    let wanted: Wanted = tx.reads().take_wanted();
    if wanted.is_empty() {
        return Ok(false);
    }
    let Found { slots, scans } = batch.read(&wanted.slots, &wanted.scans).await?;
    tx.reads().feed(&wanted, &slots);
    for (scan, rows) in scans {
        tx.reads().feed_scan(scan, rows);
    }
    Ok(true)
}

enum Polled {
    Ready(Result<(), Trouble>),
    Missed,
}

/// Polls a handler once. One that neither ends nor misses waits for something else than its
/// transaction, which is an error that names it.
fn poll(tx: &mut Tx, handler: &dyn Handler, work: &Work) -> Polled {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut future = handler.handle(tx, work);
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    let missed = tx.reads().take_missed();
    match polled {
        _ if missed => Polled::Missed,
        Ok(Poll::Ready(outcome)) => Polled::Ready(outcome),
        Ok(Poll::Pending) => Polled::Ready(Err(Trouble::Fault(Fault::new(format!(
            "the handler of `{}` in `{}` waits for something else than its transaction",
            work.name(),
            handler.group()
        ))))),
        Err(panic) => Polled::Ready(Err(Trouble::Fault(Fault::new(told_by(&*panic))))),
    }
}
