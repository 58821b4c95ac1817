//! Messages, which those who share them do not open.

#[path = "../../../framework/src/message/samples.rs"]
pub(crate) mod samples;

pub(crate) use ballet::message::{Envelope, Key, Kind, Message, Outgoing};
