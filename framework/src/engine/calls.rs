//! Calls to the outside: made by the lane's owner, beside its batches, and repeated if it dies.
//!
//! That a call is under way is written down before it is made. What it brings goes straight to the
//! owner's next batch and is written down there; if the process dies before that, the next owner makes
//! the call again under the same key.

use crate::clock::rest;
use crate::engine::handler::Handler;
use crate::engine::settings::Settings;
use crate::engine::work::Work;
use crate::error::Fault;
use crate::store::Calling;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// The calls of one lane.
pub(super) struct Calls {
    handler: Arc<dyn Handler>,
    settings: Arc<Settings>,
    permits: Arc<Semaphore>,
    ended: mpsc::UnboundedSender<Work>,
    results: mpsc::UnboundedReceiver<Work>,
    under_way: JoinSet<()>,
}

impl Calls {
    pub(super) fn new(handler: Arc<dyn Handler>, settings: Arc<Settings>) -> Self {
        let (ended, results) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(settings.calls));
        Self { handler, settings, permits, ended, results, under_way: JoinSet::new() }
    }

    /// Makes a call.
    pub(super) fn start(&mut self, calling: Calling) {
        let (handler, settings) = (Arc::clone(&self.handler), Arc::clone(&self.settings));
        let (permits, ended) = (Arc::clone(&self.permits), self.ended.clone());
        self.under_way.spawn(async move {
            let permit = permits.acquire_owned().await;
            let outcome = make(&*handler, &settings, &calling).await;
            drop(permit);
            // The receiver ends only with the lane, and then the next owner calls again.
            let _ = ended.send(Work::Called { calling, outcome });
        });
        while self.under_way.try_join_next().is_some() {}
    }

    /// Waits for a call to end. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Work {
        match self.results.recv().await {
            Some(work) => work,
            None => std::future::pending().await,
        }
    }

    /// A call that has ended already.
    pub(super) fn try_next(&mut self) -> Option<Work> {
        self.results.try_recv().ok()
    }
}

/// Calls until it answers; for those who hear of broken calls, once.
async fn make(
    handler: &dyn Handler,
    settings: &Settings,
    calling: &Calling,
) -> Result<Bytes, String> {
    for attempt in 1.. {
        let told = match attempt_once(handler, settings, calling, attempt).await {
            Ok(brought) => return Ok(brought),
            Err(told) => told,
        };
        tracing::warn!(call = calling.id, attempt, %told, "a call to the outside broke");
        if handler.hears_of_broken_calls() {
            return Err(told.to_string());
        }
        rest(settings.retry.delay(attempt)).await;
    }
    unreachable!("attempts are not bounded")
}

async fn attempt_once(
    handler: &dyn Handler,
    settings: &Settings,
    calling: &Calling,
    attempt: u32,
) -> Result<Bytes, Fault> {
    let call = handler.call(calling, attempt);
    let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(call));
    let told = |panic: Box<dyn std::any::Any + Send>| Err(Fault::new(told_by(&*panic)));
    // A reactor's call has a bound of its own, in its line of the table.
    if !handler.hears_of_broken_calls() {
        return caught.await.unwrap_or_else(told);
    }
    tokio::select! {
        biased;
        ended = caught => ended.unwrap_or_else(told),
        () = rest(settings.call) => {
            Err(Fault::new(format!("no answer within {:?}", settings.call)))
        }
    }
}

/// What a panic says.
pub(super) fn told_by(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_else(|| "without a word".to_owned()))
}
