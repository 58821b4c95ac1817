//! What a process does beside its lanes: it looks for entries that others have put into inboxes, and
//! deletes what is old.
//!
//! Neither decides anything. An entry that is not found now is found a moment later, and what is deleted
//! too late has only taken room.

use crate::clock::rest;
use crate::engine::group::Wiring;
use crate::store::Kept;
use std::sync::Arc;
use std::time::Duration;

/// How long deleting lets the lanes go on between two steps.
const BREATH: Duration = Duration::from_millis(10);

/// Does them until the process is to stop.
pub(crate) async fn chores(wiring: Arc<Wiring>) {
    let mut stop = wiring.stop.clone();
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = look(&wiring) => {}
        () = prune(&wiring) => {}
    }
}

/// One statement for all lanes of the process, whatever their number.
async fn look(wiring: &Wiring) {
    loop {
        rest(wiring.settings.poll).await;
        match wiring.store.waiting().await {
            Ok(lanes) => lanes.iter().for_each(|lane| wiring.hub.entered(lane)),
            Err(told) => tracing::warn!(%told, "nobody knows what waits in the inboxes"),
        }
    }
}

async fn prune(wiring: &Wiring) {
    loop {
        rest(wiring.settings.retention.every).await;
        for kind in Kept::ALL {
            round(wiring, kind).await;
        }
    }
}

/// Deletes everything of a kind that is old by now.
async fn round(wiring: &Wiring, kind: Kept) {
    let retention = &wiring.settings.retention;
    let (age, mut deleted) = (retention.of(kind), 0);
    loop {
        match wiring.store.prune(kind, age, retention.step).await {
            Ok(step) => {
                deleted += step.deleted;
                if step.is_done {
                    break;
                }
            }
            Err(told) => {
                tracing::warn!(?kind, %told, "what is old was not deleted; it is tried again");
                break;
            }
        }
        rest(BREATH).await;
    }
    if deleted > 0 && kind == Kept::Unread {
        tracing::error!(deleted, ?age, "messages were deleted that a group has not read");
    } else if deleted > 0 {
        tracing::debug!(?kind, deleted, ?age, "what is old was deleted");
    }
}
