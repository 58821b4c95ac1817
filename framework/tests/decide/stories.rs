//! What `decide` does, by examples: what came stands at the left after its time, what was written down
//! for it stands below, and what was done behind an arrow. What led there is not told again. Here nothing breaks and nobody is late;
//! `troubles` has the rest.

use crate::tale::{
    ask, back, cancel, check, check_after, compensated, done, hear, pivot, plan, refused, says_no,
    sometimes, tell_all, wait, within, yes,
};
use ballet::saga::Shape;
use expect_test::expect;

/// The purchase in short.
pub fn purchase() -> Shape {
    plan([
        vec![back(ask("reserve-stock"))],
        vec![back(ask("authorize"))],
        vec![pivot(ask("capture"))],
        vec![ask("dispatch")],
    ])
}

fn side_by_side() -> Shape {
    plan([vec![back(ask("book-hotel")), back(ask("book-flight")), ask("check-visa")]])
}

#[test]
fn a_run_in_which_all_goes_well_completes() {
    check(
        purchase(),
        [done("reserve-stock"), done("authorize"), done("capture"), done("dispatch")],
        expect![[r#"
            0 begin
                begun
                reserve-stock started
                -> ask reserve-stock
            0 reserve-stock says done
                reserve-stock done
                authorize started
                -> ask authorize
            0 authorize says done
                authorize done
                capture started
                -> ask capture
            0 capture says done
                capture done
                dispatch started
                -> ask dispatch
            0 dispatch says done
                dispatch done
                completed
        "#]],
    );
}

#[test]
fn a_refusal_takes_back_what_was_done_in_reverse() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize")],
        [refused("capture"), compensated("authorize"), compensated("reserve-stock")],
        expect![[r#"
            0 capture says no
                capture refused: no
                turned
                authorize compensating
                -> ask to compensate authorize
            0 authorize says compensated
                authorize compensated
                reserve-stock compensating
                -> ask to compensate reserve-stock
            0 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn steps_side_by_side_wait_for_each_other_on_the_way_back() {
    check(
        side_by_side(),
        [
            refused("check-visa"),
            done("book-hotel"),
            done("book-flight"),
            compensated("book-flight"),
            compensated("book-hotel"),
        ],
        expect![[r#"
            0 begin
                begun
                book-hotel started
                book-flight started
                check-visa started
                -> ask book-hotel
                -> ask book-flight
                -> ask check-visa
            0 check-visa says no
                check-visa refused: no
                turned
            0 book-hotel says done
                book-hotel done
            0 book-flight says done
                book-flight done
                book-hotel compensating
                book-flight compensating
                -> ask to compensate book-hotel
                -> ask to compensate book-flight
            0 book-flight says compensated
                book-flight compensated
            0 book-hotel says compensated
                book-hotel compensated
                compensated
        "#]],
    );
}

#[test]
fn a_cancel_before_the_pivot_takes_the_run_back() {
    check_after(
        purchase(),
        [done("reserve-stock")],
        [cancel(), done("authorize"), compensated("authorize"), compensated("reserve-stock")],
        expect![[r#"
            0 cancel
                cancelled by somebody: because
                turned
            0 authorize says done
                authorize done
                authorize compensating
                -> ask to compensate authorize
            0 authorize says compensated
                authorize compensated
                reserve-stock compensating
                -> ask to compensate reserve-stock
            0 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn a_cancel_while_the_pivot_decides_waits_for_its_answer() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize")],
        [cancel(), refused("capture")],
        expect![[r#"
            0 cancel
                cancelled by somebody: because
            0 capture says no
                capture refused: no
                turned
                authorize compensating
                -> ask to compensate authorize
        "#]],
    );
}

#[test]
fn a_cancel_after_the_pivot_is_too_late() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize"), done("capture")],
        [cancel(), done("dispatch")],
        expect![[r#"
            0 cancel
                cancelled by somebody, too late
            0 dispatch says done
                dispatch done
                completed
        "#]],
    );
}

#[test]
fn an_early_signal_is_kept_for_its_step() {
    check(
        plan([vec![ask("assess")], vec![hear("approval")]]),
        [yes("approval"), done("assess")],
        expect![[r#"
            0 begin
                begun
                assess started
                -> ask assess
            0 approval is told yes
                approval signalled early: yes
            0 assess says done
                assess done
                approval started
                approval done
                completed
        "#]],
    );
}

#[test]
fn a_signal_that_does_not_come_is_a_no() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![hear("approval")]]),
        [done("reserve-stock")],
        [wait(), yes("approval"), compensated("reserve-stock")],
        expect![[r#"
            10 wait
                approval refused: timed_out: no signal came in time
                turned
                reserve-stock compensating
                -> ask to compensate reserve-stock
            10 approval is told yes
                approval stray: signal
            10 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn a_signal_may_say_no() {
    check(
        plan([vec![hear("approval")]]),
        [says_no("approval")],
        expect![[r#"
        0 begin
            begun
            approval started
        0 approval is told no
            approval refused: no
            turned
            compensated
    "#]],
    );
}

#[test]
fn a_run_that_takes_too_long_is_taken_back() {
    check_after(
        within(6, purchase()),
        [done("reserve-stock"), wait()],
        [wait(), done("authorize"), compensated("authorize"), compensated("reserve-stock")],
        expect![[r#"
            6 wait
                the run is late
                turned
            6 authorize says done
                authorize done
                authorize compensating
                -> ask to compensate authorize
            6 authorize says compensated
                authorize compensated
                reserve-stock compensating
                -> ask to compensate reserve-stock
            6 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn the_deadline_of_a_run_waits_for_a_pivot_that_decides() {
    check_after(
        within(3, plan([vec![back(ask("authorize"))], vec![pivot(ask("capture"))]])),
        [done("authorize")],
        [wait(), done("capture")],
        expect![[r#"
            3 wait
                the run is late
            3 capture says done
                capture done
                completed
        "#]],
    );
}

#[test]
fn a_step_that_is_not_needed_is_passed_over() {
    let plan = plan([vec![sometimes(ask("check-customs"))], vec![ask("dispatch")]]);
    expect![[r#"
        0 begin
            begun
            check-customs is not needed
            dispatch started
            -> ask dispatch
        0 dispatch says done
            dispatch done
            completed
    "#]]
    .assert_eq(&tell_all(&plan, &["check-customs"], [done("dispatch")]).text);
}
