//! What a batch takes for granted of rows that it puts and nobody has read.
//!
//! Whoever puts a row without having read it does not say whether there is one. To put one that may be there costs the
//! server twice as much as a new one: it looks first, and writes down that it has looked. Of most tables it is known how
//! they are used: rows are added, or the same ones are written again and again. So a row is taken for new until one of
//! its table was not. Then the statement has failed, which has done nothing; it is seen which of the rows were there, and
//! made again with nothing granted; and from then on the rows of those tables may be there.

use crate::store::Found;
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
    /// That rows are new, but for those of these tables; that timers that are set are; and that what ends has not
    /// ended before.
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
        let of = |slot: &crate::store::Slot| slot.table.as_str().to_owned();
        Arc::make_mut(&mut tables).extend(found.slots.keys().map(of));
    }
}

impl Granted {
    /// Whether a row of this table is put as a new one.
    pub(super) fn is_new(&self, table: &str) -> bool {
        matches!(self, Self::New { but } if !but.contains(table))
    }

    /// Whether a timer is taken not to be set yet, and a run that ends not to have ended before.
    pub(super) const fn is_all_else_new(&self) -> bool {
        matches!(self, Self::New { .. })
    }
}
