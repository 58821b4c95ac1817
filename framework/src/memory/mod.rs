//! The split pair in memory: a store and a broker that fail apart, for tests.
//!
//! Everything that can be lost between a database and a message log can be lost here, at points that a
//! test chooses. State lives in a [`World`]; every process of a test takes its own [`Node`] of it, and a
//! node that dies stops in the middle of whatever it was doing, as a killed process does.

mod bell;
mod broker;
mod faults;
mod gone;
mod log;
mod state;
mod store;

pub use faults::{Fate, Point};

use bell::Bell;
use faults::Hook;
use log::Log;
pub(crate) use state::State;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What outlives every process: the database and the log.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// One transaction at a time.
    writer: Arc<tokio::sync::Mutex<()>>,
    log: Arc<Mutex<Log>>,
    /// Rung when messages are appended, and when members come, go, freeze or wake.
    bell: Bell,
    clock: Arc<dyn crate::clock::Clock>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a world in memory")
    }
}

impl World {
    /// An empty world with this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn crate::clock::Clock>) -> Self {
        Self {
            state: Arc::default(),
            writer: Arc::default(),
            log: Arc::default(),
            bell: Bell::default(),
            clock,
        }
    }

    /// A process of this world, in which nothing goes wrong.
    #[must_use]
    pub fn node(&self) -> Node {
        self.node_with(|_| Fate::Go)
    }

    /// A process of this world; `hook` is asked at every point what is to happen there.
    #[must_use]
    pub fn node_with(&self, hook: impl FnMut(&Point) -> Fate + Send + 'static) -> Node {
        Node {
            world: self.clone(),
            alive: Arc::new(AtomicBool::new(true)),
            frozen: Arc::default(),
            hook: Hook::new(hook),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process: what it holds in memory dies with it.
#[derive(Clone)]
pub struct Node {
    world: World,
    alive: Arc<AtomicBool>,
    frozen: Arc<AtomicBool>,
    hook: Hook,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a node that is {}", if self.is_alive() { "alive" } else { "dead" })
    }
}

impl Node {
    /// Its end of the store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn crate::store::Store> {
        Arc::new(self.clone())
    }

    /// Its end of the broker.
    #[must_use]
    pub fn broker(&self) -> Arc<dyn crate::broker::Broker> {
        Arc::new(self.clone())
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }

    /// Freezes it, as SIGSTOP does: its lanes are given to others, and it knows nothing of that.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
        self.world.bell.ring();
    }

    /// Wakes it up again: it goes on where it was, as a zombie.
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        self.world.bell.ring();
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    /// Kills it: whatever it was doing stops where it is.
    pub fn kill(&self) {
        self.alive.store(false, Ordering::SeqCst);
        self.world.bell.ring();
    }
}
