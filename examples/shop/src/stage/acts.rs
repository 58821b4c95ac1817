//! What customers, operators and fate do.

use crate::contracts::{
    Address, CancelNoted, CancelOrder, Customer, CustomerId, Level, Line, Mode, PlaceOrder, Placed,
    ReceiveStock, SaveCustomer, SetRule,
};
use crate::order::NewOrder;
use crate::settings::settings;
use crate::stage::{Moment, Stage};
use ballet::clock::Time;
use ballet::message::Kind;
use ballet::{Envelope, Error, Event, Key, Message, Refusal};
use serde_json::Value;

/// The lanes of every service.
const LANES: u32 = 2;

impl Stage {
    /// An order of one customer for so many pieces of one thing, at its price.
    #[must_use]
    pub fn basket(customer: &str, qty: i64, sku: &str) -> NewOrder {
        let unit_price_minor = settings().catalogue.get(sku).copied().unwrap_or(0);
        NewOrder {
            customer_id: customer.to_owned(),
            lines: vec![Line { sku: sku.to_owned(), qty, unit_price_minor }],
            total_minor: qty * unit_price_minor,
            currency: settings().currency.to_owned(),
        }
    }

    /// A customer buys so many iPads.
    ///
    /// # Panics
    ///
    /// If the order is not taken up.
    pub async fn buy(&mut self, order_id: &str, customer: &str, ipads: i64) {
        self.place(order_id, Self::basket(customer, ipads, "ipad")).await;
    }

    /// An order is placed.
    ///
    /// # Panics
    ///
    /// If it is not taken up.
    pub async fn place(&mut self, order_id: &str, order: NewOrder) {
        let placed = self.place_under(order_id, order_id, order).await;
        placed.expect("the key is new").expect("the order is taken up");
    }

    /// An order is placed under a key of the client, which may have been used before.
    ///
    /// # Errors
    ///
    /// That the key was used for something else; that the number is that of another order.
    pub async fn place_under(
        &mut self,
        key: &str,
        order_id: &str,
        order: NewOrder,
    ) -> Result<Result<Placed, Refusal>, Error> {
        let order_id = order_id.to_owned();
        let about = order_id.clone();
        self.ask_under(key, &about, &PlaceOrder { order_id, order }).await
    }

    /// The customer wants an order cancelled.
    ///
    /// # Panics
    ///
    /// If there is no such order.
    pub async fn cancel(&mut self, order_id: &str) -> CancelNoted {
        let noted = self.ask(order_id, &CancelOrder { order_id: order_id.to_owned() }).await;
        noted.expect("the order is known")
    }

    /// Puts things on the shelf.
    ///
    /// # Panics
    ///
    /// If Inventory does not want them.
    pub async fn stock(&mut self, sku: &str, qty: i64) {
        self.ask(sku, &ReceiveStock { sku: sku.to_owned(), qty }).await.expect("it is put there");
        *self.received.entry(sku.to_owned()).or_default() += qty;
    }

    /// Somebody from a country becomes a customer, or moves there.
    ///
    /// # Panics
    ///
    /// If Customers does not want them.
    pub async fn customer(&mut self, id: &str, country: &str) {
        self.save(Self::person(id, country)).await;
    }

    /// Somebody becomes a customer, or is another from now on.
    ///
    /// # Panics
    ///
    /// If Customers does not want them.
    pub async fn save(&mut self, customer: Customer) {
        let about = customer.customer_id.clone();
        self.ask(&about, &SaveCustomer { customer }).await.expect("they are welcome");
        // Everybody who keeps a copy hears of it.
        self.seconds(2).await;
    }

    /// A customer who lives in this country.
    #[must_use]
    pub fn person(id: &str, country: &str) -> Customer {
        let address = Address {
            line1: "Ring 1".to_owned(),
            city: "Graz".to_owned(),
            postcode: "8010".to_owned(),
            country: country.to_owned(),
        };
        let (customer_id, name): (CustomerId, _) = (id.to_owned(), id.to_uppercase());
        let email = format!("{id}@shop.example");
        Customer { customer_id, name, email, address, level: Level::Gold }
    }

    /// From now on every new order must pass this check.
    ///
    /// # Panics
    ///
    /// If there is no such check.
    pub async fn require(&mut self, check: &str) {
        let rule = SetRule { check: check.to_owned(), mode: Mode::Gating, enabled: true };
        self.ask(check, &rule).await.expect("there is such a check");
    }

    /// This process dies when it comes to such a moment, after it was spared so many times.
    pub fn doom(&mut self, whom: &'static str, moment: Moment, spared: usize) {
        self.doom.set(whom, moment, spared);
    }

    /// An operator takes up again whatever was given up.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn resume(&mut self) {
        for letter in self.office.dead_letters(u32::MAX).await.expect("they are readable") {
            self.office.replay(letter.id).await.expect("it is taken up again");
        }
    }

    /// So many messages are given up for good: an auditor expects them.
    pub fn write_off(&mut self, letters: usize) {
        self.written_off += letters;
    }

    /// Somebody who is none of us says something on one of our topics.
    ///
    /// # Panics
    ///
    /// If it cannot be written as JSON.
    pub fn say<E: Event>(&self, event: &E) {
        let body = serde_json::to_value(event).expect("an event can be written as JSON");
        self.say_in::<E>(E::VERSION, &event.key(), &body);
    }

    /// Somebody who is none of us says something of a name that we know, in a version of its schema
    /// that we may not know.
    ///
    /// # Panics
    ///
    /// If it cannot be written as JSON.
    pub fn say_in<E: Event>(&self, version: u32, key: &Key, body: &Value) {
        let envelope = Envelope {
            id: ballet::id::derived(&[
                "stranger",
                E::NAME,
                &version.to_string(),
                &body.to_string(),
            ]),
            kind: Kind::Event,
            name: E::NAME.to_owned(),
            version,
            key: key.clone(),
            correlation: key.to_string(),
            causation: None,
            hop: 0,
            occurred_at: Time::from_micros(1_700_000_000_000_000),
            traceparent: None,
            stamp: None,
            step: None,
        };
        let body = serde_json::to_vec(body).expect("JSON can be written");
        let message = Message { envelope, body: body.into() };
        self.machine.append(E::TOPIC.name, key.partition(LANES), message.encode());
    }

    /// Bytes that are no message are in every partition of every topic; how many dead letters that
    /// will be, one for each reader.
    pub fn garble(&self) -> usize {
        let mut letters = 0;
        for topic in self.machine.topics() {
            for partition in 0..LANES {
                self.machine.append(&topic, partition, "this is no message");
                letters += self.machine.readers(&topic);
            }
        }
        letters
    }
}
