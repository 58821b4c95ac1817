//! The publishing queue of a lane: one queue, in order, acknowledged before it is marked.
//!
//! A new owner puts the unacknowledged batches of the old one into the queue before its first own one
//! (H2); there is no second publisher and no scan. When the broker fails, the batch that was under way
//! is sent again from its first message, and the receivers' edges drop what they have.

use crate::broker::Broker;
use crate::clock::rest;
use crate::error::Error;
use crate::message::Outgoing;
use crate::saga::Retry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// One batch of messages.
type Batch = (u64, Vec<Outgoing>);

/// After so long without an acknowledgement the health of the lane says that there is none.
const SILENCE: Duration = Duration::from_secs(5);

/// How far a queue has got.
#[derive(Default)]
struct Reached {
    published: AtomicU64,
    /// Why it gets no further.
    trouble: Mutex<Option<String>>,
    progress: Notify,
}

impl Reached {
    /// Whoever looks after the lane is woken by news, and by nothing else.
    fn complain(&self, told: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *trouble != told {
            *trouble = told;
            self.progress.notify_one();
        }
    }

    fn reached(&self, batch: u64) {
        self.published.store(batch, Ordering::SeqCst);
        self.complain(None);
        self.progress.notify_one();
    }
}

/// The queue, and how far it has got.
pub(super) struct Publisher {
    queue: mpsc::UnboundedSender<Batch>,
    appended: AtomicU64,
    reached: Arc<Reached>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(broker: Arc<dyn Broker>, published: u64, retry: Retry) -> Self {
        let (queue, batches) = mpsc::unbounded_channel();
        let appended = AtomicU64::new(published);
        let reached = Reached { published: AtomicU64::new(published), ..Reached::default() };
        let reached = Arc::new(reached);
        let task = tokio::spawn(publish(broker, batches, Arc::clone(&reached), retry));
        Self { queue, appended, reached, task }
    }

    /// Appends a batch; the queue's length is bounded by what the lane takes in.
    pub(super) fn append(&self, batch: u64, messages: Vec<Outgoing>) {
        self.appended.store(batch, Ordering::SeqCst);
        // The receiver ends only when the publisher is dropped.
        let _ = self.queue.send((batch, messages));
    }

    /// All batches up to this one have reached the broker.
    pub(super) fn published(&self) -> u64 {
        self.reached.published.load(Ordering::SeqCst)
    }

    /// Whether something is on its way to the broker.
    pub(super) fn is_busy(&self) -> bool {
        self.published() < self.appended.load(Ordering::SeqCst)
    }

    /// Waits until more has reached the broker, or another reason keeps it from there.
    pub(super) async fn progress(&self) {
        self.reached.progress.notified().await;
    }

    /// Why what is to be published does not reach the broker.
    pub(super) fn trouble(&self) -> Option<String> {
        self.reached.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    reached: Arc<Reached>,
    retry: Retry,
) {
    while let Some((batch, messages)) = batches.recv().await {
        let mut attempt = 1;
        while let Err(told) = patiently(&*broker, &messages, &reached).await {
            tracing::warn!(batch, attempt, %told, "publishing failed; the batch is sent again");
            reached.complain(Some(told.to_string()));
            rest(retry.delay(attempt)).await;
            attempt += 1;
        }
        reached.reached(batch);
    }
}

/// Publishes, and says so when that takes long.
async fn patiently(
    broker: &dyn Broker,
    messages: &[Outgoing],
    reached: &Reached,
) -> Result<(), Error> {
    let mut producing = broker.produce(messages);
    tokio::select! {
        biased;
        done = &mut producing => return done,
        () = rest(SILENCE) => {
            let text = format!("the broker has acknowledged nothing for {SILENCE:?}: messages wait for it");
            reached.complain(Some(text));
        }
    }
    producing.await
}
