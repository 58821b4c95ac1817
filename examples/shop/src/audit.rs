//! The auditor: what must be true of the shop's books when all is quiet, whoever coordinated.
//!
//! [`read`] collects the books, [`audit`] goes through them and names every invariant that is
//! broken, with the numbers. Both are the same for any way of coordinating, for the tables and the
//! topics are; neither can tell which way was taken.
//!
//! ```text
//! read    tables, messages, the outside world ─► Books
//! said    what is in the messages              goods   shelves, parcels
//! orders  what became of orders                money   payments, the provider's own books
//! log     where messages come from, and the views that are folded from them
//! ```
//!
//! The books are whole: messages from the very beginning of every topic, and nothing under way any
//! more. Books that are read while somebody still works are not wrong, but not balanced either.

mod goods;
mod log;
mod money;
mod orders;
mod read;
mod said;

pub use read::read;

use crate::contracts::{CustomerId, OrderId, Sku};
use crate::customers::{Addressee, Contact};
use crate::fakes::{Authorization, Parcel, Posted};
use crate::inventory::{Reservation, Shelf};
use crate::notification::Letter;
use crate::orders::Row;
use crate::payments::Payment;
use crate::shipping::Shipment;
use ballet::Message;
use ballet::store::DeadLetter;
use std::collections::BTreeMap;
use std::fmt;

/// What only whoever ran the shop can know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// How many pieces of each thing were ever put on the shelves.
    pub stock: BTreeMap<Sku, i64>,
    /// How many messages had to be given up.
    pub dead_letters: usize,
}

/// The books of the shop: every row, every message, and what the outside world has on file.
#[derive(Debug, Clone)]
pub struct Books {
    /// What is to be found.
    pub expected: Expected,
    /// The orders.
    pub orders: BTreeMap<OrderId, Row>,
    /// The shelves.
    pub shelves: BTreeMap<Sku, Shelf>,
    /// What is kept for whom.
    pub reservations: BTreeMap<OrderId, Reservation>,
    /// The payments.
    pub payments: BTreeMap<OrderId, Payment>,
    /// The shipments.
    pub shipments: BTreeMap<OrderId, Shipment>,
    /// The letters that Notification has written down, by order and kind.
    pub sent: BTreeMap<(OrderId, String), Letter>,
    /// Shipping's copy of the customers.
    pub addresses: BTreeMap<CustomerId, Addressee>,
    /// Notification's copy of the customers.
    pub contacts: BTreeMap<CustomerId, Contact>,
    /// All messages of all topics, each partition in its order. Some may have come more than once.
    pub messages: Vec<Message>,
    /// What the provider was ever asked to keep ready, by its number for it.
    pub authorizations: BTreeMap<String, Authorization>,
    /// The parcels that the carrier was ever given.
    pub parcels: Vec<Parcel>,
    /// The letters that were ever posted, by the keys under which they were.
    pub posted: BTreeMap<String, Posted>,
    /// The messages that were given up.
    pub dead_letters: Vec<DeadLetter>,
}

/// Something in the books that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The invariant that is broken.
    pub invariant: &'static str,
    /// Where, and by how much.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Something that must be true of the books.
#[derive(Debug, Clone, Copy)]
pub struct Invariant {
    /// By what it is called.
    pub name: &'static str,
    /// What must be true.
    pub holds: &'static str,
    /// A sentence for each place where it is not.
    pub check: fn(&Books) -> Vec<String>,
}

/// All of them.
pub const INVARIANTS: &[Invariant] = &[];

/// Goes through the books: every breach of every invariant, in the order of [`INVARIANTS`].
#[must_use]
pub fn audit(books: &Books) -> Vec<Breach> {
    let of = |invariant: &Invariant| {
        let name = invariant.name;
        (invariant.check)(books).into_iter().map(move |what| Breach { invariant: name, what })
    };
    INVARIANTS.iter().flat_map(of).collect()
}
