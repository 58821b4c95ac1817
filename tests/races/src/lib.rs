//! What tasks and threads of the framework share, under every order in which they may run.
//!
//! The files are those of the framework, read from where they stand: only `crate::sync` is another one
//! here, whose primitives a scheduler drives. It tries all orders of the threads of a test, and one in which
//! somebody waits for ever is a failure. That a test can fail is shown each time: with primitives that
//! forget what they should keep, an order is found in which somebody does.
//!
//! | file | between | law |
//! |---|---|---|
//! | `engine/handover.rs` | a lane and the task that publishes | all is published, in order, and the lane is told |
//! | `kafka/queue.rs` | the thread that fetches and a lane | all is taken, in order, and then why there is no more |
//! | `kafka/receipt.rs` | who produces and the thread that hears of acknowledgements | the last is heard of, or the first failure |
//! | `broker/waiting.rs` | who appends and a reader of the log | whoever waits is woken |
//! | `engine/desk.rs` | a lane and clients that hand it something | each is answered, or left without an answer, and nobody waits for ever |
//! | `engine/hub.rs` | a lane and a client | a client hears of what is written after it began to watch |
//! | `memory/bell.rs` | the broker in memory and who listens | every listener hears the last ring |

#![cfg(test)]

mod sync;

mod broker {
    pub(crate) use ballet::broker::Arrived;
}
mod error {
    pub(crate) use ballet::error::Error;
}
mod clock {
    pub(crate) use ballet::clock::{Stopwatch, Time};

    /// Nobody loses patience here.
    pub(crate) async fn rest(_: std::time::Duration) {
        std::future::pending().await
    }
}
mod id {
    pub(crate) use ballet::id::derived;
}
mod message;
/// None is made here.
mod mistake {
    #[derive(Clone, Copy)]
    pub(crate) enum Mistake {
        MarkAll,
        MarkBeforeAcknowledged,
        NewestLeftoversFirst,
    }

    impl Mistake {
        pub(crate) const fn is_made(self) -> bool {
            false
        }
    }
}
mod store {
    pub(crate) use ballet::store::{Entered, Inboxed, LaneId, Slot, Space, Status, Value};
}

mod engine;
mod kafka;
mod memory;
mod sqlite;
