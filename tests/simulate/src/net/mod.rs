//! The wires between a process and its servers: what can be cut, slow or wrong there.
//!
//! ```text
//! process ──► wired store  ──► the store in memory       wires    what is wrong at this moment, process by process
//!         └─► wired broker ──► the broker in memory      trace    what was committed and produced, and its digest
//! ```
//!
//! The pair in memory asks at its points what is to happen; the wires answer. What it has no point for, a
//! server that does not answer or answers late, is done here, around the ports.

mod broker;
mod store;
mod trace;
mod wires;

pub use broker::WiredBroker;
pub use store::WiredStore;
pub use trace::Trace;
pub use wires::{Trip, Wires};
