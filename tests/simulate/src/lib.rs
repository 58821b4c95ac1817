//! Simulation: worlds drawn from seeds, played in virtual time, with everything that may go wrong.
//!
//! ```text
//! seed ─► scenario ─► play ─► history ─► checkers ─► outcome
//!
//! scenario  what is played and what goes wrong, as a value      house    the processes of a world
//! cast      who plays                                           net      wires that can be cut, and the trace
//! harms     what goes wrong, done      clients   what is asked  calm     all are well, and come to their end
//! mirror    whether all is quiet       read      the history    plans    the shapes of all plans
//! coverage  what happened how often    dice      from the seed
//! shrink    a finding with less        many      seeds on all cores
//! ```
//!
//! Everything is decided by the seed, in one thread and in virtual time, so the same seed gives the same trace.

mod calm;
mod cast;
mod clients;
mod coverage;
mod dice;
mod harms;
mod house;
mod many;
mod mirror;
mod net;
mod plans;
mod play;
mod read;
mod scenario;
mod shrink;

pub use coverage::{Counts, KINDS_LEAST, SCHEDULES_TO_MEET_ALL, TRANSITIONS, Transition};
pub use many::{Found, Progress, play_many};
pub use play::{Outcome, play};
pub use scenario::{Act, Harm, Kind, Plays, Scenario, Timed, Without};
pub use shrink::shrink;
