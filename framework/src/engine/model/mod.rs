//! Models of what several processes do to each other, checked exhaustively at small bounds.
//!
//! A model holds what the world can do (die, overtake, lose, repeat, answer nothing) and leaves what the
//! framework does to the framework: the engine's own code sorts, decides, numbers and writes, and the rows
//! are those of the store in memory. So a model cannot drift from what it is a model of.
//!
//! | in | is |
//! |---|---|
//! | [`stage`] | a batch of a lane in one go, between its compare-and-set and its commit |
//! | [`check`] | how a model is checked |
//! | [`lane`], [`lane_acts`] | the lane protocol: what there is, and what a process and the world can do |
//! | [`lane_laws`] | what must hold of it, and that each law can be broken |
//! | [`barrier`], [`barrier_tables`] | commands that call the outside, their compensations, and who dies meanwhile |
//! | [`barrier_laws`] | what must hold of them, and that each law can be broken |

#![cfg(test)]

mod barrier;
mod barrier_laws;
mod barrier_tables;
mod check;
mod lane;
mod lane_acts;
mod lane_laws;
mod stage;
