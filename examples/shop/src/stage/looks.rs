//! What can be seen of the shop.

use crate::alerts;
use crate::audit::{self, Books, Expected, Offices};
use crate::bystanders::Alerts;
use crate::contracts::{
    Ending, INVENTORY, ORDERS, OrderCancelled, OrderInvalidated, PaymentVoided, Reason,
    ShipmentCancelled, Status, StockReleased,
};
use crate::fakes::Held;
use crate::inventory::SHELVES;
use crate::orders::{self, Row};
use crate::stage::{A_DAY, Stage};
use ballet::message::{Kind, commands_of};
use ballet::{Event, Message, Reactions, Reactor};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When nothing was said while so many moments passed, and every order has come to an end, all is
/// quiet.
const QUIET: u128 = 120;
/// How long to look away when waiting for something.
const A_MOMENT: Duration = Duration::from_millis(500);

/// The facts by which something is taken back, and those with which an order ends then.
const TAKES_BACK: [&str; 5] = [
    StockReleased::NAME,
    PaymentVoided::NAME,
    ShipmentCancelled::NAME,
    OrderInvalidated::NAME,
    OrderCancelled::NAME,
];

/// The names of the services whose tables are looked at most; nothing reacts here.
struct Orders;
struct Inventory;

impl Reactor for Orders {
    const NAME: &'static str = ORDERS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

impl Reactor for Inventory {
    const NAME: &'static str = INVENTORY;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// The shop in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Orders that ended with a parcel.
    pub shipped: usize,
    /// Orders that failed a check.
    pub invalid: usize,
    /// Orders that were cancelled.
    pub cancelled: usize,
    /// Orders that have not come to an end.
    pub open: usize,
    /// Parcels that the carrier has.
    pub parcels: usize,
    /// Letters that were posted.
    pub letters: usize,
    /// Payments that were taken.
    pub captured: usize,
    /// Payments that are kept ready and not decided.
    pub held: usize,
    /// Payments that were kept ready, and let go.
    pub voided: usize,
}

impl Stage {
    /// The books, as they are now.
    ///
    /// # Panics
    ///
    /// If they cannot be read.
    pub async fn books(&self) -> Books {
        let expected = Expected { stock: self.received.clone(), dead_letters: self.written_off };
        let read =
            audit::read(Offices::One(&self.office), self.messages(), &self.world, expected).await;
        read.expect("the books are readable")
    }

    /// Every message of every topic.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let topics = self.machine.topics();
        topics.iter().flat_map(|topic| self.machine.topic(topic)).collect()
    }

    /// Every fact about an order, once, however often the broker repeated it.
    fn facts_of(&self, order_id: &str) -> Vec<Message> {
        let mut known = BTreeSet::new();
        let mut facts = self.messages();
        facts.retain(|Message { envelope, .. }| {
            envelope.kind == Kind::Event
                && envelope.correlation == order_id
                && known.insert(envelope.id)
        });
        facts
    }

    /// How often a fact was said of an order.
    #[must_use]
    pub fn times_said(&self, order_id: &str, fact: &str) -> usize {
        self.facts_of(order_id).iter().filter(|said| said.envelope.name == fact).count()
    }

    /// What was said of an order, of this kind.
    ///
    /// # Panics
    ///
    /// If it is not readable.
    #[must_use]
    pub fn said<E: Event>(&self, order_id: &str) -> Vec<E> {
        let facts = self.facts_of(order_id).into_iter();
        let mine = facts.filter(|said| said.envelope.name == E::NAME);
        mine.map(|said| serde_json::from_slice(&said.body).expect("it is readable")).collect()
    }

