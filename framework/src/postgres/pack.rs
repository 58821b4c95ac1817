//! Many rows in a few arguments, so that a statement writes or reads as many as there are: one array for
//! each column, and `unnest` makes the rows.

use crate::store::Slot;
use sqlx::postgres::{PgArguments, PgHasArrayType};
use sqlx::{Arguments, Encode, Postgres, Type};
use uuid::Uuid;

/// The arguments of a statement.
#[derive(Default)]
pub(super) struct Args(PgArguments);

impl Args {
    /// One more.
    pub(super) fn with<'t>(mut self, value: impl Encode<'t, Postgres> + Type<Postgres>) -> Self {
        self.add(value);
        self
    }

    fn add<'t>(&mut self, value: impl Encode<'t, Postgres> + Type<Postgres>) {
        self.0.add(value).expect("plain values can be encoded");
    }

    /// Three more, and their places in the text: numbers, and the tables and keys of these slots.
    pub(super) fn keys(&mut self, slots: &[(usize, &Slot)]) -> String {
        let first = self.0.len() + 1;
        let at = |(at, _): &(usize, &Slot)| i32::try_from(*at).unwrap_or(i32::MAX);
        self.add(slots.iter().map(at).collect::<Vec<i32>>());
        self.add(slots.iter().map(|(_, slot)| &*slot.table).collect::<Vec<&str>>());
        self.add(slots.iter().map(|(_, slot)| &*slot.key).collect::<Vec<&[u8]>>());
        format!("${first}, ${}, ${}", first + 1, first + 2)
    }

    pub(super) fn end(self) -> PgArguments {
        self.0
    }
}

/// The values of one column.
pub(super) enum Column<'a> {
    Texts(Vec<&'a str>),
    Blobs(Vec<&'a [u8]>),
    Longs(Vec<Option<i64>>),
    Ints(Vec<i32>),
    Flags(Vec<bool>),
    Ids(Vec<Uuid>),
}

impl Column<'_> {
    pub(super) fn bind(self, args: &mut Args) {
        fn all<'q, T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType>(
            args: &mut Args,
            values: Vec<T>,
        ) where
            Vec<T>: Encode<'q, Postgres> + Type<Postgres>,
        {
            args.add(values);
        }
        match self {
            Self::Texts(values) => all(args, values),
            Self::Blobs(values) => all(args, values),
            Self::Longs(values) => all(args, values),
            Self::Ints(values) => all(args, values),
            Self::Flags(values) => all(args, values),
            Self::Ids(values) => all(args, values),
        }
    }
}

/// The rows of one kind, column by column.
#[derive(Default)]
pub(super) struct Rows<'a>(pub(super) Vec<Column<'a>>);

/// A row in the making: each value goes into the next column.
pub(super) struct Row<'r, 'a> {
    rows: &'r mut Rows<'a>,
    at: usize,
}

macro_rules! column {
    ($($name:ident, $column:ident, $value:ty;)*) => {
        $(pub(super) fn $name(mut self, value: $value) -> Self {
            if self.rows.0.len() == self.at {
                self.rows.0.push(Column::$column(Vec::new()));
            }
            if let Some(Column::$column(values)) = self.rows.0.get_mut(self.at) {
                values.push(value);
            }
            self.at += 1;
            self
        })*
    };
}

impl<'a> Row<'_, 'a> {
    column! {
        text, Texts, &'a str;
        blob, Blobs, &'a [u8];
        long, Longs, Option<i64>;
        int, Ints, i32;
        flag, Flags, bool;
        id, Ids, Uuid;
    }

    pub(super) fn count(self, number: u64) -> Self {
        self.long(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    pub(super) fn slot(self, slot: &'a Slot) -> Self {
        self.text(&slot.table).blob(&slot.key)
    }
}

impl<'a> Rows<'a> {
    pub(super) fn row(&mut self) -> Row<'_, 'a> {
        Row { rows: self, at: 0 }
    }
}
