//! The world outside: it keeps its own books by idempotency key, as a payment provider does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Done or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Done.
    Forward,
    /// Taken back.
    Back,
}

type Books = BTreeMap<String, checkers::Outside>;

/// What took effect, step by step.
#[derive(Debug, Clone, Default)]
pub struct Outside(Arc<Mutex<Books>>);

impl Outside {
    pub(super) fn book(&self, key: &str, pair: &str, side: Side) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = books.entry(pair.to_owned()).or_default();
        let keys: &mut BTreeSet<String> = match side {
            Side::Forward => &mut of.forward,
            Side::Back => &mut of.back,
        };
        keys.insert(key.to_owned());
    }

    /// The books.
    #[must_use]
    pub fn books(&self) -> Books {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
