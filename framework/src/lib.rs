//! Sagas: business transactions that span several services and either complete or are compensated.

pub mod clock;
pub mod edge;
pub mod error;
pub mod id;
pub mod message;
pub mod saga;

pub use error::{Error, ErrorKind, Fault, Refusal, StepError, refuse};
pub use message::{Command, Envelope, Event, Key, Message, Record, Topic, Way};
pub use saga::{Cx, Made, Plan, Retry, Saga, Why, act, ask, hear, tell};
