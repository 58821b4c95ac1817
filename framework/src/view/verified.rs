//! Verifying: what the log says, folded again in memory, against what is stored.

use crate::error::Fault;
use crate::view::Source;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Rows by the bytes of their keys.
type Rows = BTreeMap<Bytes, Bytes>;

/// How many differences are told one by one.
const TOLD: usize = 100;

/// What came of verifying a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many rows were compared: those that are stored and those that the log says.
    pub rows: usize,
    /// How many messages were read again.
    pub messages: u64,
    /// How many messages the view has read that are not in the log any more.
    pub missing: u64,
    /// How many rows differ.
    pub differ: usize,
    /// The first hundred of them, in order of their keys.
    pub differences: Vec<Difference>,
}

/// A row that is stored as the log does not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key, as it is stored: [`TableKey::decode`](crate::TableKey::decode) reads it.
    pub key: Bytes,
    /// The row that is stored, as JSON; `None` if there is none.
    pub stored: Option<String>,
    /// The row that the log says.
    pub replayed: Option<String>,
}

impl Verified {
    /// Whether every row is what the log says.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differ == 0
    }

    /// Whether the whole history was there. If it was not, a row that agrees does agree, but one that
    /// differs may only lack what is gone: nobody can tell any more.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        self.missing == 0
    }

    /// Compares what is stored with what was replayed.
    pub(crate) fn compare(stored: &Rows, replayed: &Rows, messages: u64, missing: u64) -> Self {
        let keys: BTreeSet<&Bytes> = stored.keys().chain(replayed.keys()).collect();
        let mut verified = Self { rows: keys.len(), messages, missing, ..Self::default() };
        for key in keys {
            let (stored, replayed) = (stored.get(key), replayed.get(key));
            if is_same(stored, replayed) {
                continue;
            }
            verified.differ += 1;
            if verified.differences.len() < TOLD {
                let (key, stored, replayed) = (key.clone(), text(stored), text(replayed));
                verified.differences.push(Difference { key, stored, replayed });
            }
        }
        verified
    }
}

/// Rows are the same if they are the same as values, not as bytes.
fn is_same(stored: Option<&Bytes>, replayed: Option<&Bytes>) -> bool {
    let value = |row: &Bytes| serde_json::from_slice::<serde_json::Value>(row).ok();
    stored == replayed
        || stored.and_then(value).is_some_and(|stored| Some(stored) == replayed.and_then(value))
}

fn text(row: Option<&Bytes>) -> Option<String> {
    row.map(|row| String::from_utf8_lossy(row).into_owned())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |row: &Option<String>| row.clone().unwrap_or_else(|| "nothing".to_owned());
        let (key, stored, replayed) =
            (self.key.escape_ascii(), row(&self.stored), row(&self.replayed));
        write!(f, "{key}: {stored} is stored, and the log says {replayed}")
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, messages, missing, differ, .. } = self;
        write!(f, "{rows} rows of {messages} messages, of which {differ} differ")?;
        if *missing > 0 {
            write!(f, "; {missing} messages are gone, so what differs may only lack them")?;
        }
        self.differences.iter().try_for_each(|difference| write!(f, "\n{difference}"))
    }
}

/// A view in memory.
#[derive(Default)]
pub(crate) struct Folded {
    sources: Vec<Source>,
    pub(crate) rows: Rows,
}

impl Folded {
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        Self { sources, rows: Rows::new() }
    }

    /// Folds an event: into all rows that it concerns, or into none if one of the folds breaks.
    pub(crate) fn fold(&mut self, name: &str, body: &Bytes) -> Result<(), Fault> {
        let mut folded: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::new();
        for source in self.sources.iter().filter(|source| source.name == name) {
            let key = Bytes::from((source.key)(body)?);
            let row = match folded.get(&key) {
                Some(row) => row.as_deref(),
                None => self.rows.get(&key).map(|row| &**row),
            };
            let row = (source.fold)(row, body)?;
            folded.insert(key, row.map(Bytes::from));
        }
        for (key, row) in folded {
            match row {
                Some(row) => drop(self.rows.insert(key, row)),
                None => drop(self.rows.remove(&key)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Rows, Verified};
    use bytes::Bytes;

    fn rows(rows: &[(&'static str, &'static str)]) -> Rows {
        rows.iter().map(|(key, row)| (Bytes::from(*key), Bytes::from(*row))).collect()
    }

    #[test]
    fn rows_that_differ_lack_or_are_too_many_are_named() {
        let stored = rows(&[("a", "1"), ("b", "2"), ("c", r#"{"x":1,"y":2}"#)]);
        let replayed = rows(&[("a", "1"), ("c", r#"{"y":2, "x":1}"#), ("d", "4")]);
        let verified = Verified::compare(&stored, &replayed, 5, 0);
        assert_eq!(
            verified.to_string(),
            "4 rows of 5 messages, of which 2 differ\n\
             b: 2 is stored, and the log says nothing\n\
             d: nothing is stored, and the log says 4"
        );
        assert!(Verified::compare(&stored, &stored, 5, 0).is_clean());
    }

    #[test]
    fn only_the_first_hundred_are_told_one_by_one() {
        let stored: Rows = (0..150_u8).map(|n| (vec![n].into(), Bytes::from("1"))).collect();
        let verified = Verified::compare(&stored, &Rows::new(), 0, 7);
        assert_eq!((verified.differ, verified.differences.len()), (150, 100));
        assert!(!verified.is_certain());
    }
}
