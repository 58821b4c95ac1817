//! The engine: one loop under both modes.
//!
//! ```text
//!  inbox ─┐                   ┌──────────── batch: one transaction ────────────┐
//!  log ───┼─► gather ─► begin (compare-and-set) ─► sort ─► discover ─► run ─► flush ─► commit
//!  calls ─┤                                                                         │
//!  timers ┘             publish (in order) ◄── queue ◄───────────────────────────────┘
//! ```
//!
//! A *lane* is one partition of a group. Its owner alone writes what the lane owns, and only in a
//! transaction that begins by advancing the lane's row. What the messages *mean* is the business of a
//! handler: the coordinator of a saga, a reactor, a view.
//!
//! Not here: what a plan does next (`saga::decide`), what a duplicate is (`edge`), SQL.

mod calls;
mod careful;
mod chores;
mod desk;
mod discover;
mod elsewhere;
mod follow;
mod gather;
mod group;
mod handed;
mod handler;
mod handover;
mod health;
mod hub;
mod lane;
mod memory;
#[cfg(all(test, feature = "memory"))]
mod model;
mod owner;
mod park;
mod publish;
mod queue;
mod react;
mod run;
mod settings;
mod sort;
mod span;
mod view;
mod work;

pub(crate) use chores::chores;
pub(crate) use group::Wiring;
pub(crate) use handler::{Handler, Source, Trouble};
pub use health::Health;
pub(crate) use hub::{Hub, Version, Watching};
pub(crate) use react::{Reacting, RequestRow};
pub use settings::{Retention, Settings};
pub(crate) use view::{Replay, Viewing, serve};
pub(crate) use work::Work;
