//! The store: durable state, as coarse operations over plain data.

mod slot;
mod writes;

pub use slot::{Lock, Scan, Slot, Space};
pub use writes::{
    Answered, Calling, DeadLetter, Held, InboxRow, Inboxed, LaneId, Outgoing, Parked, Status,
    Timer, Value, Writes,
};
