//! What the owner of a lane remembers of what it alone writes, so that it need not be read again.
//!
//! It is as it was committed last: whoever loses the lane, or does not know what became of a batch, forgets
//! all of it. And whoever has just taken a lane takes nothing for granted, until its first batch is
//! committed: so what failed because something was taken for absent does not fail twice.

use crate::mistake::Mistake;
use crate::store::{Slot, Status, Value};
use std::any::Any;
use std::collections::HashMap;

/// How many slots are remembered at most.
const MOST: usize = 8_192;

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
#[derive(Debug, Default)]
pub(crate) struct Recall {
    young: HashMap<Slot, Recalled>,
    old: HashMap<Slot, Recalled>,
    /// Whether what should be absent is taken to be.
    is_trusting: bool,
}

impl Recall {
    /// The same after a batch that was committed.
    pub(crate) fn trusting(self) -> Self {
        Self { is_trusting: true, ..self }
    }

    pub(crate) fn is_trusting(&self) -> bool {
        self.is_trusting || Mistake::TrustsForEver.is_made()
    }

    /// Remembers. When there is no room, what was not written for longest is forgotten.
    pub(crate) fn put(&mut self, slot: Slot, recalled: Recalled) {
        if self.young.len() >= MOST / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&slot);
        self.young.insert(slot, recalled);
    }

    /// Hands out what is at a slot; whoever takes it puts it back, or what it wrote there.
    pub(crate) fn take(&mut self, slot: &Slot) -> Option<Recalled> {
        self.young.remove(slot).or_else(|| self.old.remove(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Recall, Recalled};
    use crate::store::{Slot, Space, Value};

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
}
