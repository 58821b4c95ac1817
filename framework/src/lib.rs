//! Sagas: business transactions that span several services and either complete or are compensated.

pub mod clock;
pub mod edge;
pub mod error;
pub mod id;
pub mod message;
pub mod reactor;
pub mod saga;
pub mod store;
pub mod table;
pub mod tx;
pub mod view;

pub use error::{Error, ErrorKind, Fault, Refusal, StepError, refuse};
pub use message::{Command, Envelope, Event, Key, Message, Record, Topic, Way};
pub use reactor::{
    And, Call, Emit, Reactions, Reactor, Refused, Verdict, after, answer, call, look, react,
};
pub use saga::{Cx, Made, Plan, Retry, Saga, Why, act, ask, hear, tell};
pub use table::{Table, TableKey};
pub use tx::Tx;
pub use view::{Sources, View};
