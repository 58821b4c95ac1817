//! How lanes stand, as far as this process knows: as it left them itself.
//!
//! A batch of a lane that stands as its owner left it needs not ask before it writes: its compare-and-set goes
//! with what it writes, in one statement. Whoever was replaced meanwhile learns it there.

use crate::clock::{Stopwatch, Time};
use crate::store::{Advance, LaneId};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long the database's time is told by the clock of this machine, that runs on from when the database
/// was last asked. It is less than the time after which an owner that rests looks whether the lane is still
/// its own.
const FRESH: Duration = Duration::from_secs(5);

/// What time it is, as the database has said at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    time: Time,
    since: Stopwatch,
}

impl Told {
    /// The database says so now.
    pub(super) fn now(time: Time) -> Self {
        Self { time, since: Stopwatch::start() }
    }
}

/// The lanes that this process has left, and not begun a batch of since.
#[derive(Default)]
pub(super) struct Standing(Mutex<BTreeMap<LaneId, Left>>);

/// How a lane was left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) epoch: u64,
    pub(super) batch: u64,
    /// The time of its last batch: it never goes back.
    pub(super) last: Time,
    pub(super) told: Told,
}

impl Left {
    /// What time it is by now, or by somebody else's clock.
    pub(super) fn now(&self, told: Option<Time>) -> Time {
        let Told { time, since } = self.told;
        told.unwrap_or_else(|| time.after(since.elapsed())).max(self.last)
    }

    /// The same after one more batch, at this time. The database was not asked what time it is.
    pub(super) const fn after_batch(self, now: Time) -> Self {
        Self { batch: self.batch + 1, last: now, ..self }
    }
}

impl Standing {
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<LaneId, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane is left like this.
    pub(super) fn leave(&self, lane: LaneId, left: Left) {
        self.lanes().insert(lane, left);
    }

    /// How the lane was left, if that was as its owner says, not long ago. Until it is left again nothing is
    /// known of it.
    pub(super) fn take(&self, advance: &Advance) -> Option<Left> {
        let left = self.lanes().remove(&advance.lane)?;
        let is_as_left = (left.epoch, left.batch) == (advance.epoch, advance.batch);
        (is_as_left && left.told.since.elapsed() < FRESH).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::{Left, Standing, Told};
    use crate::clock::{Time, rest};
    use crate::store::{Advance, LaneId};
    use std::collections::BTreeMap;
    use std::time::Duration;

    const NOON: Time = Time::from_micros(7);

    fn advance(epoch: u64, batch: u64) -> Advance {
        let lane = LaneId::new("shop", 0);
        Advance { lane, epoch, batch, positions: BTreeMap::new(), published: 0, said: NOON }
    }

    fn left() -> (Standing, Left) {
        let (standing, told) = (Standing::default(), Told::now(NOON));
        let left = Left { epoch: 3, batch: 9, last: NOON, told };
        standing.leave(LaneId::new("shop", 0), left);
        (standing, left)
    }

    #[test]
    fn a_lane_is_known_once_and_only_as_it_was_left() {
        for (epoch, batch) in [(3, 8), (4, 9)] {
            assert!(left().0.take(&advance(epoch, batch)).is_none());
        }
        let (standing, _) = left();
        assert!(standing.take(&advance(3, 9)).is_some());
        assert!(standing.take(&advance(3, 9)).is_none(), "a batch of it was begun");
    }

    /// However many batches there are and however long each takes, time is counted from when it was told.
    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_lane_does_not_fall_behind_and_is_told_anew_in_time() {
        let (standing, mut left) = left();
        for second in 1..=4 {
            let now = left.now(None);
            rest(Duration::from_secs(1)).await;
            left = left.after_batch(now);
            assert_eq!(left.now(None), NOON.after(Duration::from_secs(second)));
        }
        standing.leave(LaneId::new("shop", 0), left);
        rest(Duration::from_secs(1)).await;
        assert!(standing.take(&advance(3, 13)).is_none(), "the database is asked");
    }

    #[test]
    fn time_never_goes_back() {
        let (_, left) = left();
        let later = NOON.after(Duration::from_secs(9));
        let left = left.after_batch(later);
        assert_eq!((left.now(None), left.now(Some(NOON))), (later, later));
    }
}
