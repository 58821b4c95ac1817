//! Goal: whatever happens to a run of [`ballet::saga::decide`], it keeps its promises. It takes effect
//! as a whole or leaves nothing, it never hangs, and an operator can always bring it to an end.
//!
//! Method: an exhaustive check. Every plan of up to three steps with every head and option of a step, and
//! every plan of four that acts and asks, is put into a world where anything may go wrong that can. All
//! that may happen is tried from every state that can be reached, and every turn is held against the laws.
//! What concerns the whole plan (what began it, its deadline, what makes a step unknown) is tried in all
//! eight ways with one and two steps, in two opposite ways with three, and in one with four; which ones
//! changes from plan to plan.
//! The first path to a broken law is a shortest one, and it is told as a story.
//!
//! ```text
//! plans ── shape ──► explore: state ── move of the world ──► decide ──► laws hold? ──► next state
//! ```
//!
//! | in | is |
//! |---|---|
//! | [`plans`], [`world`] | what is tried, and what surrounds a run |
//! | [`node`], [`key`], [`explore`] | a run in its world, when two of them are the same, the search |
//! | [`laws`], [`answers`], [`effects`] | what must hold |
//! | `proofs`, `proofs_of_effects` | that each law can be broken |
//! | `stories`, `troubles`, `verbs` | what `decide` does, by examples |
//! | `corners` | what mutations of the core have shown to be told by none of them |
//! | `found` | what the check and its readers have found, each as the shortest story of it |

#![allow(unreachable_pub)] // `pub` is what a module shows to its neighbours; there is nobody else.

mod answers;
mod check;
mod corners;
mod effects;
mod explore;
mod found;
mod key;
mod laws;
mod node;
mod plans;
mod proofs;
mod proofs_of_effects;
mod stories;
mod tale;
mod transcript;
mod troubles;
mod verbs;
mod world;

use check::{all_variants, check, compare, one_variant, two_variants};
use explore::Thoroughness;
use plans::Kind;

const EVERY: [Kind; 4] = [Kind::Act, Kind::Ask, Kind::Tell, Kind::Hear];

const EVERYTHING: Thoroughness = Thoroughness {
    settled: 1,
    uncalled: true,
    apart: true,
    thorough: true,
    stale: true,
    lives: false,
};

#[test]
fn one_step_whatever_happens() {
    check(&all_variants(1, &EVERY), EVERYTHING);
}

#[test]
fn two_steps_whatever_happens() {
    check(&all_variants(2, &EVERY), Thoroughness { uncalled: false, ..EVERYTHING });
}

#[test]
fn three_steps_with_every_head() {
    let how = Thoroughness { settled: 8, stale: true, ..Thoroughness::default() };
    check(&two_variants(3, &EVERY), how);
}

#[test]
fn four_steps_that_act_and_ask() {
    let how = Thoroughness { settled: 8, ..Thoroughness::default() };
    check(&one_variant(4, &[Kind::Act, Kind::Ask]), how);
}

/// Longer plans are checked with participants that take a command when their answer is delivered. No
/// run can tell.
#[test]
fn a_run_cannot_tell_when_a_participant_took_its_command() {
    compare(&all_variants(1, &EVERY));
    compare(&two_variants(2, &EVERY));
}
