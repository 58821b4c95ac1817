//! What clients have handed over, in the batch that takes it.
//!
//! Unlike what comes by the inbox, nobody has looked whether what it is to bring about is there already: the batch
//! does, and says what it has found. What it cannot handle at once, because something of its key is set aside, because
//! its handler faults or because things are tried one at a time, it leaves to the inbox, which is where it is looked
//! for.

use crate::clock::Stopwatch;
use crate::engine::desk::{Desk, Handed};
use crate::engine::hub::Bell;
use crate::engine::lane::Lane;
use crate::engine::run::Draft;
use crate::engine::sort::{Item, Origin};
use crate::engine::work::Work;
use crate::store::{Entered, InboxRow};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How long the desk rests after a batch with something of it has failed, and twice as long each time: what has made
/// it fail may last, as a transaction of a caller's does that is open.
const REST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// How long it must have been open at least before failures are forgotten: those that come back now and then are still
/// the same trouble.
const GOOD: Duration = Duration::from_secs(600);

/// The desk of a lane, which is shut when the lane is gone, however it went.
pub(super) struct Clerk {
    bell: Arc<Bell>,
    is_open: bool,
    /// Runs since it was opened.
    opened: Stopwatch,
    /// Something of it is in the batch that is under way.
    is_tried: bool,
    /// How many batches with something of it have failed since all was well.
    failed: u32,
}

impl Clerk {
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        let opened = Stopwatch::start();
        Self { bell, is_open: false, opened, is_tried: false, failed: 0 }
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.bell.desk
    }

    /// A batch is begun, or written.
    pub(super) const fn tries(&mut self, has_any: bool) {
        self.is_tried = has_any;
    }

    /// One is committed that has begun something of it. If it has been open for much longer than it has rested, all is
    /// well.
    pub(super) fn is_well(&mut self) {
        if self.is_open && self.opened.elapsed() >= GOOD.max(self.rest() * 4) {
            self.failed = 0;
        }
    }

    fn rest(&self) -> Duration {
        match self.failed {
            0 => Duration::ZERO,
            failed => REST.saturating_mul(2_u32.saturating_pow(failed - 1)).min(LONGEST),
        }
    }

    /// The lane is held, for so long.
    fn held(&mut self, held: Duration) {
        if !self.is_open && held >= self.rest() {
            self.is_open = true;
            self.opened = Stopwatch::start();
            self.desk().open();
        }
    }

    fn shut(&mut self) {
        self.is_open = false;
        self.desk().shut();
    }

    /// The lane is not held, for now.
    fn lost(&mut self) {
        self.failed += u32::from(std::mem::take(&mut self.is_tried));
        self.shut();
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.desk().shut();
    }
}

impl Lane {
    /// Takes what was handed over, as much as a batch may have.
    pub(super) fn take_handed(&mut self) {
        let room = self.wiring.settings.batch.saturating_sub(self.handed.len());
        self.handed.extend(self.clerk.desk().take(room));
    }

    /// What was handed over, for a batch; nothing if the desk rests.
    pub(super) fn handed(&mut self) -> Vec<Handed> {
        let handed = std::mem::take(&mut self.handed);
        if self.clerk.desk().rests() { Vec::new() } else { handed }
    }

    /// The lane is held: what is handed over is taken.
    pub(super) fn open_desk(&mut self) {
        self.clerk.held(self.held.elapsed());
    }

    /// Things are tried one at a time. Whoever waits goes by the inbox.
    pub(super) fn shut_desk(&mut self) {
        self.handed.clear();
        self.clerk.shut();
    }

    /// The lane is not held, for now. Whoever waits goes by the inbox.
    pub(super) fn leave_desk(&mut self) {
        self.handed.clear();
        self.clerk.lost();
    }
}

