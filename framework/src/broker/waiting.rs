//! A reader of the log that waits until there may be something to read.

use crate::sync::{AtomicBool, Notify, Ordering};

/// A reader that waits.
#[derive(Default)]
pub(crate) struct Waiting {
    notify: Notify,
    /// Whether it has nothing to do until it is woken.
    is_idle: AtomicBool,
}

impl Waiting {
    /// Waits until there may be something to read.
    pub(crate) async fn woken(&self) {
        self.is_idle.store(true, Ordering::SeqCst);
        self.notify.notified().await;
        self.is_idle.store(false, Ordering::SeqCst);
    }

    /// Wakes it, and says whether it was idle.
    pub(crate) fn wake(&self) -> bool {
        self.notify.notify_one();
        self.is_idle.swap(false, Ordering::SeqCst)
    }
}
