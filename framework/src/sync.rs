//! What tasks and threads share memory by: the one place where a primitive is chosen.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(crate) use tokio::sync::Notify;
