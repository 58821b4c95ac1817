//! Looking for what other processes write: entries in the inboxes of our lanes, and what our clients wait for.
//!
//! A process hears of what its own lanes and clients write. What others write it finds by looking, with one statement for
//! all of its lanes and one for all of its clients, however many they are. While something is found it looks again
//! after a few milliseconds, and while nothing is ever less often; and for no more than a tenth of the time, unless that
//! would keep it from looking for a fifth of a second.
//!
//! There is no notification by the database: commits that notify wait for each other, a proxy between may not
//! let it through, and what is missed would have to be found by looking all the same.
//!
//! All of it is a hint. A client that is not told looks by himself, a little later.

use crate::clock::{Pace, Stopwatch, rest};
use crate::engine::group::Wiring;
use crate::error::Error;
use crate::store::{LaneId, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long to wait between two looks at least.
const BRISK: Duration = Duration::from_millis(5);

/// How long at most, while a client waits.
const CALM: Duration = Duration::from_millis(200);

/// For so long after something was found more is expected.
const EXPECTED: Duration = Duration::from_millis(100);

/// How long to wait while the store does not answer.
const AWAY: Duration = Duration::from_secs(1);

/// How many slots one statement looks into at most.
const TOGETHER: usize = 1_000;

/// Looks for what others have put into the inboxes of our lanes. A lane that was told by somebody of this process looks by
/// itself, so only what is found for one that was not is news.
pub(super) async fn look_into_inboxes(wiring: &Wiring) {
    let poll = wiring.settings.poll;
    let (mut pace, mut wait) = (Pace::new(BRISK.min(poll), poll, EXPECTED), poll);
    loop {
        rest(wait).await;
        let (begun, untold) = (Stopwatch::start(), wiring.hub.untold());
        let found = wiring.store.waiting().await;
        wait = next(&mut pace, &begun, found.map(|lanes| tell_of(wiring, &lanes, &untold)));
    }
}

/// Tells the lanes in whose inboxes something was found, and says whether others have put it there.
fn tell_of(wiring: &Wiring, lanes: &BTreeSet<LaneId>, untold: &BTreeMap<LaneId, u64>) -> bool {
    let of = |lane: &&LaneId| {
        untold.get(lane).is_some_and(|told| wiring.hub.found_in_inbox(lane, *told))
    };
    lanes.iter().filter(of).count() > 0
}

/// Looks for what clients of this process wait for, and others may write.
pub(super) async fn look_for_clients(wiring: &Wiring) {
    let mut pace = Pace::new(BRISK, CALM, EXPECTED);
    loop {
        let begun = Stopwatch::start();
        let slots: Vec<Slot> = wiring.hub.looked_for().into_iter().collect();
        if slots.is_empty() {
            wiring.hub.somebody_looks().await;
            rest(pace.hurry()).await;
            continue;
        }
        let wait = next(&mut pace, &begun, find(wiring, &slots).await);
        tokio::select! {
            biased;
            () = rest(wait) => {}
            () = wiring.hub.somebody_looks() => rest(pace.hurry()).await,
        }
    }
}

/// Looks into these slots, and says whether something new was there.
async fn find(wiring: &Wiring, slots: &[Slot]) -> Result<bool, Error> {
    let mut is_news = false;
    for some in slots.chunks(TOGETHER) {
        let some = some.iter().cloned().collect();
        let found = wiring.store.find(&some, &BTreeSet::new()).await?;
        is_news |= wiring.hub.found(&found.slots);
    }
    Ok(is_news)
}

/// How long to wait after a look that came to this.
fn next(pace: &mut Pace, begun: &Stopwatch, found: Result<bool, Error>) -> Duration {
    match found {
        Ok(is_news) => pace.next(is_news, begun.elapsed()),
        Err(told) => {
            tracing::warn!(%told, "nobody knows what other processes have written");
            AWAY
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::hub::{Hub, Version};
    use crate::store::{LaneId, Slot, Space, Status, Value};
    use bytes::Bytes;
    use futures::FutureExt;
    use std::collections::BTreeMap;

    fn lane() -> LaneId {
        LaneId::new("group", 0)
    }

    fn row(space: Space) -> Slot {
        Slot::new(space, "group", "key")
    }

    fn found(slot: &Slot, body: &'static str) -> BTreeMap<Slot, Bytes> {
        BTreeMap::from([(slot.clone(), Bytes::from(body))])
    }

    #[tokio::test]
    async fn a_lane_that_works_on_the_log_alone_is_told_of_what_others_have_put_into_its_inbox() {
        let hub = Hub::default();
        let bell = hub.lane(&lane());
        assert!(hub.found_in_inbox(&lane(), hub.untold()[&lane()]));
        assert!(bell.rung().now_or_never().is_some());
        assert!(hub.untold().is_empty(), "it is at it");
        bell.done(bell.told());
        assert!(hub.untold().contains_key(&lane()));
    }

    #[tokio::test]
    async fn what_a_lane_was_told_of_here_is_no_news() {
        let hub = Hub::default();
        let bell = hub.lane(&lane());
        let before = hub.untold()[&lane()];
        hub.entered(&lane());
        assert!(!hub.found_in_inbox(&lane(), before), "it was told while somebody looked");
        assert!(bell.rung().now_or_never().is_some());
        let looked = bell.told();
        hub.entered(&lane());
        bell.done(looked);
        assert!(hub.untold().is_empty(), "it was told again, and has not looked since");
        assert!(bell.rung().now_or_never().is_some());
        assert!(bell.rung().now_or_never().is_none(), "whoever looked has not rung too");
    }

    /// Others may have written the row since, and whoever waits may know that.
    #[tokio::test]
    async fn a_row_that_was_found_is_no_more_than_a_hint() {
        let (hub, slot) = (Hub::default(), row(Space::Rows));
        let watching = hub.watch(&slot, Version::Every);
        watching.look_elsewhere(Some(&Bytes::from("2")));
        assert!(hub.found(&found(&slot, "1")));
        assert_eq!(watching.written().await, None);
    }

    #[tokio::test]
    async fn what_was_found_of_a_run_is_told_once_and_never_instead_of_what_its_lane_has_told() {
        let (hub, slot) = (Hub::default(), row(Space::Runs));
        let watching = hub.watch(&slot, Version::Last);
        watching.look_elsewhere(None);
        assert!(hub.found(&found(&slot, "1")));
        assert_eq!(watching.written().await, Some(Some(Bytes::from("1"))));
        assert!(!hub.found(&found(&slot, "1")), "it is known");
        let ended = Value { body: Bytes::from("3"), status: Some(Status::Completed) };
        hub.written([(slot.clone(), Some(ended))].into_iter());
        assert!(hub.found(&found(&slot, "2")));
        assert_eq!(watching.written().await, None, "whoever waits looks for himself");
    }

    #[test]
    fn what_is_waited_for_is_looked_for_as_long_as_somebody_waits() {
        let (hub, slot) = (Hub::default(), row(Space::Runs));
        let ours = hub.watch(&slot, Version::Last);
        assert!(hub.looked_for().is_empty());
        ours.look_elsewhere(None);
        assert!(hub.somebody_looks().now_or_never().is_some());
        assert!(hub.looked_for().contains(&slot));
        drop(ours);
        assert!(hub.looked_for().is_empty());
    }
}
