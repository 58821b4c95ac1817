//! What customers, operators and fate do.

use crate::contracts::{
    Address, CUSTOMERS, CancelNoted, CancelOrder, Customer, CustomerId, Level, Line, Mode,
    PlaceOrder, Placed, ReceiveStock, SaveCustomer, SetRule,
};
use crate::order::NewOrder;
use crate::settings::settings;
use crate::stage::{PATIENCE, Stage};
use ballet::{Command, Error, Key, Refusal};

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
        // The counter gives each key a number; another key for that number is for the desk.
        let is_its = self.numbers.get(order_id).is_none_or(|(first, _)| first == key);
        if let Some(counter) = self.house.counter().filter(|_| is_its) {
            let placed = counter.place(key, &order).await;
            if let Ok(Ok(Placed { order_id: number })) = &placed {
                self.numbers.insert(order_id.to_owned(), (key.to_owned(), number.clone()));
            }
            return placed;
        }
        let order_id = self.number(order_id);
        let about = order_id.clone();
        self.ask_under(key, &about, &PlaceOrder { order_id, order }).await
    }

    /// The customer wants an order cancelled.
    ///
    /// # Panics
    ///
    /// If there is no such order.
    pub async fn cancel(&mut self, order_id: &str) -> CancelNoted {
        let order_id = self.number(order_id);
        if let Some(counter) = self.house.counter() {
            return counter.cancel(&order_id).await;
        }
        let noted = self.ask(&order_id, &CancelOrder { order_id: order_id.clone() }).await;
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
        self.save_all(vec![customer]).await;
    }

    /// Many become customers at once.
    ///
    /// # Panics
    ///
    /// If Customers does not want them.
    pub async fn save_all(&mut self, customers: Vec<Customer>) {
        let mut asked = Vec::new();
        for customer in customers {
            self.asked += 1;
            let key = format!("{}/{}/{}", SaveCustomer::NAME, customer.customer_id, self.asked);
            let (about, ask) = (Key::new(&*customer.customer_id), SaveCustomer { customer });
            // Whether it was accepted is seen when it is asked again.
            let entering = self.house.desk(CUSTOMERS).request(&key, &about, &ask);
            let _ = tokio::time::timeout(PATIENCE, entering).await;
            asked.push((key, ask));
        }
        for (key, ask) in &asked {
            let saved = self.ask_under(key, &ask.customer.customer_id, ask).await;
            saved.expect("the key is new").expect("they are welcome");
        }
        for (_, ask) in &asked {
            self.until_known(&ask.customer).await;
        }
    }

    /// So many people from Austria become customers at once.
    pub async fn crowd(&mut self, names: impl IntoIterator<Item = String>) {
        let people = names.into_iter().map(|name| Self::person(&name, "AT"));
        self.save_all(people.collect()).await;
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
        match self.house.counter() {
            Some(counter) => counter.rule(&rule).await,
            None => self.ask(check, &rule).await.expect("there is such a check"),
        }
    }

    /// An operator takes up again whatever was given up.
    ///
    /// # Panics
    ///
    /// If the store cannot be read.
    pub async fn resume(&mut self) {
        if let Some(counter) = self.house.counter() {
            return counter.resume().await;
        }
        for office in self.house.offices() {
            for letter in office.dead_letters(u32::MAX).await.expect("they are readable") {
                office.replay(letter.id).await.expect("it is taken up again");
            }
        }
    }

    /// So many messages are given up for good: an auditor expects them.
    pub fn write_off(&mut self, letters: usize) {
        self.written_off += letters;
    }
}
