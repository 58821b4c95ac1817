//! What can be seen of the shop.

use crate::alerts;
use crate::audit::names::{Inventory, Orders, Views};
use crate::audit::{self, Books, Expected, topic_of};
use crate::bystanders::Alerts;
use crate::contracts::{
    ALERTS, Customer, Ending, INVENTORY, NOTIFICATION, ORDERS, OrderCancelled, OrderId,
    OrderInvalidated, PaymentVoided, Reason, SHIPPING, ShipmentCancelled, Status, StockReleased,
};
use crate::customers::{Addressee, Contact};
use crate::fakes::{Held, World};
use crate::inventory::SHELVES;
use crate::orders::{self, Row};
use crate::stage::Stage;
use ballet::message::{Kind, commands_of};
use ballet::{Event, Message, Table};
use std::collections::{BTreeMap, BTreeSet};

/// The facts by which something is taken back, and those with which an order ends then.
const TAKES_BACK: [&str; 5] = [
    StockReleased::NAME,
    PaymentVoided::NAME,
    ShipmentCancelled::NAME,
    OrderInvalidated::NAME,
    OrderCancelled::NAME,
];

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
    /// The number that an order has, which the text calls so.
    #[must_use]
    pub fn number(&self, order_id: &str) -> OrderId {
        self.numbers.get(order_id).map_or_else(|| order_id.to_owned(), |(_, number)| number.clone())
    }

    /// What the text calls the order of this number.
    #[must_use]
    pub fn called(&self, number: &str) -> OrderId {
        let named = self.numbers.iter().find(|(_, (_, of))| of == number);
        named.map_or(number, |(name, _)| name).to_owned()
    }

    /// The books, as they are now.
    ///
    /// # Panics
    ///
    /// If they cannot be read.
    pub async fn books(&self) -> Books {
        let (stock, dead_letters) = (self.received.clone(), self.written_off);
        let settings = self.settings().clone();
        self.house.books(Expected { stock, dead_letters, settings, ..Expected::default() }).await
    }

    /// Every message of every topic.
    pub async fn messages(&self) -> Vec<Message> {
        self.house.messages().await
    }

    /// What the outside has on file now.
    #[must_use]
    pub fn outside(&self) -> World {
        self.house.outside()
    }

    /// Every fact about an order, once, however often the broker repeated it. Whoever sees in a row that
    /// something has come about may be faster than the fact that says so, which is published after it is
    /// kept: who counts must wait until it is [quiet](Self::quiet).
    async fn facts_of(&self, order_id: &str) -> Vec<Message> {
        let (mut known, order_id) = (BTreeSet::new(), self.number(order_id));
        let mut facts = self.messages().await;
        facts.retain(|Message { envelope, .. }| {
            envelope.kind == Kind::Event
                && envelope.correlation == order_id
                && known.insert(envelope.id)
        });
        facts
    }

    /// How often a fact was said of an order.
    pub async fn times_said(&self, order_id: &str, fact: &str) -> usize {
        self.facts_of(order_id).await.iter().filter(|said| said.envelope.name == fact).count()
    }

    /// What was said of an order, of this kind.
    ///
    /// # Panics
    ///
    /// If it is not readable.
    pub async fn said<E: Event>(&self, order_id: &str) -> Vec<E> {
        let facts = self.facts_of(order_id).await.into_iter();
        let mine = facts.filter(|said| said.envelope.name == E::NAME);
        mine.map(|said| serde_json::from_slice(&said.body).expect("it is readable")).collect()
    }

    /// How an order was taken back: the facts that tell of it, in the order in which one brought about
    /// the next. Those that came about side by side are on one line.
    pub async fn taken_back(&self, order_id: &str) -> Vec<String> {
        let mut lines: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for Message { envelope, .. } in self.facts_of(order_id).await {
            if TAKES_BACK.contains(&&*envelope.name) {
                lines.entry(envelope.hop).or_default().push(envelope.name.to_string());
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
        let (office, number) = (self.office(ORDERS), self.number(order_id));
        let found = office.row::<Orders, _, _>(orders::ORDERS, &number).await;
        let found = found.expect("the store is readable");
        found.unwrap_or_else(|| panic!("there is no order {order_id}"))
    }

    /// Where an order stands, once it has come to an end.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn end_of(&mut self, order_id: &str) -> Status {
        self.until(format_args!("{order_id} comes to an end"), async |stage| {
            stage.order(order_id).await.order.status.is_end()
        })
        .await;
        self.order(order_id).await.order.status
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
        let found = self.office(INVENTORY).row::<Inventory, _, _>(SHELVES, &sku.to_owned()).await;
        let shelf = found.expect("the store is readable").unwrap_or_default();
        (shelf.on_hand, shelf.reserved)
    }

    /// What was given up, and why.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn given_up(&self) -> Vec<String> {
        let mut all = Vec::new();
        for office in self.house.offices() {
            let letters = office.dead_letters(u32::MAX).await.expect("they are readable");
            all.extend(letters.into_iter().map(|letter| letter.reason));
        }
        all
    }

    /// Whether everybody who keeps a copy of the customers knows this one as they are.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub(super) async fn is_known(&self, customer: &Customer) -> bool {
        let id = &customer.customer_id;
        let addresses: Table<_, Addressee> = Table::new("addresses");
        let parcel = self.office(SHIPPING).row::<Views, _, _>(addresses, id).await;
        let contacts: Table<_, Contact> = Table::new("contacts");
        let letter = self.office(NOTIFICATION).row::<Views, _, _>(contacts, id).await;
        let parcel = parcel.expect("the store is readable");
        let letter = letter.expect("the store is readable");
        parcel.is_some_and(|to| to.address == customer.address && to.name == customer.name)
            && letter.is_some_and(|to| to.email == customer.email && to.name == customer.name)
    }

    /// All orders as Orders has them.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn orders(&self) -> Vec<Row> {
        let rows = self.office(ORDERS).rows::<Orders, _, _>(orders::ORDERS).await;
        rows.expect("the store is readable").into_iter().map(|(_, row)| row).collect()
    }

    /// How many orders have come to an end, as far as anybody can see: where what Orders keeps cannot be read,
    /// by the letters that tell customers so.
    pub async fn ended(&self) -> usize {
        if !self.house.is_legible() {
            return self.outside().mail.sent().len();
        }
        self.orders().await.iter().filter(|row| row.order.status.is_end()).count()
    }

    /// What an operator should look at now: each order with what is wrong with it.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn alerts(&self) -> Vec<String> {
        let rows = self.office(ALERTS).rows::<Alerts, _, _>(alerts::ALERTS).await;
        let rows = rows.expect("the store is readable").into_iter();
        let open = rows.filter(|(_, alert)| alert.settled_at.is_none());
        let told = |(order, trouble): (OrderId, String)| {
            let order = self.called(&order);
            format!("{order}: {trouble}")
        };
        let mut open: Vec<String> = open.map(|(of, _)| told(of)).collect();
        open.sort();
        open
    }

    /// How many messages came again and were dropped, by all that are at work.
    pub async fn duplicates(&self) -> u64 {
        self.house.duplicates().await
    }

    /// How many messages there are on all topics, and bytes that are none.
    pub async fn appended(&self) -> usize {
        self.house.appended().await
    }

    /// How often anybody has asked a service for anything, other than by a request from outside.
    pub async fn asked(&self, service: &str) -> usize {
        let commands = Some(commands_of(service));
        let messages = self.messages().await;
        messages.iter().filter(|message| topic_of(&message.envelope) == commands).count()
    }

    /// The shop in numbers, as they are now.
    pub async fn tally(&self) -> Tally {
        let orders = self.orders().await;
        let ended = |status| orders.iter().filter(|row| row.order.status == status).count();
        let outside = self.outside();
        let provider = &outside.provider;
        Tally {
            shipped: ended(Status::Shipped),
            invalid: ended(Status::Invalid),
            cancelled: ended(Status::Cancelled),
            open: orders.iter().filter(|row| !row.order.status.is_end()).count(),
            parcels: outside.carrier.parcels().len(),
            letters: outside.mail.sent().len(),
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
