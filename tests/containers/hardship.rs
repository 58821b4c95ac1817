//! The shop as processes, in hardship: killed at every named point, frozen, without servers and network,
//! under load, with a full disk, without rights, and beside strangers.
//!
//! Together they take long: `tests/run` runs the shorter of them, and `tests/run --hardship` all.

mod earnest;
mod harmed;
mod trouble;
mod wire;
