//! Publishing: the task that hands a lane's [queue](crate::engine::queue) to the broker, in order.
//!
//! A new owner puts the unacknowledged batches of the old one into the queue before its first own one
//! (H2); there is no second publisher and no scan. All that waits goes out at once. When the broker fails,
//! what was under way is sent again from its first message, and the receivers' edges drop what they have.

use crate::broker::Broker;
use crate::clock::rest;
use crate::engine::handover::Handover;
use crate::engine::queue::Queue;
use crate::error::Error;
use crate::message::Outgoing;
use crate::mistake::Mistake;
use crate::saga::Retry;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// After so long without an acknowledgement the health of the lane says that there is none.
const SILENCE: Duration = Duration::from_secs(5);

/// The queue, and the task that publishes what is in it.
pub(super) struct Publisher {
    handover: Arc<Handover>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(broker: Arc<dyn Broker>, queue: Queue, retry: Retry) -> Self {
        let handover = Arc::new(Handover::new(queue));
        let task = tokio::spawn(publish(broker, Arc::clone(&handover), retry));
        Self { handover, task }
    }
}

impl Deref for Publisher {
    type Target = Handover;

    fn deref(&self) -> &Handover {
        &self.handover
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn publish(broker: Arc<dyn Broker>, handover: Arc<Handover>, retry: Retry) {
    loop {
        let batches = handover.next().await;
        let last = batches.last().map_or(0, |(batch, _)| *batch);
        let mut messages: Vec<&[Outgoing]> =
            batches.iter().map(|(_, messages)| &messages[..]).collect();
        let mut attempt = 1;
        while let Err(told) = patiently(&*broker, &messages, &handover).await {
            tracing::warn!(last, attempt, %told, "publishing failed; the batches are sent again");
            handover.complain(told.to_string());
            if Mistake::NoSecondTry.is_made() {
                break;
            }
            if Mistake::HalfABatchAgain.is_made() {
                messages.iter_mut().for_each(|batch| *batch = &batch[batch.len() / 2..]);
            }
            rest(retry.delay(attempt)).await;
            attempt += 1;
        }
        handover.acknowledged(batches.len());
    }
}

/// Publishes, and says so when that takes long.
async fn patiently(
    broker: &dyn Broker,
    messages: &[&[Outgoing]],
    handover: &Handover,
) -> Result<(), Error> {
    let mut producing = broker.produce(messages);
    tokio::select! {
        biased;
        done = &mut producing => return done,
        () = rest(SILENCE) => {
            let text = format!("the broker has acknowledged nothing for {SILENCE:?}: messages wait for it");
            handover.complain(text);
        }
    }
    producing.await
}
