//! What the owner of a lane remembers of what it alone writes, so that it need not be read again.
//!
//! It is as it was committed last: whoever loses the lane, or does not know what became of a batch, forgets
//! all of it. And whoever has just taken a lane takes nothing for granted for a while: so what failed because
//! something was taken for absent, and comes again with one of the next batches, is looked for.

use crate::mistake::Mistake;
use crate::store::{Slot, Status, Value};
use std::any::Any;
use std::collections::BTreeMap;

/// How many slots are remembered at most, and how many bytes are written there; as what it is read as a
/// document takes about three times as much.
const MOST: usize = 8_192;
const MOST_BYTES: usize = 8 << 20;

/// What is written at a slot, as the type that it is read as.
pub(crate) type Document = Box<dyn Any + Send + Sync>;

/// What is written at a slot. The document is gone when a handler has taken it and come to nothing.
#[derive(Debug)]
pub(crate) struct Recalled {
    pub(crate) value: Value,
    pub(crate) document: Option<Document>,
}

impl Recalled {
    /// Whether somebody may soon read it again: a document that has not come to its end.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.document.is_some() && !self.value.status.is_some_and(Status::is_end)
    }
}

/// What was written last, and some of what was written before.
#[derive(Debug)]
pub(crate) struct Recall {
    young: BTreeMap<Slot, Recalled>,
    /// What is written at the young ones, and what was since they were.
    bytes: usize,
    old: BTreeMap<Slot, Recalled>,
    /// For so many batches nothing is taken for absent.
    doubts: u32,
}

impl Default for Recall {
    /// Of a lane that was just taken.
    fn default() -> Self {
        Self { young: BTreeMap::new(), bytes: 0, old: BTreeMap::new(), doubts: 1 }
    }
}

/// How long whoever takes a lane doubts: twice as long each time that it is taken again soon.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    doubts: u32,
    /// Batches that were committed since the lane was taken.
    committed: u32,
}

/// How many batches are doubted at most, and after how many a lane is as good as new.
const MOST_DOUBTS: u32 = 128;
const GOOD: u32 = 256;

impl Trust {
    /// The lane was taken.
    pub(crate) fn taken(&mut self) -> Recall {
        let doubts = if self.committed >= GOOD { 1 } else { self.doubts.max(1) };
        *self = Self { doubts: (doubts * 2).min(MOST_DOUBTS), committed: 0 };
        Recall { doubts, ..Recall::default() }
    }

    /// A batch was committed.
    pub(crate) const fn committed(&mut self) {
        self.committed = self.committed.saturating_add(1);
    }
}

impl Recall {
    /// The same after a batch that was committed.
    pub(crate) fn committed(self) -> Self {
        Self { doubts: self.doubts.saturating_sub(1), ..self }
    }

    /// Whether what should be absent is taken to be.
    pub(crate) fn is_trusting(&self) -> bool {
        self.doubts == 0 || Mistake::TrustsForEver.is_made()
    }

    /// Remembers. When there is no room, what was not written for longest is forgotten.
    pub(crate) fn put(&mut self, slot: Slot, recalled: Recalled) {
        if self.young.len() >= MOST / 2 || self.bytes >= MOST_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += recalled.value.body.len();
        self.old.remove(&slot);
        self.young.insert(slot, recalled);
    }

    /// Hands out what is at a slot; whoever takes it puts it back, or what it wrote there.
    pub(crate) fn take(&mut self, slot: &Slot) -> Option<Recalled> {
        let young = self.young.remove(slot).inspect(|it| self.bytes -= it.value.body.len());
        young.or_else(|| self.old.remove(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::{GOOD, MOST, MOST_BYTES, MOST_DOUBTS, Recall, Recalled, Trust};
    use crate::store::{Slot, Space, Value};

    /// After how many batches it trusts.
    fn doubted(mut recall: Recall) -> u32 {
        let mut batches = 0;
        while !recall.is_trusting() {
            recall = recall.committed();
            batches += 1;
        }
        batches
    }

    #[test]
    fn a_lane_that_is_taken_again_and_again_doubts_longer_each_time_until_it_is_well() {
        let mut trust = Trust::default();
        let told: Vec<u32> = (0..9).map(|_| doubted(trust.taken())).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, MOST_DOUBTS]);
        (0..GOOD).for_each(|_| trust.committed());
        assert_eq!(doubted(trust.taken()), 1);
    }

    fn slot(number: usize) -> Slot {
        Slot::new(Space::Runs, "s", number.to_string())
    }

    #[test]
    fn the_newest_are_remembered_and_room_is_bounded() {
        let mut recall = Recall::default();
        for number in 0..MOST * 3 {
            recall.put(slot(number), Recalled { value: Value::plain("x"), document: None });
        }
        let kept = (0..MOST * 3).filter(|number| recall.take(&slot(*number)).is_some()).count();
        assert!((MOST / 2..=MOST).contains(&kept), "{kept}");
        recall.put(slot(1), Recalled { value: Value::plain("y"), document: None });
        assert!(recall.take(&slot(1)).is_some() && recall.take(&slot(1)).is_none());
    }

    #[test]
    fn what_is_large_is_not_remembered_as_often() {
        let (size, mut recall) = (MOST_BYTES / 32, Recall::default());
        let large = || Value::plain(vec![7; size]);
        for number in 0..200 {
            recall.put(slot(number), Recalled { value: large(), document: None });
            let taken = recall.take(&slot(number)).expect("the newest is remembered");
            recall.put(slot(number), taken);
        }
        let kept = (0..200).filter(|number| recall.take(&slot(*number)).is_some()).count();
        assert!((16..=33).contains(&kept), "{kept}");
    }
}
