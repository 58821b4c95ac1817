//! The purchase of an iPad with a coordinator: one plan, and the services that it asks.
//!
//! Only coordination is here; what the services do is `shop`. Read `purchase` first.

mod answers;
mod cast;
mod inventory;
mod orders;
mod payments;
mod purchase;
mod shipping;
mod validators;

pub use cast::CAST;
pub use inventory::Inventory;
pub use orders::Orders;
pub use payments::Payments;
pub use purchase::Purchase;
pub use shipping::Shipping;
pub use shop::bystanders::{Alerts, Customers, Notification, ShadowFraud};
pub use validators::{Details, Fraud, Limits};

/// The coordination, line by line, to be counted.
pub const SOURCES: &[&str] = &[
    include_str!("answers.rs"),
    include_str!("inventory.rs"),
    include_str!("orders.rs"),
    include_str!("payments.rs"),
    include_str!("purchase.rs"),
    include_str!("shipping.rs"),
    include_str!("validators.rs"),
];

#[cfg(test)]
mod tests;
