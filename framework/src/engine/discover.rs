//! Discovery: finding out what the handlers of a batch read, before any of it is fetched.
//!
//! Handlers run one after the other. The first read that misses notes its key and stays pending; then all
//! that are still to run are polled once, and all keys are fetched by one statement, locked in their order.
//! Where one of them misses again, because what it reads depends on what it has read, all that are still to
//! run are polled once more: at most four rounds, whatever the number of messages. So locks cannot deadlock
//! within a round, and the number of statements does not depend on the size of the batch (H12).

use crate::engine::calls::told_by;
use crate::engine::handler::{Handler, Trouble};
use crate::engine::span::{follow, span};
use crate::engine::work::Work;
use crate::error::{Error, Fault};
use crate::mistake::Mistake;
use crate::store::{Batch, Found, LaneId};
use crate::tx::{Cause, Tx, Wanted};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

/// How often all handlers are asked what they read; what is missed after that is fetched alone.
pub(super) const ROUNDS: usize = 4;

/// Asks a handler what it reads.
pub(super) fn ask(tx: &mut Tx, handler: &dyn Handler, work: &Work, cause: Cause) {
    tx.enter(cause);
    let _ = poll(tx, handler, work);
    if Mistake::DiscoveryCounts.is_made() {
        tx.reads().keep();
    }
    tx.discard();
}

/// Runs a handler, to its end or until it misses something.
pub(super) fn run(
    tx: &mut Tx,
    lane: &LaneId,
    handler: &dyn Handler,
    work: &Work,
    cause: &Cause,
) -> Polled {
    let span = span(lane, work, cause);
    tx.enter(cause.clone());
    let polled = span.in_scope(|| poll(tx, handler, work));
    if matches!(polled, Polled::Ready(_)) && cause.correlation.is_empty() {
        follow(&span, &tx.cause);
    }
    polled
}

/// Fetches what is wanted, and says whether anything was.
pub(super) async fn fetch(batch: &mut dyn Batch, tx: &mut Tx) -> Result<bool, Error> {
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

/// How far a handler has come.
pub(super) enum Polled {
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
