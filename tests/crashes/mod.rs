//! Every crash point: a story is told once for each thing that can go wrong in it.
//!
//! Goal: whatever process dies, fails or is replaced at whatever moment, the story comes to the end that it
//! comes to undisturbed. Method: `ballet::story::explore` counts the points and tells the story for each.
//!
//! ```text
//! small      stories of the engine      purchases  stories of the shop with one buyer
//! pairs      and with two faults        crowds     and with many, of which some are told
//! wrong      stories that are wrong, and must be found
//! ```
//!
//! Second faults in the recovery from the first are tried for two small stories, and some for the others;
//! `tests/explore --pairs` tries all of the small stories, and draws some for those of the shop.

mod crowds;
mod pairs;
mod purchases;
mod small;
mod wrong;

use ballet::story::{Explore, Explored, Scene};
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

/// If pairs are wanted: how many faults, and of what may follow each, are drawn of the stories of the shop.
const PAIRS: &str = "BALLET_TESTS_PAIRS";

/// What was explored, for whoever reads it, and that it was not nothing.
fn told(name: &str, explored: Explored, least: usize) {
    println!("{name}: {explored}");
    assert!(explored.points >= least, "`{name}` has lost its points: {explored}");
}

/// Says every so often how far it is: this takes minutes.
fn progress(name: &str, done: usize, all: usize) {
    static SAID: AtomicUsize = AtomicUsize::new(usize::MAX);
    let percent = done * 100 / all.max(1);
    if percent.is_multiple_of(5) && SAID.swap(percent, Ordering::Relaxed) != percent {
        eprintln!("{name}: {percent:>3} % of {all}");
    }
}

/// Tells a story with every single fault.
fn singly<E>(name: &str, play: impl AsyncFn(Scene) -> E + Sync)
where
    E: PartialEq + Debug + Send + Sync,
{
    told(name, Explore::story(name).play(play), 20);
}

macro_rules! singly {
    ($($story:ident)+) => {
        $(#[test]
        fn $story() {
            singly(stringify!($story), small::$story);
        })+
    };
}

singly! { bought not_bought danced not_danced trip no_trip card counter }
