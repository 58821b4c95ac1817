//! What a transaction has read, wants to read, and has written.

use crate::mistake::Mistake;
use crate::store::{Known, Lock, Scan, Slot, Space, Value};
use crate::tx::recall::{Document, Recall, Recalled};
use bytes::Bytes;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};

/// What is written at a slot, or that nothing will be.
type Written = Option<Recalled>;

/// What was fetched, or is known without: under which lock, and what it is.
#[derive(Debug)]
struct Fetched {
    lock: Lock,
    found: Option<Recalled>,
}

/// All that is known of a slot: what was fetched, and over it what earlier messages of the batch wrote, and
/// over that what this one wrote.
#[derive(Debug, Default)]
struct Cell {
    fetched: Option<Fetched>,
    /// What is known of it, if it was not read.
    known: Option<Known>,
    batch: Option<Written>,
    own: Option<Written>,
}

impl Cell {
    /// What is there, as the message sees it that is handled now.
    fn seen(&self) -> Option<&Recalled> {
        let earlier = || self.batch.as_ref().filter(|_| !Mistake::ReadsWhatWasFetched.is_made());
        match self.own.as_ref().or_else(earlier) {
            Some(written) => written.as_ref(),
            None => self.fetched.as_ref()?.found.as_ref(),
        }
    }

    fn seen_mut(&mut self) -> Option<&mut Recalled> {
        let Self { fetched, batch, own, .. } = self;
        let earlier = batch.as_mut().filter(|_| !Mistake::ReadsWhatWasFetched.is_made());
        match own.as_mut().or(earlier) {
            Some(written) => written.as_mut(),
            None => fetched.as_mut()?.found.as_mut(),
        }
    }

    /// What was written last, if anything was.
    fn written(&self) -> Option<&Written> {
        self.own.as_ref().or(self.batch.as_ref())
    }

    fn is_known(&self, lock: Lock) -> bool {
        self.own.is_some()
            || self.batch.is_some()
            || self.fetched.as_ref().is_some_and(|fetched| fetched.lock >= lock)
    }

    /// It is taken from what the lane remembers, or for absent.
    const fn own(found: Option<Recalled>) -> Self {
        let known = Some(if found.is_some() { Known::Here } else { Known::Absent });
        let fetched = Some(Fetched { lock: Lock::Own, found });
        Self { fetched, known, batch: None, own: None }
    }
}

/// What a batch wrote, and what is known of slots of it that it did not read.
pub(crate) type Writings = (BTreeMap<Slot, Option<Value>>, BTreeMap<Slot, Known>);

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

/// What the messages of a batch see of the store. Below it is what the lane remembers of earlier batches.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    recall: Recall,
    cells: BTreeMap<Slot, Cell>,
    /// The slots that this message wrote.
    own: Vec<Slot>,
    scanned: BTreeMap<Scan, Vec<(Bytes, Bytes)>>,
    wanted: Wanted,
    missed: bool,
}

impl Reads {
    /// Goes on from what the lane remembers.
    pub(crate) fn recalling(recall: Recall) -> Self {
        Self { recall, ..Self::default() }
    }

    /// Notes that a slot is wanted, and says whether it must be fetched first.
    pub(crate) fn want(&mut self, slot: &Slot, lock: Lock) -> bool {
        if self.cells.get(slot).is_some_and(|cell| cell.is_known(lock))
            || (lock == Lock::Own && self.recalls(slot))
        {
            return false;
        }
        self.missed = true;
        let wanted = self.wanted.slots.entry(slot.clone()).or_insert(lock);
        *wanted = lock.max(*wanted);
        true
    }

    /// Whether the lane remembers it.
    fn recalls(&mut self, slot: &Slot) -> bool {
        let Some(found) = self.recall.take(slot) else { return false };
        self.cells.insert(slot.clone(), Cell::own(Some(found)));
        true
    }

    /// Takes it that there is nothing at a slot of the lane's own, if nothing says otherwise: whoever then
    /// writes there fails if there is. Says whether it must be fetched first.
    pub(crate) fn assume_absent(&mut self, slot: &Slot) -> bool {
        if !self.recall.is_trusting() {
            return self.want(slot, Lock::Own);
        }
        if !self.cells.get(slot).is_some_and(|cell| cell.is_known(Lock::Own)) {
            let found = self.recall.take(slot);
            self.cells.insert(slot.clone(), Cell::own(found));
        }
        false
    }

