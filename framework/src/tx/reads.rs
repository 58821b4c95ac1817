//! What a transaction has read, wants to read, and has written.

use crate::mistake::Mistake;
use crate::store::{Lock, Scan, Slot, Value};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What a message wrote.
pub(crate) type Own = BTreeMap<Slot, Option<Value>>;

/// What must be fetched before the handlers can go on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) slots: BTreeMap<Slot, Lock>,
    pub(crate) scans: BTreeSet<Scan>,
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.scans.is_empty()
    }
}

/// Three layers: what was fetched, what earlier messages of the batch wrote, what this one wrote.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    fetched: BTreeMap<Slot, (Lock, Option<Bytes>)>,
    scanned: BTreeMap<Scan, Vec<(Bytes, Bytes)>>,
    batch: Own,
    own: Own,
    wanted: Wanted,
    missed: bool,
}

impl Reads {
    /// Notes that a slot is wanted, and says whether it must be fetched first.
    pub(crate) fn want(&mut self, slot: &Slot, lock: Lock) -> bool {
        let known = self.own.contains_key(slot)
            || self.batch.contains_key(slot)
            || self.fetched.get(slot).is_some_and(|(held, _)| *held >= lock);
        if !known {
            self.missed = true;
            let wanted = self.wanted.slots.entry(slot.clone()).or_insert(lock);
            *wanted = lock.max(*wanted);
        }
        !known
    }

    /// What is at a slot, as this message sees it.
    pub(crate) fn at(&self, slot: &Slot) -> Option<Bytes> {
        let earlier = || self.batch.get(slot).filter(|_| !Mistake::ReadsWhatWasFetched.is_made());
        match self.own.get(slot).or_else(earlier) {
            Some(written) => written.as_ref().map(|value| value.body.clone()),
            None => self.fetched.get(slot).and_then(|(_, value)| value.clone()),
        }
    }

    /// The rows of a range, as this message sees them; `None` if it must be fetched first.
    pub(crate) fn scan(&mut self, scan: &Scan) -> Option<Vec<(Bytes, Bytes)>> {
        let inside = |(slot, _): &(&Slot, &Option<Value>)| {
            slot.table == scan.table
                && slot.key >= scan.from
                && scan.to.as_ref().is_none_or(|to| slot.key < *to)
        };
        let written = || self.batch.iter().chain(&self.own).filter(inside);
        // Others move up into the place of those that are deleted. Rounded up, so that a batch in which
        // each message deletes what it has found does not fetch once for each.
        let gone = written().filter(|(_, value)| value.is_none()).count();
        let more = if gone == 0 { 0 } else { gone.next_power_of_two() };
        let limit = scan.limit.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        let wide = Scan { limit, ..scan.clone() };
        let is_enough = |(known, rows): &(&Scan, &Vec<(Bytes, Bytes)>)| {
            let is_whole = known.limit >= limit || rows.len() < known.limit as usize;
            is_whole && Scan { limit, ..(*known).clone() } == wide
        };
        let Some((_, stored)) = self.scanned.iter().find(is_enough) else {
            self.missed = true;
            self.wanted.scans.insert(wide);
            return None;
        };
        let mut rows: BTreeMap<Bytes, Bytes> = stored.iter().cloned().collect();
        for (slot, value) in written() {
            match value {
                Some(value) => drop(rows.insert(slot.key.clone(), value.body.clone())),
                None => drop(rows.remove(&slot.key)),
            }
        }
        Some(rows.into_iter().take(scan.limit as usize).collect())
    }

    pub(crate) fn write(&mut self, slot: Slot, value: Option<Value>) {
        self.own.insert(slot, value);
    }

    /// Whether the last handler missed something; asking resets it.
    pub(crate) fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    pub(crate) fn take_wanted(&mut self) -> Wanted {
        std::mem::take(&mut self.wanted)
    }

    /// What the store found; every slot that was wanted is known afterwards.
    pub(crate) fn feed(&mut self, wanted: &Wanted, found: &BTreeMap<Slot, Bytes>) {
        for (slot, lock) in &wanted.slots {
            self.fetched.insert(slot.clone(), (*lock, found.get(slot).cloned()));
        }
    }

    pub(crate) fn feed_scan(&mut self, scan: Scan, rows: Vec<(Bytes, Bytes)>) {
        self.scanned.insert(scan, rows);
    }

    pub(crate) fn keep(&mut self) {
        // Not `append`: that merges the whole batch for every message.
        self.batch.extend(std::mem::take(&mut self.own));
    }

    pub(crate) fn discard(&mut self) {
        self.own.clear();
    }

    /// All that the batch wrote.
    pub(crate) fn take_writes(&mut self) -> Own {
        self.own.clear();
        std::mem::take(&mut self.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::Reads;
    use crate::store::{Lock, Scan, Slot, Space, Value};
    use bytes::Bytes;
    use std::collections::BTreeMap;

    fn slot(key: &'static str) -> Slot {
        Slot::new(Space::Rows, "s.t", key)
    }

    #[test]
    fn a_row_that_was_only_peeked_is_fetched_again_for_change() {
        let mut reads = Reads::default();
        assert!(reads.want(&slot("a"), Lock::Peek));
        let wanted = reads.take_wanted();
        reads.feed(&wanted, &BTreeMap::from([(slot("a"), Bytes::from("1"))]));
        assert!(!reads.want(&slot("a"), Lock::Peek));
        assert!(reads.want(&slot("a"), Lock::Change));
    }

    #[test]
    fn a_message_sees_what_those_before_it_wrote_and_not_what_was_discarded() {
        let mut reads = Reads::default();
        reads.write(slot("a"), Some(Value::plain("kept")));
        reads.keep();
        reads.write(slot("a"), Some(Value::plain("discarded")));
        reads.discard();
        assert_eq!(reads.at(&slot("a")), Some(Bytes::from("kept")));
    }

    #[test]
    fn a_scan_fetches_more_when_rows_that_it_had_found_are_deleted() {
        let mut reads = Reads::default();
        let scan = |limit| Scan { table: "s.t".into(), from: "a".into(), to: None, limit };
        reads.feed_scan(scan(1), vec![("a".into(), "1".into())]);
        reads.write(slot("a"), None);
        assert_eq!(reads.scan(&scan(1)), None);
        assert!(reads.take_wanted().scans.contains(&scan(2)));
        reads.feed_scan(scan(2), vec![("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(reads.scan(&scan(1)), Some(vec![("b".into(), "2".into())]));
    }

    #[test]
    fn a_scan_sees_what_was_written_and_not_what_was_deleted() {
        let mut reads = Reads::default();
        let scan = Scan { table: "s.t".into(), from: "a".into(), to: Some("d".into()), limit: 9 };
        assert_eq!(reads.scan(&scan), None);
        reads.feed_scan(scan.clone(), vec![("a".into(), "1".into()), ("b".into(), "2".into())]);
        reads.write(slot("a"), None);
        reads.write(slot("c"), Some(Value::plain("3")));
        reads.write(slot("e"), Some(Value::plain("4")));
        assert_eq!(
            reads.scan(&scan),
            Some(vec![("b".into(), "2".into()), ("c".into(), "3".into())])
        );
    }
}
