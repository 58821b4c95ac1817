//! Who plays: sagas, participants, a choreography, a view, and the world outside.
//!
//! ```text
//! weather   how everybody answers, drawn from the seed     outside   what took effect there, by key
//!
//! drawn     a saga whose plan is drawn at random     participants   who is asked by it
//! plans     the plans: drawn, and built              bank           transfers between accounts, three sagas
//! counter   a choreography with a pivot, a way back, a wait and an outside call
//! notes     numbers that are said, heard in their order, and counted by a view
//! ```

pub mod bank;
pub mod counter;
pub mod drawn;
pub mod notes;
mod outside;
mod participants;
pub mod plans;
mod weather;

pub use participants::{Alpha, Beta, TALLY};
pub use weather::Weather;

/// What is written down and sent.
macro_rules! record {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(#[doc = "Plain data."]
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $(#[doc = "As it is called."] pub $field: $type),* })*
    };
}
use record;
