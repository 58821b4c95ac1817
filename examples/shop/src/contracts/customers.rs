//! Customers: who they are and where they live.

use crate::contracts::CustomerId;
use ballet::{service, topic};
use serde::{Deserialize, Serialize};

/// Where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub line1: String,
    /// Town.
    pub city: String,
    /// Postcode.
    pub postcode: String,
    /// Two letters, as `AT`.
    pub country: String,
}

/// How well we know a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// New here.
    Bronze,
    /// Known.
    Silver,
    /// Well known.
    Gold,
    /// A friend of the house.
    Platinum,
}

/// A customer, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The number.
    pub customer_id: CustomerId,
    /// The name.
    pub name: String,
    /// Where mail goes.
    pub email: String,
    /// Where parcels go.
    pub address: Address,
    /// How well we know them.
    pub level: Level,
}

/// This is the customer from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerUpserted {
    /// The number.
    pub customer_id: CustomerId,
    /// The name.
    pub name: String,
    /// Where mail goes.
    pub email: String,
    /// Where parcels go.
    pub address: Address,
    /// How well we know them.
    pub level: Level,
    /// Counts the changes; a reader keeps the highest.
    pub version: u64,
}

/// The customer is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerErased {
    /// The number.
    pub customer_id: CustomerId,
}

topic! {
    /// Who the customers are: the newest counts.
    pub CUSTOMER_FACTS = "shop.customers.v1" compacted, key customer_id {
        CustomerUpserted = "customer.upserted",
        CustomerErased = "customer.erased",
    }
}

/// Write this customer down. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveCustomer {
    /// The customer, whole.
    pub customer: Customer,
}

/// Forget this customer. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseCustomer {
    /// Which.
    pub customer_id: CustomerId,
}

service! {
    /// What Customers may be asked.
    pub CUSTOMERS = "customers" {
        SaveCustomer = "customer.save" -> (),
        EraseCustomer = "customer.erase" -> (),
    }
}
