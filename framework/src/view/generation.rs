//! Generations: how a view is folded anew while its old rows are still read.
//!
//! ```text
//! 1 is read ──rebuild──► 1 is read, 2 is folded ──2 has caught up──► 2 is read, 1 is forgotten
//! ```
//!
//! Each generation is a group of its own with a table of its own. So the new one begins with the first
//! message that is still there, takes every message once by its own edges, and goes on after a crash
//! where it was, all by what holds for every group; and readers see the old rows, which go on too, or the
//! new ones, and never some of both. What it costs: both tables at a time, and for readers one look at
//! which generation is read.
//!
//! Pure: the row is an argument.

use crate::error::{Error, ErrorKind};
use crate::store::{Slot, Space};
use crate::view::View;
use serde::{Deserialize, Serialize};

/// Which generation of a view is read, and which is being folded to take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generations {
    /// Its rows are what the view says.
    pub(crate) read: u32,
    /// Its rows are not complete yet.
    pub(crate) folded: Option<u32>,
}

impl Default for Generations {
    /// A view that was never rebuilt has no row: its first generation is read.
    fn default() -> Self {
        Self { read: 1, folded: None }
    }
}

impl Generations {
    /// Where it is written down for a view.
    pub(crate) fn slot<W: View>() -> Slot {
        Slot::new(Space::Rows, "views", W::NAME)
    }

    /// What is written down in this slot.
    pub(crate) fn at(slot: &Slot, row: Option<&[u8]>) -> Result<Self, Error> {
        let now: Self = row.map(|row| slot.read(row)).transpose()?.unwrap_or_default();
        let follows = |folded: u32| folded > now.read;
        if now.read == 0 || !now.folded.is_none_or(follows) {
            let text = format!("{slot} is damaged: there are no such generations: {now:?}");
            return Err(Error::new(ErrorKind::Codec, text));
        }
        Ok(now)
    }

    /// Another generation is to be folded, unless one is already or `read` is not read any more.
    pub(crate) fn rebuild(self, read: u32) -> Option<Self> {
        let is_asked = self.folded.is_none() && self.read == read;
        let next = read.checked_add(1).filter(|_| is_asked)?;
        Some(Self { folded: Some(next), ..self })
    }

    /// The generation that was folded has caught up, and is read from now on.
    pub(crate) fn read_next(self, folded: u32) -> Option<Self> {
        (self.folded == Some(folded)).then_some(Self { read: folded, folded: None })
    }

    /// Those that lanes work on.
    pub(crate) fn alive(self) -> impl Iterator<Item = u32> {
        [Some(self.read), self.folded].into_iter().flatten()
    }
}

/// The name of a generation's group, and of its table.
pub(crate) fn name<W: View>(generation: u32) -> String {
    match generation {
        1 => W::table(),
        _ => format!("{}~{generation}", W::table()),
    }
}

/// Where a row of a generation stands.
pub(crate) fn row<W: View>(generation: u32, key: impl Into<bytes::Bytes>) -> Slot {
    Slot::new(Space::Rows, name::<W>(generation), key)
}

#[cfg(test)]
mod tests {
    use super::Generations;

    #[test]
    fn one_generation_at_a_time_is_folded_and_then_it_is_read() {
        let first = Generations::default();
        assert_eq!(first.rebuild(7), None, "asked for by somebody who saw another");
        let both = first.rebuild(1).unwrap();
        assert_eq!(both.alive().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(both.rebuild(1), None, "one is under way");
        assert_eq!(both.read_next(3), None);
        let second = both.read_next(2).unwrap();
        assert_eq!(second, Generations { read: 2, folded: None });
        assert_eq!(second.read_next(2), None, "it is read already");
    }
}
