//! What a process does beside its lanes: it looks for what others have written, and deletes what is old.
//!
//! Neither decides anything. What is not found now is found a moment later, and what is deleted too late has
//! only taken room.

use crate::clock::{Stopwatch, rest};
use crate::engine::elsewhere::{look_for_clients, look_into_inboxes};
use crate::engine::group::Wiring;
use crate::store::Kept;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long deleting lets the lanes go on between two steps.
const BREATH: Duration = Duration::from_millis(10);

/// How many walks through all that is kept begin in the time that it is kept for.
const WALKS: u32 = 10;

/// Does them until the process is to stop.
pub(crate) async fn chores(wiring: Arc<Wiring>) {
    let mut stop = wiring.stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = look_into_inboxes(&wiring) => {}
        () = look_for_clients(&wiring) => {}
        () = prune(&wiring) => {}
    }
}

async fn prune(wiring: &Wiring) {
    let retention = &wiring.settings.retention;
    // When the last walk began. A new process begins with one.
    let mut walked: BTreeMap<Kept, Stopwatch> = BTreeMap::new();
    loop {
        rest(retention.every).await;
        for kind in Kept::ALL {
            let is_soon = |last: &Stopwatch| last.elapsed() < retention.of(kind) / WALKS;
            let now = Stopwatch::start();
            if walked.get(&kind).is_some_and(is_soon) || !round(wiring, kind).await {
                continue;
            }
            if kind.is_walked() {
                walked.insert(kind, now);
            }
        }
    }
}

/// Deletes everything of a kind that is old by now; says whether it came to its end.
async fn round(wiring: &Wiring, kind: Kept) -> bool {
    let retention = &wiring.settings.retention;
    let (age, mut deleted) = (retention.of(kind), 0);
    let is_done = loop {
        match wiring.store.prune(kind, age, retention.step).await {
            Ok(step) => {
                deleted += step.deleted;
                if step.is_done {
                    break true;
                }
            }
            Err(told) => {
                tracing::warn!(?kind, %told, "what is old was not deleted; it is tried again");
                break false;
            }
        }
        rest(BREATH).await;
    };
    if deleted > 0 && kind == Kept::Unread {
        tracing::error!(deleted, ?age, "messages were deleted that a group has not read");
    } else if deleted > 0 {
        tracing::debug!(?kind, deleted, ?age, "what is old was deleted");
    }
    is_done
}
