//! An exhaustive check of [`ballet::saga::decide`]: every plan of up to three steps with every head
//! and option, and every plan of four that acts and asks, each in a world where anything may go wrong
//! that can.
//!
//! ```text
//! plans ── shape ──► explore: state ── move of the world ──► decide ──► laws hold? ──► next state
//! ```
//!
//! [`plans`] lists the plans, [`world`] is what surrounds a run, [`node`] is a run in its world and says
//! when two of them are the same, [`explore`] goes breadth first through all of them, and [`laws`],
//! [`answers`] and [`effects`] say what must hold. Beside them, `stories` and `troubles` tell what `decide` does by
//! examples, `found` holds what the check once found, and `proofs` and `proofs_of_effects` show that
//! each law can be broken.

#![allow(unreachable_pub)] // `pub` is what a module shows to its neighbours; there is nobody else.

mod answers;
mod check;
mod effects;
mod explore;
mod found;
mod laws;
mod node;
mod plans;
mod proofs;
mod proofs_of_effects;
mod stories;
mod tale;
mod transcript;
mod troubles;
mod world;

use check::{all_variants, check, compare, one_variant, two_variants};
use explore::Thoroughness;
use plans::Kind;

const EVERY: [Kind; 4] = [Kind::Act, Kind::Ask, Kind::Tell, Kind::Hear];

const EVERYTHING: Thoroughness =
    Thoroughness { apart: true, thorough: true, stale: true, lives: false };

#[test]
fn one_step_whatever_happens() {
    check(&all_variants(1, &EVERY), EVERYTHING);
}

#[test]
fn two_steps_whatever_happens() {
    check(&all_variants(2, &EVERY), EVERYTHING);
}

#[test]
fn three_steps_with_every_head() {
    let how = Thoroughness { stale: true, ..Thoroughness::default() };
    check(&two_variants(3, &EVERY), how);
}

#[test]
fn four_steps_that_act_and_ask() {
    check(&one_variant(4, &[Kind::Act, Kind::Ask]), Thoroughness::default());
}

/// Longer plans are checked with participants that take a command when their answer is delivered. No
/// run can tell.
#[test]
fn a_run_cannot_tell_when_a_participant_took_its_command() {
    compare(&all_variants(1, &EVERY));
    compare(&two_variants(2, &EVERY));
}
