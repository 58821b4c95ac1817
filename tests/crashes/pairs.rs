//! Two faults: each that is possible, and then each other in the recovery from it.

use crate::crashes::{progress, small, told};
use ballet::story::{Explore, Scene};
use std::fmt::Debug;

fn in_pairs<E>(name: &str, play: impl AsyncFn(Scene) -> E + Sync)
where
    E: PartialEq + Debug + Send + Sync,
{
    let explored = Explore::story(name).pairs().progress(progress).play(play);
    assert!(explored.pairs > explored.singles, "`{name}` has no second faults: {explored}");
    told(name, explored, 20);
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
    in_pairs("bought", small::bought);
}

#[test]
fn a_choreography_that_completes_outlives_any_two_faults() {
    in_pairs("danced", small::danced);
}

#[test]
fn a_saga_of_methods_that_completes_outlives_any_two_faults() {
    in_pairs("trip", small::trip);
}

#[test]
fn a_saga_of_methods_that_is_compensated_outlives_any_two_faults() {
    in_pairs("no_trip", small::no_trip);
}

#[test]
fn a_saga_that_is_cancelled_after_a_call_outlives_any_two_faults() {
    in_pairs("card", small::card);
}

#[test]
fn a_choreography_whose_pivot_is_a_call_outlives_any_two_faults() {
    in_pairs("counter", small::counter);
}
