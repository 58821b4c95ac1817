//! How much is let in: orders that were accepted and have not come to an end.

use crate::contracts::OrderId;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The orders that this process knows to be under way.
#[derive(Debug)]
pub(super) struct Flow {
    bound: usize,
    open: Mutex<BTreeSet<OrderId>>,
}

/// Whether an order may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// It may, and is counted from now on.
    New,
    /// It is in already.
    Inside,
    /// There are as many as may be.
    Full,
}

impl Flow {
    pub(super) const fn new(bound: usize) -> Self {
        Self { bound, open: Mutex::new(BTreeSet::new()) }
    }

    pub(super) const fn bound(&self) -> usize {
        self.bound
    }

    /// Lets an order in, if there is room.
    pub(super) fn admit(&self, order_id: &OrderId) -> Entrance {
        let mut open = self.open();
        if open.contains(order_id) {
            return Entrance::Inside;
        }
        if open.len() >= self.bound {
            return Entrance::Full;
        }
        open.insert(order_id.clone());
        Entrance::New
    }

    /// Counts an order that is inside whatever the bound: it was accepted before.
    pub(super) fn resume(&self, order_id: OrderId) {
        self.open().insert(order_id);
    }

    /// The order has come to an end, or has not come in after all.
    pub(super) fn leave(&self, order_id: &OrderId) {
        self.open().remove(order_id);
    }

    pub(super) fn has(&self, order_id: &OrderId) -> bool {
        self.open().contains(order_id)
    }

    pub(super) fn inside(&self) -> Vec<OrderId> {
        self.open().iter().cloned().collect()
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<OrderId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entrance, Flow};

    #[test]
    fn who_is_inside_may_knock_again_and_who_leaves_makes_room() {
        let flow = Flow::new(1);
        let (one, two) = ("1".to_owned(), "2".to_owned());
        assert_eq!(flow.admit(&one), Entrance::New);
        assert_eq!(flow.admit(&two), Entrance::Full);
        assert_eq!(flow.admit(&one), Entrance::Inside);
        flow.leave(&one);
        assert_eq!(flow.admit(&two), Entrance::New);
        flow.resume(one);
        assert_eq!(flow.inside(), ["1", "2"]);
    }
}
