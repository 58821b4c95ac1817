//! What one saga and one purchase may cost, in things that are counted and not timed.
//!
//! How fast a machine is, and how busy, hardly matters to them: so these tests can be part of every run.
//! `docs/internals/budgets.md` has the table for people, and how wide each budget is and why.
//!
//! ```text
//! table    every budget, with what was measured when it was set
//! budget   what a budget is, and what is told when it does not hold
//! lone     one saga or purchase after the other, each alone
//! ```

mod budget;
mod lone;
mod table;

pub use budget::{Budget, keep};
pub use lone::{Lone, Purchases, Sagas, each, saga};
pub use table::{INSTRUCTIONS, TABLE, of};
