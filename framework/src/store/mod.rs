//! The store: durable state, as coarse operations over plain data.

#[cfg(feature = "runtime")]
pub(crate) mod commit;
mod kept;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod line;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod migrations;
#[cfg(feature = "runtime")]
mod port;
mod slot;
mod writes;

#[cfg(feature = "runtime")]
pub use commit::Commit;
pub use kept::{Kept, Pruned};
#[cfg(feature = "runtime")]
pub use port::{Advance, Batch, Begun, Entered, Found, Joined, RunRow, Snapshot, Store, Taken};
pub use slot::{Known, Lock, Scan, Slot, Space};
pub use writes::{
    Calling, DeadLetter, Due, Held, InboxRow, Inboxed, LaneId, Parked, Position, Status, Timer,
    Value, Writes,
};
