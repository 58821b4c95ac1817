//! Many rows in two arguments, so that a statement writes or reads as many as there are.
//!
//! SQLite has no arrays, and its JSON knows no bytes. So bytes are put one after the other into one blob,
//! and JSON says where each begins and how long it is: `jsonb_each($2)` makes the rows, and
//! `substr($1, value ->> 1, value ->> 2)` cuts the bytes out. Nothing is escaped, hexed or copied twice.
//! What users choose goes through the blob too, for SQLite's JSON ends a text at its first zero.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, Sqlite, Type};
use std::fmt::Write;

/// Rows in the making.
#[derive(Debug)]
pub(super) struct Pack {
    bytes: Vec<u8>,
    rows: String,
    count: usize,
}

impl Default for Pack {
    fn default() -> Self {
        // A blob without bytes would be NULL to `substr`.
        Self { bytes: vec![0], rows: String::from("["), count: 0 }
    }
}

impl Pack {
    /// Begins a row.
    pub(super) fn row(&mut self) -> Row<'_> {
        self.rows.push_str(if self.count == 0 { "[" } else { ",[" });
        self.count += 1;
        Row { pack: self, is_first: true }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The blob and the JSON.
    pub(super) fn end(mut self) -> (Vec<u8>, String) {
        self.rows.push(']');
        (self.bytes, self.rows)
    }
}

/// A row in the making; it ends when it is dropped.
pub(super) struct Row<'a> {
    pack: &'a mut Pack,
    is_first: bool,
}

impl Row<'_> {
    fn next(&mut self) -> &mut String {
        if !self.is_first {
            self.pack.rows.push(',');
        }
        self.is_first = false;
        &mut self.pack.rows
    }

    /// One field: a number.
    pub(super) fn number(mut self, number: impl TryInto<i64>) -> Self {
        let number = number.try_into().unwrap_or(i64::MAX);
        write!(self.next(), "{number}").expect("a string grows");
        self
    }

    /// One field: a number or NULL.
    pub(super) fn maybe(mut self, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.number(number),
            None => {
                self.next().push_str("null");
                self
            }
        }
    }

    /// One field: a name from the program, which has no zeros in it.
    pub(super) fn name(mut self, name: &str) -> Self {
        let quoted = serde_json::to_string(name).expect("a string is JSON");
        self.next().push_str(&quoted);
        self
    }

    /// Two fields, where it begins and how long it is: any bytes.
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let start = self.pack.bytes.len() + 1;
        self.pack.bytes.extend_from_slice(bytes);
        self.number(start as u64).number(bytes.len() as u64)
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        self.pack.rows.push(']');
    }
}

/// The arguments of a statement.
#[derive(Default)]
pub(super) struct Args(pub(super) SqliteArguments);

impl Args {
    /// One more.
    pub(super) fn with<'t>(mut self, value: impl Encode<'t, Sqlite> + Type<Sqlite>) -> Self {
        self.0.add(value).expect("plain values can be encoded");
        self
    }

    /// Two more: the blob and the JSON of these rows.
    pub(super) fn rows(self, pack: Pack) -> Self {
        let (bytes, rows) = pack.end();
        self.with(bytes).with(rows)
    }
}
