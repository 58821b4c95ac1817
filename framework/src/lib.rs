//! Sagas: business transactions that span several services and either complete or are compensated.
//!
//! A saga may be *orchestrated*: a coordinator follows a plan, a table of steps, and writes down every
//! one of them. Or it may be *choreographed*: services react to each other's events, and nobody holds
//! the whole. One engine stands under both; whatever happens is written down in the transaction that
//! makes it happen, so a process may die at any moment and another goes on.
//!
//! ```
//! use ballet::story::SagaStory;
//! use ballet::{Cx, Fault, Plan, Saga, StepError, act, refuse};
//! use serde::{Deserialize, Serialize};
//!
//! /// Books a trip, or leaves no trace of it.
//! struct BookTrip;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Trip { traveller: String, fare: u64 }
//! #[derive(Serialize, Deserialize)]
//! struct Flight { number: String }
//!
//! impl Saga for BookTrip {
//!     const NAME: &'static str = "book-trip";
//!     type Input = Trip;
//!
//!     fn plan() -> Plan<Self> {
//!         Plan::begin()
//!             .step("book-flight", act(Self::book_flight).compensate(Self::cancel_flight))
//!             .step("pay", act(Self::pay).pivot())
//!             .end()
//!     }
//! }
//!
//! impl BookTrip {
//!     // `cx.key()` stays the same however often this is tried: the airline books it once.
//!     async fn book_flight(&self, cx: &Cx, trip: &Trip) -> Result<Flight, StepError> {
//!         Ok(Flight { number: format!("{} for {}", cx.key(), trip.traveller) })
//!     }
//!     async fn cancel_flight(&self, _booked: &Flight) -> Result<(), Fault> {
//!         Ok(())
//!     }
//!     async fn pay(&self, trip: &Trip, _booked: &Flight) -> Result<(), StepError> {
//!         match trip.fare {
//!             0..=500 => Ok(()),
//!             _ => Err(refuse("too_dear", "nobody pays as much")),
//!         }
//!     }
//! }
//!
//! let mut story = SagaStory::begin(BookTrip, &Trip { traveller: "Eva".into(), fare: 900 });
//! story.run_methods();
//! assert_eq!(story.told(), "\
//! book-flight  done
//! pay          refused: too_dear: nobody pays as much
//! book-flight  taken back
//! compensated
//! ");
//! ```
//!
//! # Where to go
//!
//! | to … | see |
//! |---|---|
//! | declare events and commands | [`topic!`], [`service!`], [`Event`], [`Command`] |
//! | write a saga that a coordinator drives | [`Saga`], [`Plan`], [`act`], [`ask`], [`tell`], [`hear`] |
//! | answer its commands, or react to events | [`Reactor`], [`Reactions`], [`answer`], [`react`], [`call`] |
//! | check and draw services that react to each other | [`Choreography`] |
//! | keep rows of your own, or a copy of what others know | [`Table`], [`Tx`], [`View`] |
//! | say no, or say that something broke | [`refuse`], [`Fault`], [`StepError`] |
//! | serve all that from a process | `App`, with feature `runtime` |
//! | put it on a disk | `sqlite::Sqlite`, with feature `sqlite` |
//! | put it into a database server | `postgres::Postgres`, with feature `postgres` |
//! | send its messages over Kafka | `kafka::Kafka`, with feature `kafka` |
//! | test it | [`story`], and `memory::World` with feature `memory` |
//!
//! A guide, the guarantees with their tests, and the reasons for all of it stand in `README.md` and
//! `docs/` of the repository.
//!
//! # What it does not do
//!
//! No exactly-once delivery: messages come at least once, and their effects count once. No isolation
//! between runs. No distributed lock. No replay of user code: a plan is data, and a step that is
//! written down as done is not run again.
//!
//! # Features
//!
//! `sqlite` (default): the embedded store and log. `runtime` (with `sqlite`): the engine and `App`.
//! `postgres`: Postgres as the store; `tls`: with TLS.
//! `cli`: the program `ballet`, which migrates schemas.
//! `kafka`: Kafka as the broker; `kafka-ssl`, `kafka-zstd`: with TLS, with zstd.
//! `memory`: a store and a broker that fail apart, for tests. `mistakes`: an engine that does the wrong
//! thing when it is told to, for tests of tests and for nothing else. Without any of them nothing here waits
//! and nothing does I/O.

// Without the engine nobody calls the handlers that the definitions hold.
#![cfg_attr(not(feature = "runtime"), allow(unused_imports, dead_code))]

#[cfg(feature = "runtime")]
mod app;
#[cfg(feature = "runtime")]
pub mod broker;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
#[cfg(feature = "runtime")]
mod coordinator;
pub mod edge;
#[cfg(feature = "runtime")]
pub mod engine;
pub mod error;
pub mod future;
pub mod id;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "memory")]
pub mod memory;
pub mod message;
#[cfg(not(feature = "mistakes"))]
mod mistake;
#[cfg(feature = "mistakes")]
pub mod mistake;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod reactor;
pub mod saga;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
pub mod story;
#[cfg(feature = "runtime")]
mod sync;
pub mod table;
mod text;
pub mod tx;
pub mod view;

#[cfg(feature = "runtime")]
pub use app::{App, Outcome, Position, Requested, Rights, Run, Running, Topology, Traced};
#[cfg(feature = "runtime")]
pub use engine::{Health, Retention, Settings};
pub use error::{Error, ErrorKind, Fault, Refusal, StepError, refuse};
pub use message::{Command, Envelope, Event, Key, Message, Record, Topic, Way};
pub use reactor::{
    And, Call, Choreography, Emit, Reactions, Reactor, Refused, Verdict, after, answer, call, look,
    react,
};
pub use saga::{Cx, Made, Plan, Retry, Saga, Why, act, ask, hear, tell};
pub use table::{Table, TableKey};
pub use text::Text;
pub use tx::Tx;
pub use view::{Sources, Verified, View};

/// README and docs, compiled: every Rust block in them is a test.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[cfg(feature = "postgres")]
    #[doc = include_str!("../../docs/operating/postgres.md")]
    struct PostgresStore;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/start.md")]
    struct Start;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/guide/asking.md")]
    struct Asking;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/guide/events.md")]
    struct Events;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/guide/plans.md")]
    struct Plans;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/guide/reactions.md")]
    struct Reacting;
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../../docs/guide/views.md")]
    struct Views;
    #[doc = include_str!("../../docs/guide/errors.md")]
    struct Errors;
    #[cfg(feature = "memory")]
    #[doc = include_str!("../../docs/guide/testing.md")]
    struct Testing;
    #[cfg(feature = "kafka")]
    #[doc = include_str!("../../docs/operating/kafka.md")]
    struct OnKafka;
    #[doc = include_str!("../../docs/reference/wire.md")]
    struct Wire;
}
