//! Looking for what other processes write: entries in the inboxes of our lanes, and what our clients wait for.
//!
//! A process hears of what its own lanes write. What others write it finds by looking, with one statement for
//! all of its lanes and one for all of its clients, however many they are. While something is found it looks again
//! after a few milliseconds, and while nothing is ever less often; and never for more than a tenth of the time.
//!
//! There is no notification by the database: commits that notify wait for each other, a proxy between may not
//! let it through, and what is missed would have to be found by looking all the same.
//!
//! All of it is a hint. Whoever is not told looks by himself, a little later.

use crate::clock::{Pace, Stopwatch, rest};
use crate::engine::group::Wiring;
use crate::store::Slot;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long to wait between two looks at least.
const BRISK: Duration = Duration::from_millis(5);

/// How long at most, while a client waits.
const CALM: Duration = Duration::from_millis(200);

/// How many slots one statement looks into at most.
const TOGETHER: usize = 1_000;

/// Looks for what others have put into the inboxes of our lanes. A lane that is at work looks by itself, so
/// only what is found for one that is idle is news.
pub(super) async fn look_into_inboxes(wiring: &Wiring) {
    let poll = wiring.settings.poll;
    let (mut pace, mut wait) = (Pace::new(BRISK.min(poll), poll), poll);
    loop {
        rest(wait).await;
        let begun = Stopwatch::start();
        let is_news = match wiring.store.waiting().await {
            Ok(lanes) => lanes.iter().filter(|lane| wiring.hub.found_in_inbox(lane)).count() > 0,
            Err(told) => {
                tracing::warn!(%told, "nobody knows what waits in the inboxes");
                false
            }
        };
        wait = pace.next(is_news, begun.elapsed());
    }
}

/// Looks for what clients of this process wait for, and others may write.
pub(super) async fn look_for_clients(wiring: &Wiring) {
    let mut pace = Pace::new(BRISK, CALM);
    loop {
        let slots: Vec<Slot> = wiring.hub.looked_for().into_iter().collect();
        if slots.is_empty() {
            wiring.hub.somebody_looks().await;
            rest(pace.hurry()).await;
            continue;
        }
        let begun = Stopwatch::start();
        let mut is_news = false;
        for some in slots.chunks(TOGETHER) {
            is_news |= find(wiring, some.iter().cloned().collect()).await;
        }
        let wait = pace.next(is_news, begun.elapsed());
        tokio::select! {
            biased;
            () = rest(wait) => {}
            () = wiring.hub.somebody_looks() => rest(pace.hurry()).await,
        }
    }
}

/// Looks into these slots, and says whether something new was there.
async fn find(wiring: &Wiring, slots: BTreeSet<Slot>) -> bool {
    match wiring.store.find(&slots, &BTreeSet::new()).await {
        Ok(found) => wiring.hub.found(&found.slots),
        Err(told) => {
            tracing::warn!(%told, "nobody knows what was written that clients wait for");
            false
        }
    }
}
