//! What the services say to each other: one file a service, in the order of the purchase.
//!
//! An event is a fact for everybody and carries what its readers need, so that nobody has to ask
//! back. A command is an order to one service. Both modes use the same topics, so that one auditor
//! reads both.

mod alerts;
mod customers;
mod inventory;
mod notification;
mod orders;
mod payments;
mod shipping;
mod validations;

pub use alerts::*;
pub use customers::*;
pub use inventory::*;
pub use notification::*;
pub use orders::*;
pub use payments::*;
pub use shipping::*;
pub use validations::*;

/// The number of an order: the run, and the correlation, of all that follows from it.
pub type OrderId = String;
/// The number of a customer.
pub type CustomerId = String;
/// What can be bought, as `ipad`.
pub type Sku = String;
