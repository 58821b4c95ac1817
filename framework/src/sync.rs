//! What tasks and threads share memory by: the one place where a primitive is chosen.
//!
//! The files that build something of their own on these import them from here, so that the checks of all
//! their schedules (`tests/races`) can put primitives under them that a scheduler drives.

#[cfg(feature = "memory")]
pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(crate) use tokio::sync::Notify;
