//! The bounds of the engine, each with the reason for its number.

use crate::saga::Retry;
use std::time::Duration;

/// Bounds and spacings of the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many things one batch takes. Beyond 500 little is gained and latency grows.
    pub batch: usize,
    /// How often an inbox is looked at when nobody says that something is in it.
    pub poll: Duration,
    /// How long an acknowledgement waits for the next batch before it is written alone.
    pub mark: Duration,
    /// The spacing of attempts of a message whose handler faults.
    pub retry: Retry,
    /// How often a faulting message is tried before it is given up as a dead letter.
    pub attempts: u32,
    /// The spacing of attempts of a message that waits for something that is not here yet.
    pub not_yet: Retry,
    /// When so many keys of the last 500 messages fault, and a tenth of all, the lane stops.
    pub storm: usize,
    /// How many messages a lane sets aside before it takes no more.
    pub parked: usize,
    /// How old a gap may be before the edge counts as broken.
    pub gap: Duration,
    /// Deadlines do not fire while the lane is further behind than this.
    pub lag: Duration,
    /// How many calls to the outside a lane makes at a time.
    pub calls: usize,
    /// How long a single call of a saga's own method may take.
    pub call: Duration,
    /// How long to wait before a lane that was lost, or whose store fails, is taken again.
    pub again: Retry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch: 500,
            poll: Duration::from_secs(1),
            mark: Duration::from_secs(1),
            retry: Retry::every(Duration::from_millis(200)).up_to(Duration::from_secs(10)),
            attempts: 10,
            not_yet: Retry::every(Duration::from_millis(100)).up_to(Duration::from_secs(5)),
            storm: 10,
            parked: 10_000,
            gap: Duration::from_secs(30),
            lag: Duration::from_secs(10),
            calls: 64,
            call: Duration::from_secs(30),
            again: Retry::every(Duration::from_millis(50)).up_to(Duration::from_secs(5)),
        }
    }
}
