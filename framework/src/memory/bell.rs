//! A bell that wakes whoever listens, always in the order in which they came.
//!
//! Tokio's `watch` wakes its receivers in an order that it draws at random, so a test that fails once
//! could not be played again.

use crate::sync::{AtomicU64, Notify, Ordering};
use std::sync::Arc;

/// Rung when something has changed.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<Rung>);

#[derive(Default)]
struct Rung {
    times: AtomicU64,
    notify: Notify,
}

/// Somebody who listens, and how much they have heard.
pub(super) struct Listener {
    bell: Bell,
    heard: u64,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.0.times.fetch_add(1, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// A listener, who has heard everything so far.
    pub(super) fn listen(&self) -> Listener {
        Listener { bell: self.clone(), heard: self.times() }
    }

    fn times(&self) -> u64 {
        self.0.times.load(Ordering::SeqCst)
    }
}

impl Listener {
    /// What was rung so far is known.
    pub(super) fn mark(&mut self) {
        self.heard = self.bell.times();
    }

    /// Waits until it was rung since it was last heard or marked.
    pub(super) async fn hear(&mut self) {
        loop {
            // Listening begins here, so what is rung after the look is not missed.
            let rung = self.bell.0.notify.notified();
            let times = self.bell.times();
            if times != self.heard {
                self.heard = times;
                return;
            }
            rung.await;
        }
    }
}
