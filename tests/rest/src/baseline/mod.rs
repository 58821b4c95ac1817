//! The antipattern: services that call each other while the customer waits.
//!
//! ```text
//! customer ── POST /v1/orders ──> orders ── POST /shipments ──> shipping ── GET /customers/{id} ──> customers
//! ```
//!
//! Orders and Shipping write down what they do in a file of their own, as durably as the embedded store
//! does. That is all they do: nothing is checked, reserved or paid. Nothing has a key either, so whoever
//! asks again after an answer that did not come may be sent two parcels.

mod customers;
mod orders;
mod service;
mod shipping;

use crate::caller::{Caller, Said, Silence};
use bench::Failed;
use bench::setting::Folder;
use service::{Service, kept};
use shop::contracts::{CUSTOMERS, Customer, ORDERS, SHIPPING};
use shop::fakes::Reach;
use sqlx::{Row, SqlitePool};
use std::sync::Arc;
use std::time::Duration;

/// How long each waits for whom it calls: who is behind has less time.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub orders: Duration,
    pub shipping: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { orders: Duration::from_secs(20), shipping: Duration::from_secs(10) }
    }
}

/// The three services at work.
#[derive(Debug)]
pub struct Baseline {
    orders: Service,
    shipping: Service,
    customers: Service,
    /// Orders on the way to Shipping, and Shipping on the way to Customers.
    pub callers: [Arc<Caller>; 2],
    files: [SqlitePool; 3],
    /// Goes when all else has gone.
    _folder: Folder,
}

impl Baseline {
    /// Opens all three, the last of the chain first.
    pub async fn open(
        folder: Folder,
        buyers: &[Customer],
        patience: Patience,
    ) -> Result<Self, Failed> {
        let file = |name| kept(folder.file(name));
        let files =
            [file("customers.db").await?, file("shipping.db").await?, file("orders.db").await?];
        let [known, parcels, placed] = files.clone();
        let [ship_order, get_customer] =
            [patience.orders, patience.shipping].map(|long| Arc::new(Caller::new(long)));
        let customers = Service::open(customers::routes(known, buyers).await?).await?;
        let behind = (customers.at, Arc::clone(&get_customer));
        let shipping = Service::open(shipping::routes(parcels, behind).await?).await?;
        let behind = (shipping.at, Arc::clone(&ship_order));
        let orders = Service::open(orders::routes(placed, behind).await?).await?;
        let callers = [ship_order, get_customer];
        Ok(Self { orders, shipping, customers, callers, files, _folder: folder })
    }

    /// Submits an order.
    pub async fn submit(&self, customer: &Caller, order: String) -> Result<Said, Silence> {
        customer.ask(self.orders.at, "POST", "/v1/orders", order).await
    }

    /// `getCustomer()` without what is before it.
    pub async fn get_customer(&self, caller: &Caller, id: &str) -> Result<Said, Silence> {
        caller.ask(self.customers.at, "GET", &format!("/customers/{id}"), "").await
    }

    /// How many parcels Shipping has in its books.
    pub async fn shipped(&self) -> Result<usize, Failed> {
        let [_, parcels, _] = &self.files;
        let row = sqlx::query("SELECT count(*) FROM shipments").fetch_one(parcels).await?;
        Ok(usize::try_from(row.get::<i64, _>(0))?)
    }

    /// Sends a service away, calls it back, or lets it hang.
    pub fn turn(&self, name: &str, reach: Reach) {
        let all =
            [(ORDERS, &self.orders), (SHIPPING, &self.shipping), (CUSTOMERS, &self.customers)];
        let found = all.into_iter().filter(|(known, _)| *known == name);
        found.for_each(|(_, service)| service.turn(reach));
    }

    /// Sends everybody home, whoever asks first, and takes away what they have left.
    pub async fn close(self) -> Result<(), Failed> {
        for service in [self.orders, self.shipping, self.customers] {
            service.close().await?;
        }
        for file in self.files {
            file.close().await;
        }
        Ok(())
    }
}
