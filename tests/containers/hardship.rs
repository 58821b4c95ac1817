//! The shop as processes, in hardship: killed at every named point, frozen, without servers and network,
//! under load, with a full disk, without rights, and beside strangers.
//!
//! These tests take long: `tests/run --processes` runs them.

mod earnest;
mod harmed;
mod trouble;
mod wire;
