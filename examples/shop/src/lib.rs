//! What both examples share: the purchase of an iPad, as far as it does not matter who coordinates
//! it.
//!
//! ```text
//! contracts/      what the services say to each other
//! order           what a request to buy must look like
//! orders          what may become of an order          details, fraud, limits   the checks
//! inventory  payments  shipping  customers  notification  the other services
//! alerts          what an operator should look at     timeline   what was said of an order
//! bystanders      reactors that are the same in both modes, because nobody waits for them
//! fakes/          the outside world, with dials        settings                 what may be set
//! cast            what a process of it is                args       a command line
//! scenarios/      what must come of it, whatever happens        stage            where they play
//! http            the shop over HTTP, the same for both
//! audit           what must be true of the books when all is quiet
//! ```
//!
//! Not here: who does what when. That is all that `orchestrated` and `choreographed` contain.

pub mod alerts;
pub mod args;
pub mod audit;
pub mod bystanders;
pub mod cast;
pub mod contracts;
pub mod customers;
pub mod details;
pub mod fakes;
pub mod fraud;
#[cfg(feature = "http")]
pub mod http;
pub mod inventory;
pub mod limits;
pub mod notification;
pub mod order;
pub mod orders;
pub mod payments;
#[cfg(feature = "memory")]
pub mod scenarios;
pub mod settings;
pub mod shipping;
#[cfg(feature = "memory")]
pub mod stage;
#[cfg(test)]
mod testing;
pub mod timeline;
