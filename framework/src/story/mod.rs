//! Stories: runs told as transcripts, and sagas and services tested alone.
//!
//! | to … | see |
//! |---|---|
//! | test a whole saga without a store, in microseconds | [`SagaStory`] |
//! | test a participant or a reactor alone | [`ServiceStory`] |
//! | tell a story once for everything that can go wrong in it | `explore`, with the feature `memory` |
//! | tell what happened to a run | [`tell`] |
//! | tell what was said in a business transaction, and why | [`Heard`] |
//!
//! Transcripts are made from journals and envelopes and from nothing else: what was not written down was
//! not told.

#[cfg(feature = "memory")]
mod explore;
mod saga;
#[cfg(feature = "runtime")]
mod service;
mod transcript;

#[cfg(feature = "memory")]
pub use explore::{Explore, Explored, Fault, Harm, Plot, Scene, explore};
pub use saga::SagaStory;
#[cfg(feature = "runtime")]
pub use service::ServiceStory;
pub use transcript::{Heard, tell};
