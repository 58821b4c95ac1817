//! Sagas: business transactions that span several services and either complete or are compensated.

#[cfg(feature = "runtime")]
mod app;
#[cfg(feature = "runtime")]
pub mod broker;
pub mod clock;
#[cfg(feature = "runtime")]
mod coordinator;
pub mod edge;
#[cfg(feature = "runtime")]
pub mod engine;
pub mod error;
pub mod future;
pub mod id;
#[cfg(feature = "memory")]
pub mod memory;
pub mod message;
pub mod reactor;
pub mod saga;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
pub mod story;
pub mod table;
pub mod tx;
pub mod view;

#[cfg(feature = "runtime")]
pub use app::{App, Outcome, Requested, Run, Running};
#[cfg(feature = "runtime")]
pub use engine::{Health, Settings};
pub use error::{Error, ErrorKind, Fault, Refusal, StepError, refuse};
pub use message::{Command, Envelope, Event, Key, Message, Record, Topic, Way};
pub use reactor::{
    And, Call, Choreography, Emit, Reactions, Reactor, Refused, Verdict, after, answer, call, look,
    react,
};
pub use saga::{Cx, Made, Plan, Retry, Saga, Why, act, ask, hear, tell};
pub use table::{Table, TableKey};
pub use tx::Tx;
pub use view::{Sources, View};
