//! What can be said of the choreography before anything runs.

use crate::choreography;
use expect_test::expect;

#[test]
fn the_choreography_is_whole() {
    choreography().check().unwrap();
}

#[test]
fn every_reactor_says_what_it_hears_and_what_it_says() {
    expect![[r#""#]].assert_eq(&choreography().table());
}

#[test]
fn the_choreography_is_drawn() {
    expect![[r#""#]].assert_eq(&choreography().draw());
}
