//! The store: durable state, as coarse operations over plain data.

#[cfg(feature = "runtime")]
mod port;
mod slot;
mod writes;

#[cfg(feature = "runtime")]
pub use port::{Advance, Batch, Begun, Entered, Found, RunRow, Store, Taken};
pub use slot::{Lock, Scan, Slot, Space};
pub use writes::{
    Calling, DeadLetter, Held, InboxRow, Inboxed, LaneId, Parked, Position, Status, Timer, Value,
    Writes,
};