    /// How an order was taken back: the facts that tell of it, in the order in which one brought about
    /// the next. Those that came about side by side are on one line.
    #[must_use]
    pub fn taken_back(&self, order_id: &str) -> Vec<String> {
        let mut lines: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for Message { envelope, .. } in self.facts_of(order_id) {
            if TAKES_BACK.contains(&&*envelope.name) {
                lines.entry(envelope.hop).or_default().push(envelope.name);
            }
        }
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names.join(", ")
        };
        lines.into_values().map(sorted).collect()
    }

    /// An order as Orders has it.
    ///
    /// # Panics
    ///
    /// If there is no such order.
    pub async fn order(&self, order_id: &str) -> Row {
        let found = self.office.row::<Orders, _, _>(orders::ORDERS, &order_id.to_owned()).await;
        let found = found.expect("the store is readable");
        found.unwrap_or_else(|| panic!("there is no order {order_id}"))
    }

    /// Where an order stands, once it has come to an end.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn end_of(&mut self, order_id: &str) -> Status {
        for _ in 0..A_DAY.as_millis() / A_MOMENT.as_millis() {
            let status = self.order(order_id).await.order.status;
            if status.is_end() {
                return status;
            }
            self.pass(A_MOMENT).await;
            self.bury().await;
        }
        panic!(
            "no end of {:#?}; given up: {:#?}",
            self.order(order_id).await,
            self.given_up().await
        );
    }

    /// Why an order was cancelled, once it was; `None` if it ended otherwise.
    pub async fn reason_of(&mut self, order_id: &str) -> Option<Reason> {
        self.end_of(order_id).await;
        match self.order(order_id).await.ending {
            Some(Ending::Cancelled { reason }) => Some(reason),
            Some(Ending::Invalid { .. }) | None => None,
        }
    }

    /// The checks that an order failed, once it has come to an end.
    pub async fn failed_checks_of(&mut self, order_id: &str) -> Vec<String> {
        self.end_of(order_id).await;
        match self.order(order_id).await.ending {
            Some(Ending::Invalid { failed_checks }) => {
                failed_checks.into_iter().map(|failed| failed.check).collect()
            }
            Some(Ending::Cancelled { .. }) | None => Vec::new(),
        }
    }

    /// What is on a shelf, and how much of it is kept for somebody.
    pub async fn on_shelf(&self, sku: &str) -> (i64, i64) {
        let found = self.office.row::<Inventory, _, _>(SHELVES, &sku.to_owned()).await;
        let shelf = found.expect("the store is readable").unwrap_or_default();
        (shelf.on_hand, shelf.reserved)
    }

    /// Waits until the provider keeps money ready, and no moment longer.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn until_money_is_held(&self) {
        for _ in 0..A_DAY.as_secs() {
            if self.world.provider.count(Held::Open) > 0 {
                return;
            }
            self.blink(1).await;
        }
        panic!("no money is held: {:?}", self.tally().await);
    }

    /// What was given up, and why.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn given_up(&self) -> Vec<String> {
        let letters = self.office.dead_letters(u32::MAX).await.expect("they are readable");
        letters.into_iter().map(|letter| letter.reason).collect()
    }

    /// All orders as Orders has them.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn orders(&self) -> Vec<Row> {
        let rows = self.office.rows::<Orders, _, _>(orders::ORDERS).await;
        rows.expect("the store is readable").into_iter().map(|(_, row)| row).collect()
    }

    /// What an operator should look at now: each order with what is wrong with it.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn alerts(&self) -> Vec<String> {
        let rows = self.office.rows::<Alerts, _, _>(alerts::ALERTS).await;
        let rows = rows.expect("the store is readable").into_iter();
        let open = rows.filter(|(_, alert)| alert.settled_at.is_none());
        open.map(|((order_id, trouble), _)| format!("{order_id}: {trouble}")).collect()
    }

    /// How many messages came again and were dropped, by all that are at work.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        let health = self.playing.values().flat_map(|process| process.app.health());
        health.map(|(_, lane)| lane.duplicates).sum()
    }

    /// How often anybody has asked a service for anything, other than by a request from outside.
    #[must_use]
    pub fn asked(&self, service: &str) -> usize {
        self.machine.topic(&commands_of(service)).len()
    }

    /// Waits until every order has come to an end and nobody says anything any more; the shop in
    /// numbers then.
    ///
    /// # Panics
    ///
    /// If that never comes.
    pub async fn quiet(&mut self) -> Tally {
        let (mut said, mut since) = (0, 0);
        for now in 0..A_DAY.as_millis() / A_MOMENT.as_millis() {
            self.pass(A_MOMENT).await;
            self.bury().await;
            if said != self.machine.appended() {
                (said, since) = (self.machine.appended(), now);
            } else if now - since == QUIET && self.tally().await.open == 0 {
                return self.tally().await;
            }
        }
        panic!("no end: {:?}; given up: {:#?}", self.tally().await, self.given_up().await);
    }

    /// The shop in numbers, as they are now.
    pub async fn tally(&self) -> Tally {
        let orders = self.orders().await;
        let ended = |status| orders.iter().filter(|row| row.order.status == status).count();
        let provider = &self.world.provider;
        Tally {
            shipped: ended(Status::Shipped),
            invalid: ended(Status::Invalid),
            cancelled: ended(Status::Cancelled),
            open: orders.iter().filter(|row| !row.order.status.is_end()).count(),
            parcels: self.world.carrier.parcels().len(),
            letters: self.world.mail.sent().len(),
            captured: provider.count(Held::Captured),
            held: provider.count(Held::Open),
            voided: provider.count(Held::Voided),
        }
    }

    /// The last curtain: when all is quiet an auditor goes through the books.
    ///
    /// # Panics
    ///
    /// If anything in them must not be.
    pub async fn curtain(mut self) {
        self.quiet().await;
        let breaches = audit::audit(&self.books().await);
        let told: String = breaches.iter().map(|breach| format!("  {breach}\n")).collect();
        assert!(breaches.is_empty(), "the auditor says:\n{told}");
    }
}