impl Draft<'_> {
    /// Leaves out what waits in the inbox under the same id: that came first, and may say something else.
    pub(super) fn give_way_to(&mut self, rows: &[InboxRow]) {
        if !self.handed.is_empty() {
            let waiting: BTreeSet<&str> = rows.iter().map(|row| &*row.entry.id).collect();
            self.handed.retain(|handed| !waiting.contains(&*handed.entry.id));
        }
    }

    /// Puts what was handed over in line.
    pub(super) fn line_up(&self, queue: &mut VecDeque<Item>) {
        for (place, handed) in self.handed.iter().enumerate() {
            let (key, body) = (handed.entry.key.clone(), handed.entry.body.clone());
            queue.push_back(Item::new(Work::Inbox { key, body }, Origin::Handed(place)));
        }
    }

    /// It was handled: either it has brought about what it should, or that was there.
    pub(super) fn tell_what_is_there(&mut self, item: &Item) {
        let Origin::Handed(place) = item.origin else { return };
        let handed = &mut self.handed[place];
        let reads = self.tx.reads();
        let found = if reads.writes(&handed.slot) { None } else { reads.at(&handed.slot) };
        handed.tell(found.map_or(Entered::New, Entered::Exists));
    }

    /// The ids of what is new, which nobody may have put into the inbox meanwhile.
    pub(super) fn not_entered(&self) -> Vec<String> {
        let new = self.handed.iter().filter(|handed| handed.is_new());
        new.map(|handed| handed.entry.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::{Stopwatch, rest};
    use crate::engine::desk::{Desk, Handed, MOST, TOGETHER};
    use crate::engine::handed::{Clerk, LONGEST};
    use crate::engine::hub::Hub;
    use crate::message::Key;
    use crate::store::{Entered, Inboxed, LaneId, Slot, Space};
    use bytes::Bytes;
    use futures::FutureExt;
    use std::time::Duration;

    fn entry(id: &str, size: usize) -> Inboxed {
        Inboxed { id: id.to_owned(), key: Key::new(id), body: Bytes::from(vec![b'x'; size]) }
    }

    fn slot() -> Slot {
        Slot::new(Space::Runs, "saga", "run")
    }

    #[tokio::test]
    async fn whoever_hands_something_over_is_told_what_came_of_it_when_that_is_answered() {
        let desk = Desk::default();
        desk.open();
        let answer = desk.hand(&entry("a", 1), &slot()).unwrap();
        let mut told = std::pin::pin!(answer.told());
        assert!(desk.come().now_or_never().is_some());
        let mut taken = desk.take(10);
        assert!(desk.come().now_or_never().is_none(), "nobody waits any more");
        assert!(!taken[0].is_new());
        taken[0].tell(Entered::New);
        assert!(taken[0].is_new());
        assert!(told.as_mut().now_or_never().is_none());
        taken.remove(0).answer();
        assert_eq!(told.await, Some(Entered::New));
    }

    #[tokio::test]
    async fn nobody_answers_where_no_lane_is_held_or_what_was_taken_is_dropped() {
        let desk = Desk::default();
        assert!(desk.hand(&entry("a", 1), &slot()).is_none());
        desk.open();
        let waits = desk.hand(&entry("a", 1), &slot()).unwrap();
        desk.shut();
        assert_eq!(waits.told().await, None);
        assert!(desk.hand(&entry("a", 1), &slot()).is_none());
        desk.open();
        let taken = desk.hand(&entry("a", 1), &slot()).unwrap();
        drop(desk.take(1));
        assert_eq!(taken.told().await, None);
        let untold = desk.hand(&entry("a", 1), &slot()).unwrap();
        desk.take(1).into_iter().for_each(Handed::answer);
        assert_eq!(untold.told().await, None);
    }

    #[tokio::test]
    async fn who_does_not_wait_any_more_is_not_taken() {
        let desk = Desk::default();
        desk.open();
        drop(desk.hand(&entry("gone", 1), &slot()));
        let _waits = desk.hand(&entry("here", 1), &slot()).unwrap();
        let taken = desk.take(1);
        assert_eq!(taken.iter().map(|one| &*one.entry.id).collect::<Vec<_>>(), ["here"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_taken_goes_away_and_who_was_taken_stays_for_much_longer() {
        let desk = Desk::default();
        desk.open();
        let seconds = |begun: Stopwatch| begun.elapsed().as_secs();
        let begun = Stopwatch::start();
        assert_eq!(desk.hand(&entry("a", 1), &slot()).unwrap().told().await, None);
        assert_eq!(seconds(begun), 5);
        assert!(desk.take(1).is_empty());
        let (begun, answer) = (Stopwatch::start(), desk.hand(&entry("b", 1), &slot()).unwrap());
        let taken = desk.take(1);
        assert_eq!(answer.told().await, None);
        assert_eq!((seconds(begun), taken.len()), (65, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_desk_rests_after_something_has_entered_by_a_transaction_of_somebodys_own() {
        let desk = Desk::default();
        desk.open();
        let waits = desk.hand(&entry("a", 1), &slot()).unwrap();
        desk.joined();
        assert_eq!(waits.told().await, None);
        for seconds in 0..12 {
            let is_taken = desk.hand(&entry("a", 1), &slot()).is_some();
            assert_eq!(is_taken, seconds >= 10, "after {seconds} s");
            rest(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test]
    async fn room_is_bounded_and_so_is_what_a_lane_takes_at_a_time() {
        let desk = Desk::default();
        desk.open();
        let waiting: Vec<_> =
            (0..=MOST).filter_map(|_| desk.hand(&entry("a", TOGETHER / 2), &slot())).collect();
        assert_eq!(waiting.len(), MOST);
        assert_eq!(desk.take(MOST).len(), 2);
        assert_eq!(desk.take(1).len(), 1);
        assert!(desk.hand(&entry("large", 2 * TOGETHER), &slot()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_desk_rests_ever_longer_while_batches_with_something_of_it_fail() {
        let mut clerk = Clerk::new(Hub::default().lane(&LaneId::new("group", 0)));
        let rests = |clerk: &mut Clerk| {
            let seconds = (0..=900).find(|seconds| {
                clerk.held(Duration::from_secs(*seconds));
                clerk.is_open
            });
            clerk.tries(true);
            clerk.lost();
            seconds
        };
        let told: Vec<_> = (0..13).map(|_| rests(&mut clerk)).collect();
        assert_eq!(told, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600].map(Some));
        clerk.held(LONGEST);
        rest(4 * LONGEST - Duration::from_secs(1)).await;
        clerk.is_well();
        assert_eq!(rests(&mut clerk), Some(0), "it is open still");
        assert_eq!(rests(&mut clerk), Some(600));
        clerk.held(LONGEST);
        rest(4 * LONGEST).await;
        clerk.is_well();
        clerk.tries(false);
        clerk.lost();
        assert_eq!(rests(&mut clerk), Some(0), "what failed had nothing of it");
    }
}
