//! Views: local tables folded from others' events.
//!
//! A view is a pure fold: it has no clients, no clock and no `&self`. So it batches, can be folded anew
//! while its old rows are still read, and can be [verified](Verified) against a replay of the log.
//!
//! Messages of one topic and one key are folded in their order. Between topics, and between lanes, there
//! is no order: a row that comes from several must come out the same whichever is folded first.

pub(crate) mod generation;
pub(crate) mod verified;

pub use verified::{Difference, Verified};

use crate::error::Fault;
use crate::message::{Event, Record, Topic};
use crate::table::TableKey;
use serde_json::value::to_raw_value;
use std::fmt;
use std::marker::PhantomData;

/// A local table folded from others' events. It can be dropped and folded again.
///
/// ```
/// use ballet::{Sources, View};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct CustomerMoved { customer_id: String, city: String }
/// ballet::topic! { CUSTOMERS = "customers.v1", key customer_id { CustomerMoved = "customer.moved" } }
///
/// struct Cities;
/// impl View for Cities {
///     const NAME: &'static str = "cities";
///     type Key = String;
///     type Row = String;
///     fn sources() -> Sources<Self> {
///         Sources::new().on::<CustomerMoved>(|e| e.customer_id.clone(), |_, e| Some(e.city.clone()))
///     }
/// }
/// assert_eq!(Cities::sources().heard(), ["customer.moved"]);
/// ```
pub trait View: Sized + Send + Sync + 'static {
    /// Its name, and that of its group.
    const NAME: &'static str;
    /// What its rows are found by.
    type Key: TableKey;
    /// What it keeps: just the fields that are needed.
    type Row: Record;
    /// What it is folded from.
    fn sources() -> Sources<Self>;

    /// The name of its first table in the store. One that was rebuilt has another, with a number.
    #[must_use]
    fn table() -> String {
        format!("view.{}", Self::NAME)
    }
}

type Fold = Box<dyn Fn(Option<&[u8]>, &[u8]) -> Result<Option<Vec<u8>>, Fault> + Send + Sync>;
type KeyOf = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, Fault> + Send + Sync>;

/// One event that a view is folded from.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) topic: Topic,
    pub(crate) key: KeyOf,
    pub(crate) fold: Fold,
}

/// What a view is folded from.
pub struct Sources<W> {
    sources: Vec<Source>,
    view: PhantomData<fn() -> W>,
}

impl<W> fmt::Debug for Sources<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|source| source.name)).finish()
    }
}

impl<W: View> Default for Sources<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: View> Sources<W> {
    /// From nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sources: Vec::new(), view: PhantomData }
    }

    /// Folds `E`: which row it concerns, and what becomes of it (`None`: it is dropped). Both functions
    /// are pure: no clock, no randomness, no I/O.
    #[must_use]
    pub fn on<E: Event>(
        mut self,
        key: fn(&E) -> W::Key,
        fold: fn(Option<W::Row>, &E) -> Option<W::Row>,
    ) -> Self {
        let key: KeyOf = Box::new(move |body| Ok(key(&serde_json::from_slice(body)?).to_bytes()));
        let fold: Fold = Box::new(move |row, body| {
            let row = row.map(serde_json::from_slice).transpose()?;
            let row = fold(row, &serde_json::from_slice(body)?);
            let row = row.map(|row| to_raw_value(&row)).transpose()?;
            Ok(row.map(|row| row.get().as_bytes().to_vec()))
        });
        self.sources.push(Source { name: E::NAME, topic: E::TOPIC, key, fold });
        self
    }

    /// The names of the events it hears.
    #[must_use]
    pub fn heard(&self) -> Vec<&'static str> {
        self.sources.iter().map(|source| source.name).collect()
    }

    pub(crate) fn into_sources(self) -> Vec<Source> {
        self.sources
    }
}
