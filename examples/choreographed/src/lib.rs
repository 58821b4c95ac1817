//! The purchase of an iPad by reactions: each service hears facts, and says what it did. There is
//! no coordinator anywhere.
//!
//! Only coordination is here; what the services do is `shop`. The whole is nowhere to be read, so
//! it is drawn: see [`choreography`].

mod cast;
mod choreography;
mod inventory;
mod orders;
mod payments;
mod shipping;
mod validators;

pub use cast::{BESIDE, CAST};
pub use choreography::choreography;
pub use inventory::Inventory;
pub use orders::Orders;
pub use payments::Payments;
pub use shipping::Shipping;
pub use shop::bystanders::{Alerts, Customers, Notification, ShadowFraud};
pub use validators::{Details, Fraud, Limits};

/// The coordination, line by line, to be counted.
pub const SOURCES: &[&str] = &[
    include_str!("choreography.rs"),
    include_str!("inventory.rs"),
    include_str!("orders.rs"),
    include_str!("payments.rs"),
    include_str!("shipping.rs"),
    include_str!("validators.rs"),
];

#[cfg(test)]
mod tests;
