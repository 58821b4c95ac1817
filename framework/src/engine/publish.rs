//! The publishing queue of a lane: one queue, in order, acknowledged before it is marked.
//!
//! A new owner puts the unacknowledged batches of the old one into the queue before its first own one
//! (H2); there is no second publisher and no scan. When the broker fails, the batch that was under way
//! is sent again from its first message, and the receivers' edges drop what they have.

use crate::broker::Broker;
use crate::clock::rest;
use crate::message::Outgoing;
use crate::saga::Retry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// One batch of messages.
type Batch = (u64, Vec<Outgoing>);

/// The queue, and how far it has got.
pub(super) struct Publisher {
    queue: mpsc::UnboundedSender<Batch>,
    appended: AtomicU64,
    published: Arc<AtomicU64>,
    progress: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(broker: Arc<dyn Broker>, published: u64, retry: Retry) -> Self {
        let (queue, batches) = mpsc::unbounded_channel();
        let appended = AtomicU64::new(published);
        let published = Arc::new(AtomicU64::new(published));
        let progress = Arc::new(Notify::new());
        let task = tokio::spawn(publish(
            broker,
            batches,
            Arc::clone(&published),
            Arc::clone(&progress),
            retry,
        ));
        Self { queue, appended, published, progress, task }
    }

    /// Appends a batch; the queue's length is bounded by what the lane takes in.
    pub(super) fn append(&self, batch: u64, messages: Vec<Outgoing>) {
        self.appended.store(batch, Ordering::SeqCst);
        // The receiver ends only when the publisher is dropped.
        let _ = self.queue.send((batch, messages));
    }

    /// All batches up to this one have reached the broker.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Whether something is on its way to the broker.
    pub(super) fn is_busy(&self) -> bool {
        self.published() < self.appended.load(Ordering::SeqCst)
    }

    /// Waits until more has reached the broker.
    pub(super) async fn progress(&self) {
        self.progress.notified().await;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn publish(
    broker: Arc<dyn Broker>,
    mut batches: mpsc::UnboundedReceiver<Batch>,
    published: Arc<AtomicU64>,
    progress: Arc<Notify>,
    retry: Retry,
) {
    while let Some((batch, messages)) = batches.recv().await {
        let mut attempt = 1;
        while let Err(told) = broker.produce(&messages).await {
            tracing::warn!(batch, attempt, %told, "publishing failed; the batch is sent again");
            rest(retry.delay(attempt)).await;
            attempt += 1;
        }
        published.store(batch, Ordering::SeqCst);
        progress.notify_one();
    }
}
