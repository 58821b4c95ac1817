//! What a batch takes for granted of rows that it puts and nobody has read.
//!
//! Whoever puts a row without having read it does not say whether there is one. To put one that may be there costs the
//! server twice as much as a new one: it looks first, and writes down that it has looked. Of most tables it is known how
//! they are used: rows are added, or the same ones are written again and again. So a row is taken for new until one of
//! its table was not. Then the statement has failed, which has done nothing; it is seen which of the rows were there, and
//! made again with nothing granted; and from then on the rows of those tables may be there.
//!
//! **All rows of a statement are put in the same way,** and so in one order, whatever a process knows by then. Two
//! lanes that want the same rows would else wait for each other: one would put those of some tables first.

use crate::store::{Found, Slot};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The tables in which a row was put over another, as far as this process knows.
#[derive(Default)]
pub(super) struct Puts(Mutex<Arc<BTreeSet<String>>>);

/// What a statement takes for granted.
#[derive(Debug)]
pub(super) enum Granted {
    /// Nothing. In a transaction there is no second try.
    Nothing,
    /// That rows are new, unless one of them is of one of these tables; that timers that are set are; and that what ends
    /// has not ended before.
    New { but: Arc<BTreeSet<String>> },
}

impl Puts {
    /// What may be taken for granted by a statement that can be made again.
    pub(super) fn granted(&self) -> Granted {
        Granted::New { but: Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    /// These rows were there already.
    pub(super) fn were_there(&self, found: &Found) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = |slot: &Slot| slot.table.as_str().to_owned();
        Arc::make_mut(&mut tables).extend(found.slots.keys().map(table));
    }
}

impl Granted {
    /// Whether rows of these tables are all put as new ones.
    pub(super) fn are_new<'t>(&self, mut tables: impl Iterator<Item = &'t str>) -> bool {
        matches!(self, Self::New { but } if !tables.any(|table| but.contains(table)))
    }

    /// Whether a timer is taken not to be set yet, and a run that ends not to have ended before.
    pub(super) const fn is_all_else_new(&self) -> bool {
        matches!(self, Self::New { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::{Granted, Puts};
    use crate::store::{Found, Slot, Space};
    use bytes::Bytes;
    use std::collections::BTreeMap;

    fn there(table: &'static str) -> Found {
        let slots = BTreeMap::from([(Slot::new(Space::Rows, table, "k"), Bytes::new())]);
        Found { slots, ..Found::default() }
    }

    #[test]
    fn rows_are_new_until_one_of_their_table_was_there_and_then_none_beside_it_is() {
        let puts = Puts::default();
        let are_new = |tables: &[&str]| puts.granted().are_new(tables.iter().copied());
        assert!(are_new(&["stock", "sales"]));
        puts.were_there(&there("stock"));
        assert!(are_new(&["sales"]));
        for tables in [&["stock"][..], &["sales", "stock"]] {
            assert!(!are_new(tables), "{tables:?}");
        }
        assert!(puts.granted().is_all_else_new());
    }

    #[test]
    fn where_nothing_is_granted_nothing_is_new() {
        assert!(!Granted::Nothing.are_new(["stock"].into_iter()));
        assert!(!Granted::Nothing.is_all_else_new());
    }
}