    /// What is at a slot, as this message sees it.
    pub(crate) fn at(&self, slot: &Slot) -> Option<Bytes> {
        self.cells.get(slot)?.seen().map(|found| found.value.body.clone())
    }

    /// Hands out the document at a slot, as this message sees it. It is there once: whoever is asked
    /// for it again reads the bytes.
    pub(crate) fn take_document<T: Any>(&mut self, slot: &Slot) -> Option<Box<T>> {
        self.cells.get_mut(slot)?.seen_mut()?.document.take()?.downcast().ok()
    }

    /// The rows of a range, as this message sees them; `None` if it must be fetched first.
    pub(crate) fn scan(&mut self, scan: &Scan) -> Option<Vec<(Bytes, Bytes)>> {
        let first = Slot::new(Space::Rows, scan.table.clone(), scan.from.clone());
        let inside = |slot: &Slot| {
            slot.space == Space::Rows
                && slot.table == scan.table
                && scan.to.as_ref().is_none_or(|to| slot.key < *to)
        };
        let range = || self.cells.range(&first..).take_while(|(slot, _)| inside(slot));
        let last = |(slot, cell)| Some((slot, Cell::written(cell)?));
        let written = || range().filter_map(last);
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
                Some(Recalled { value, .. }) => {
                    rows.insert(slot.key.clone(), value.body.clone());
                }
                None => drop(rows.remove(&slot.key)),
            }
        }
        Some(rows.into_iter().take(scan.limit as usize).collect())
    }

    /// The rows that this message wrote.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Slot> {
        self.own.iter().filter(|slot| slot.space == Space::Rows)
    }

    /// Whether this message has written there.
    pub(crate) fn writes(&self, slot: &Slot) -> bool {
        self.own.contains(slot)
    }

    pub(crate) fn write(&mut self, slot: Slot, value: Option<Value>) {
        self.put(slot, value.map(|value| Recalled { value, document: None }));
    }

    /// Writes a document, of which the bytes are told too.
    pub(crate) fn write_document(&mut self, slot: Slot, value: Value, document: Document) {
        self.put(slot, Some(Recalled { value, document: Some(document) }));
    }

    fn put(&mut self, slot: Slot, written: Written) {
        if let Some(cell) = self.cells.get_mut(&slot) {
            if cell.own.replace(written).is_none() {
                self.own.push(slot);
            }
        } else {
            self.own.push(slot.clone());
            self.cells.insert(slot, Cell { own: Some(written), ..Cell::default() });
        }
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
            let found = found.get(slot).cloned().map(Value::plain);
            let found = found.map(|value| Recalled { value, document: None });
            let cell = self.cells.entry(slot.clone()).or_default();
            (cell.known, cell.fetched) = (None, Some(Fetched { lock: *lock, found }));
        }
    }

    pub(crate) fn feed_scan(&mut self, scan: Scan, rows: Vec<(Bytes, Bytes)>) {
        self.scanned.insert(scan, rows);
    }

    /// What this message wrote is the batch's.
    pub(crate) fn keep(&mut self) {
        for slot in self.own.drain(..) {
            let Some(cell) = self.cells.get_mut(&slot) else { continue };
            cell.batch = cell.own.take().or(cell.batch.take());
        }
    }

    pub(crate) fn discard(&mut self) {
        for slot in self.own.drain(..) {
            self.cells.entry(slot).and_modify(|cell| cell.own = None);
        }
    }

    /// All that the batch wrote, and what is known of it. What it wrote as documents is remembered.
    pub(crate) fn take_writes(&mut self) -> Writings {
        self.discard();
        let (mut slots, mut known) = (Vec::new(), Vec::new());
        for (slot, cell) in std::mem::take(&mut self.cells) {
            let Some(written) = cell.batch else {
                self.remember(slot, cell.fetched.and_then(|fetched| fetched.found));
                continue;
            };
            let value = written.as_ref().map(|written| written.value.clone());
            known.extend(cell.known.map(|known| (slot.clone(), known)));
            self.remember(slot.clone(), written);
            slots.push((slot, value));
        }
        (slots.into_iter().collect(), known.into_iter().collect())
    }

    fn remember(&mut self, slot: Slot, found: Option<Recalled>) {
        if let Some(found) = found.filter(Recalled::is_worth_it) {
            self.recall.put(slot, found);
        }
    }

    /// What the lane remembers.
    pub(crate) fn into_recall(mut self) -> Recall {
        for (slot, cell) in std::mem::take(&mut self.cells) {
            self.remember(slot, cell.fetched.and_then(|fetched| fetched.found));
        }
        self.recall
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
