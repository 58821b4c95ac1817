//! Reactors: services that react to each other's events, and participants that answer a saga.
//!
//! A reactor is a table of reactions. Each says what it hears, what it does, and how that is taken
//! back; what it may say is read off the return type, so topology is computed and never claimed.
//!
//! ```text
//! on::<Event>    react(f)                              in the service's transaction
//! to::<Command>  answer(f)                             the same, with a reply
//!                call(g).react(h)                      first outside, then recorded
//!                look(f).call(g).react(h)              first read, then outside, then recorded
//! ```
//!
//! [`barrier`] decides what a message means to a reaction that happens once: a pure function. Not
//! here: who calls the handlers (`engine`).

pub mod barrier;
mod call;
mod check;
mod choreography;
mod draw;
mod emit;
mod handler;
mod reaction;
mod reactions;
mod wait;

pub use call::{Call, Called, Looked, call, look};
pub use choreography::Choreography;
pub use emit::{And, Emit, Emitted, Names, Refused, Said, Says, Verdict};
pub use handler::{InTx, InTx2, Outside, Outside2, TakesBack, TakesBackFor};
pub use reaction::{Answer, Reaction, Reacts, Unasked, answer, react};
pub use reactions::{Outline, Reactions, Role};
pub use wait::{After, Events, Wait, after};

pub(crate) use handler::{Decode, Given};
pub(crate) use reaction::{Compensation, Unit};
pub(crate) use wait::Waiting;

/// A service: it reacts to events and answers commands.
///
/// # Example
///
/// ```
/// use ballet::{Fault, Reactions, Reactor, Tx, react};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderCreated { order_id: String }
/// #[derive(Serialize, Deserialize)]
/// struct StockReserved { order_id: String }
/// ballet::topic! { ORDERS = "orders.v1", key order_id { OrderCreated = "order.created" } }
/// ballet::topic! { STOCK = "stock.v1", key order_id { StockReserved = "stock.reserved" } }
///
/// struct Inventory;
/// impl Reactor for Inventory {
///     const NAME: &'static str = "inventory";
///     fn reactions() -> Reactions<Self> {
///         Reactions::new().on::<OrderCreated>(react(Self::reserve))
///     }
/// }
/// impl Inventory {
///     async fn reserve(&self, _tx: &mut Tx, e: &OrderCreated) -> Result<StockReserved, Fault> {
///         Ok(StockReserved { order_id: e.order_id.clone() })
///     }
/// }
/// ```
pub trait Reactor: Sized + Send + Sync + 'static {
    /// Its name: that of its group, and for commands the addressee.
    const NAME: &'static str;
    /// What it hears, and what it does then.
    fn reactions() -> Reactions<Self>;
}
