//! How lanes stand, as far as this process knows: as it left them itself.
//!
//! A batch of a lane that stands as its owner left it needs not ask before it writes: its compare-and-set goes
//! with what it writes, in one statement. Whoever was replaced meanwhile learns it there.

use crate::clock::{Stopwatch, Time};
use crate::store::{Advance, LaneId};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long the database's time is told by the clock of this machine, that runs on from it. It is less
/// than the time after which an owner that rests looks whether the lane is still its own.
const FRESH: Duration = Duration::from_secs(5);

/// The lanes that this process has left, and not begun a batch of since.
#[derive(Default)]
pub(super) struct Standing(Mutex<BTreeMap<LaneId, Left>>);

/// How a lane was left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    epoch: u64,
    batch: u64,
    /// What time it was.
    pub(super) time: Time,
    since: Stopwatch,
}

impl Left {
    /// What time it is by now.
    pub(super) fn now(&self) -> Time {
        self.time.after(self.since.elapsed())
    }
}

impl Standing {
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<LaneId, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane has this epoch and this last batch, and it is this time.
    pub(super) fn left(&self, lane: LaneId, epoch: u64, batch: u64, time: Time) {
        let left = Left { epoch, batch, time, since: Stopwatch::start() };
        self.lanes().insert(lane, left);
    }

    /// How the lane was left, if that was as its owner says, not long ago. Until it is left again nothing is
    /// known of it.
    pub(super) fn take(&self, advance: &Advance) -> Option<Left> {
        let left = self.lanes().remove(&advance.lane)?;
        let is_as_left = (left.epoch, left.batch) == (advance.epoch, advance.batch);
        (is_as_left && left.since.elapsed() < FRESH).then_some(left)
    }

    /// There was nothing to do after all, and the database was not asked: the lane is as it was left.
    pub(super) fn put_back(&self, lane: LaneId, left: Left) {
        self.lanes().insert(lane, left);
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use crate::clock::Time;
    use crate::store::{Advance, LaneId};
    use std::collections::BTreeMap;

    fn advance(epoch: u64, batch: u64) -> Advance {
        let lane = LaneId::new("shop", 0);
        Advance { lane, epoch, batch, positions: BTreeMap::new(), published: 0 }
    }

    #[test]
    fn a_lane_is_known_once_and_only_as_it_was_left() {
        let (standing, time) = (Standing::default(), Time::from_micros(7));
        let left = || standing.left(LaneId::new("shop", 0), 3, 9, time);
        assert!(standing.take(&advance(3, 9)).is_none());
        for (epoch, batch) in [(3, 8), (4, 9)] {
            left();
            assert!(standing.take(&advance(epoch, batch)).is_none());
        }
        left();
        let found = standing.take(&advance(3, 9)).unwrap();
        assert!(found.now() >= time);
        assert!(standing.take(&advance(3, 9)).is_none(), "a batch of it was begun");
        standing.put_back(LaneId::new("shop", 0), found);
        assert!(standing.take(&advance(3, 9)).is_some(), "and came to nothing");
    }
}
