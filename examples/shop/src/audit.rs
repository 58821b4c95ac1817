//! The auditor: what must be true of the shop's books when all is quiet, whoever coordinated.
//!
//! [`read`] collects the books, [`audit`] goes through them and names every invariant that is
//! broken, with the numbers. Both are the same for any way of coordinating, for the tables and the
//! topics are; neither can tell which way was taken.
//!
//! ```text
//! read    tables, messages, the outside world ─► Books      messages  read from a log
//! said    what is in the messages              goods   shelves, parcels
//! orders  what became of orders                money   payments, the provider's own books
//! told    verdicts, letters                    effects rows against the facts about them
//! log     where messages come from, and the views that are folded from them
//! ```
//!
//! The books are whole: messages from the very beginning of every topic, and nothing under way any
//! more. Books that are read while somebody still works are not wrong, but not balanced either.

mod effects;
mod goods;
mod log;
mod messages;
mod money;
pub(crate) mod names;
mod orders;
mod read;
mod said;
mod told;

pub use messages::{Ends, ends, messages};
pub use read::{Offices, read};
#[cfg(feature = "memory")]
pub(crate) use said::topic_of;

use crate::alerts::Alert;
use crate::contracts::{CustomerId, OrderId, Sku};
use crate::customers::{Addressee, Contact};
use crate::fakes::{Authorization, Parcel, Posted};
use crate::inventory::{Reservation, Shelf};
use crate::notification::Letter;
use crate::orders::Row;
use crate::payments::Payment;
use crate::settings::Settings;
use crate::shipping::Shipment;
use ballet::Message;
use ballet::store::DeadLetter;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What only whoever ran the shop can know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// How many pieces of each thing were ever put on the shelves.
    pub stock: BTreeMap<Sku, i64>,
    /// How many messages had to be given up.
    pub dead_letters: usize,
    /// The settings with which it ran.
    pub settings: Settings,
    /// How much later than it was said anything may be heard: none if time is virtual.
    pub lag: Duration,
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
    /// What operators were told, by order and by the name of what was wrong.
    pub alerts: BTreeMap<(OrderId, String), Alert>,
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

/// All of them: this table is what the auditor checks, and nothing else.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "stock",
        holds: "Of each thing, what is on hand and what was sold are all that ever came.",
        check: goods::nothing_is_lost,
    },
    Invariant {
        name: "reserved",
        holds: "Of each thing, as much is reserved as open reservations keep, and no more than is \
                on hand.",
        check: goods::shelves_keep_what_is_reserved,
    },
    Invariant {
        name: "counted",
        holds: "Of each thing, the last count that was published is what is on the shelf.",
        check: goods::the_last_count_is_right,
    },
    Invariant {
        name: "dispatched",
        holds: "An order was paid if and only if its parcel was dispatched, and then the carrier \
                has it, once.",
        check: goods::what_is_paid_is_dispatched,
    },
    Invariant {
        name: "money",
        holds: "All that was captured is the total of what was shipped, and is what the provider \
                took.",
        check: money::what_was_taken_was_shipped,
    },
    Invariant {
        name: "provider",
        holds: "Each authorisation of the provider is that of one payment, and both say the same.",
        check: money::the_provider_agrees,
    },
    Invariant {
        name: "settled-once",
        holds: "Each authorisation was captured or voided at most once, under one key.",
        check: money::money_is_settled_once,
    },
    Invariant {
        name: "history",
        holds: "The history of each order is a lawful way to where it stands.",
        check: orders::histories_are_lawful,
    },
    Invariant {
        name: "published",
        holds: "What was published of each order is its history, and the last of it is the order.",
        check: orders::what_is_said_is_history,
    },
    Invariant {
        name: "one-end",
        holds: "Each order that was created has come to one end, said once.",
        check: orders::each_order_has_one_end,
    },
    Invariant {
        name: "not-both",
        holds: "No order was both shipped and taken back, nor any part of it.",
        check: orders::no_order_is_both,
    },
    Invariant {
        name: "nothing-open",
        holds: "An order that has ended keeps no stock, no money, no parcel and no wish open.",
        check: orders::nothing_stays_open,
    },
    Invariant {
        name: "effects",
        holds: "Each reservation, payment and shipment stands where its facts have left it, each \
                said once.",
        check: effects::rows_are_what_was_said,
    },
    Invariant {
        name: "checked-once",
        holds: "Each check of an order was made once by each validator, and counts by one.",
        check: told::each_check_is_made_once,
    },
    Invariant {
        name: "verdicts",
        holds: "An order is valid if all required checks have passed, and invalid for those that \
                have failed.",
        check: told::verdicts_count,
    },
    Invariant {
        name: "letters",
        holds: "Each end of an order is one letter to its customer, if anybody knows them.",
        check: told::each_end_is_one_letter,
    },
    Invariant {
        name: "alerts",
        holds: "Stock that was kept for too long is an alert, and so is an order that was overdue; \
                all have settled.",
        check: told::alerts_are_settled,
    },
    Invariant {
        name: "causes",
        holds: "Every message follows from the creation of its order, or from a request.",
        check: log::every_message_has_a_cause,
    },
    Invariant {
        name: "one-writer",
        holds: "Each topic is written by its service alone, and each check by its validator.",
        check: log::each_topic_has_its_writer,
    },
    Invariant {
        name: "edges",
        holds: "On each edge the messages are numbered from 1 without a gap, and none has changed.",
        check: log::no_edge_has_a_gap,
    },
    Invariant {
        name: "views",
        holds: "Each row of a view is what a fresh replay makes of it.",
        check: log::views_are_a_replay,
    },
    Invariant {
        name: "dead-letters",
        holds: "No message was given up, but those that had to be.",
        check: log::nothing_is_given_up,
    },
];

/// Goes through the books: every breach of every invariant, in the order of [`INVARIANTS`].
#[must_use]
pub fn audit(books: &Books) -> Vec<Breach> {
    let of = |invariant: &Invariant| {
        let name = invariant.name;
        (invariant.check)(books).into_iter().map(move |what| Breach { invariant: name, what })
    };
    INVARIANTS.iter().flat_map(of).collect()
}
