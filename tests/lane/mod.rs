//! The lane, on the split pair in memory: a two-step saga and a two-reactor choreography, under kills.
//!
//! Goal: whatever dies and whenever, each purchase takes effect once or not at all. Method: a node dies at
//! a chosen point, another takes its lanes, and the tables are read at the end.

mod again;
pub mod bank;
mod bounded;
mod careful;
mod dance;
mod echo;
mod fairness;
mod fencing;
mod handed;
mod happy;
mod large;
mod moody;
mod orderly;
mod outside;
mod parking;
mod precommit;
mod rebuild;
mod refused;
mod requests;
mod retention;
mod rounds;
mod rules;
pub mod shop;
mod spoiled;
mod timing;
mod verbs;
mod versions;
mod views;
mod waiting;
mod wild;
