//! Two faults: each that is possible, and then each other in the recovery from it. All pairs of two stories, and
//! a thousand of each of the others; `tests/explore --pairs` tells all of these too.

use crate::crashes::{PAIRS, progress, small, told};
use ballet::story::{Explore, Explored, Scene};
use std::fmt::Debug;

/// How many faults, and of what may follow each, are drawn of a story that is not told with all pairs.
const DRAWN: usize = 1_000;

/// Every pair.
fn in_pairs<E>(name: &str, play: impl AsyncFn(Scene) -> E + Sync)
where
    E: PartialEq + Debug + Send + Sync,
{
    let explored = tell(name, Explore::story(name), play);
    assert!(explored.pairs > explored.singles, "`{name}` has no second faults: {explored}");
}

/// Some pairs, unless all are wanted.
fn in_some_pairs<E>(name: &str, play: impl AsyncFn(Scene) -> E + Sync)
where
    E: PartialEq + Debug + Send + Sync,
{
    let story = Explore::story(name);
    let story = if std::env::var_os(PAIRS).is_some() { story } else { story.sample(DRAWN, 1) };
    tell(name, story, play);
}

fn tell<E>(name: &str, story: Explore, play: impl AsyncFn(Scene) -> E + Sync) -> Explored
where
    E: PartialEq + Debug + Send + Sync,
{
    let explored = story.pairs().progress(progress).play(play);
    assert!(explored.pairs > 0, "`{name}` has no second faults: {explored}");
    told(name, explored, 20);
    explored
}

#[test]
fn a_saga_that_is_compensated_outlives_any_two_faults() {
    in_pairs("not_bought", small::not_bought);
}

#[test]
fn a_choreography_that_is_compensated_outlives_any_two_faults() {
    in_pairs("not_danced", small::not_danced);
}

#[test]
fn a_saga_that_completes_outlives_any_two_faults() {
    in_some_pairs("bought", small::bought);
}

#[test]
fn a_choreography_that_completes_outlives_any_two_faults() {
    in_some_pairs("danced", small::danced);
}

#[test]
fn a_saga_of_methods_that_completes_outlives_any_two_faults() {
    in_some_pairs("trip", small::trip);
}

#[test]
fn a_saga_of_methods_that_is_compensated_outlives_any_two_faults() {
    in_some_pairs("no_trip", small::no_trip);
}

#[test]
fn a_saga_that_is_cancelled_after_a_call_outlives_any_two_faults() {
    in_some_pairs("card", small::card);
}

#[test]
fn a_choreography_whose_pivot_is_a_call_outlives_any_two_faults() {
    in_some_pairs("counter", small::counter);
}
