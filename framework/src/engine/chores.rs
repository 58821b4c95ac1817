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

/// How long deleting lets the lanes go on between two steps at least.
const BREATH: Duration = Duration::from_millis(10);

/// And at most, so that a walk through what is kept comes to its end.
const LONGEST_BREATH: Duration = Duration::from_millis(100);

/// So many times what a step took that has found little. A new process walks through all that is kept, and most of it is
/// young: that is done beside the lanes, and not instead of them.
const EASE: u32 = 9;

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
        let began = Stopwatch::start();
        match wiring.store.prune(kind, age, retention.step).await {
            Ok(step) => {
                deleted += step.deleted;
                if step.is_done {
                    break true;
                }
                let is_worth_it = step.deleted >= u64::from(retention.step) / 2;
                rest(breath(began.elapsed(), is_worth_it)).await;
            }
            Err(told) => {
                tracing::warn!(?kind, %told, "what is old was not deleted; it is tried again");
                break false;
            }
        }
    };
    if deleted > 0 && kind == Kept::Unread {
        tracing::error!(deleted, ?age, "messages were deleted that a group has not read");
    } else if deleted > 0 {
        tracing::debug!(?kind, deleted, ?age, "what is old was deleted");
    }
    is_done
}

/// How long the lanes go on after a step that took so long.
fn breath(took: Duration, is_worth_it: bool) -> Duration {
    match is_worth_it {
        true => BREATH,
        false => took.saturating_mul(EASE).clamp(BREATH, LONGEST_BREATH),
    }
}

#[cfg(test)]
mod tests {
    use super::breath;
    use std::time::Duration;

    #[test]
    fn a_step_that_finds_little_is_followed_by_a_longer_breath() {
        let ms = Duration::from_millis;
        for took in [0, 1, 5, 1_000].map(ms) {
            assert_eq!(breath(took, true), ms(10));
        }
        for (took, rests) in [(0, 10), (1, 10), (5, 45), (1_000, 100)] {
            assert_eq!(breath(ms(took), false), ms(rests));
        }
        assert_eq!(breath(Duration::MAX, false), ms(100));
    }
}
