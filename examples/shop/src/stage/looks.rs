//! What can be seen of the shop.

use crate::audit::{self, Books, Expected};
use crate::contracts::{Ending, INVENTORY, ORDERS, Reason, Status};
use crate::fakes::Held;
use crate::inventory::SHELVES;
use crate::orders::{self, Row};
use crate::stage::{A_DAY, Stage};
use ballet::{Message, Reactions, Reactor};
use std::time::Duration;

/// When nothing was said while so many moments passed, and every order has come to an end, all is
/// quiet.
const QUIET: u128 = 120;
/// How long to look away when waiting for something.
const A_MOMENT: Duration = Duration::from_millis(500);

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
        let read = audit::read(&self.office, self.messages(), &self.world, expected).await;
        read.expect("the books are readable")
    }

    /// Every message of every topic.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let topics = self.machine.topics();
        topics.iter().flat_map(|topic| self.machine.topic(topic)).collect()
    }

    /// How often a fact was said of an order, however often the broker repeated it.
    #[must_use]
    pub fn times_said(&self, order_id: &str, fact: &str) -> usize {
        let said = self.messages().into_iter().map(|message| message.envelope);
        let mut ids: Vec<_> = said
            .filter(|said| said.name == fact && said.correlation == order_id)
            .map(|said| said.id)
            .collect();
        ids.sort();
        ids.dedup();
        ids.len()
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

    /// The orders that should have come to an end by now: what an operator is alarmed by.
    pub async fn overdue(&self) -> Vec<String> {
        let (orders, now) = (self.orders().await, self.now());
        let overdue = orders
            .into_iter()
            .filter(|row| !row.order.status.is_end() && row.order.deadline_at < now);
        overdue.map(|row| row.order.order_id).collect()
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
