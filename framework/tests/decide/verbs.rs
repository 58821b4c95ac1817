//! What an operator may do to a run, by examples; to be read as `stories` are. That the verbs alone bring
//! every run to an end is a law of the check.

use crate::node::nothing;
use crate::stories::purchase;
use crate::tale::{
    act, ask, back, broke, cancel, check_after, compensated, done, hear, nothing_to_take_back,
    operate, pivot, plan, ran, ran_back, refused, wait,
};
use ballet::saga::Shape;
use ballet::saga::journal::Verb;
use expect_test::expect;

/// A method that charges, and one before it that can be taken back.
fn charging() -> Shape {
    plan([vec![back(ask("reserve-stock"))], vec![back(act("charge"))], vec![ask("dispatch")]])
}

fn force() -> Verb {
    Verb::Force(nothing())
}

#[test]
fn a_method_that_never_answers_may_be_forced_and_is_then_taken_back() {
    check_after(
        charging(),
        [done("reserve-stock"), wait()],
        [operate(force(), "charge"), wait(), ran_back("charge"), compensated("reserve-stock")],
        expect![[r#"
            10 charge gets force
                charge force by somebody
                charge done
            11 wait
                charge compensating
                -> run the compensation of charge
            11 charge ran back
                charge compensated
                reserve-stock compensating
                -> ask to compensate reserve-stock
            11 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn a_method_that_never_answers_may_be_marked_as_not_done() {
    check_after(
        charging(),
        [done("reserve-stock"), wait()],
        [operate(Verb::MarkNotDone, "charge"), compensated("reserve-stock")],
        expect![[r#"
            10 charge gets mark-not-done
                charge mark-not-done by somebody
                charge refused: not_done: by somebody: because
                reserve-stock compensating
                -> ask to compensate reserve-stock
            10 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn what_was_marked_as_not_done_and_was_done_is_taken_back_and_calls_a_person() {
    check_after(
        charging(),
        [done("reserve-stock"), wait(), operate(Verb::MarkNotDone, "charge")],
        [ran("charge"), wait(), ran_back("charge"), compensated("reserve-stock")],
        expect![[r#"
            10 charge ran
                charge reopened
                charge done
                charge needs attention: it was done after it had been refused
            11 wait
                charge compensating
                -> run the compensation of charge
            11 charge ran back
                charge compensated
            11 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn what_was_marked_as_not_done_and_was_done_contradicts_a_run_that_is_over() {
    check_after(
        charging(),
        [
            done("reserve-stock"),
            wait(),
            operate(Verb::MarkNotDone, "charge"),
            compensated("reserve-stock"),
        ],
        [ran("charge")],
        expect![[r#"
            10 charge ran
                -> charge contradicts the end
        "#]],
    );
}

#[test]
fn a_step_in_flight_that_was_taken_back_by_hand_turns_its_run() {
    check_after(
        charging(),
        [done("reserve-stock"), broke("charge")],
        [operate(Verb::MarkCompensated, "charge"), ran("charge"), compensated("reserve-stock")],
        expect![[r#"
            0 charge gets mark-compensated
                charge mark-compensated by somebody
                charge compensated
                turned
                reserve-stock compensating
                -> ask to compensate reserve-stock
            0 charge ran
                charge stray: done
            0 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn a_pivot_that_never_answers_may_be_forced() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize"), cancel(), wait(), wait(), wait()],
        [operate(force(), "capture"), done("dispatch")],
        expect![[r#"
            10 capture gets force
                capture force by somebody
                capture done
                dispatch started
                -> ask dispatch
            10 dispatch says done
                dispatch done
                completed
        "#]],
    );
}

#[test]
fn a_pivot_that_never_answers_may_be_marked_as_not_done() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize")],
        [operate(Verb::MarkNotDone, "capture"), done("capture")],
        expect![[r#"
            0 capture gets mark-not-done
                capture mark-not-done by somebody
                capture refused: not_done: by somebody: because
                turned
                authorize compensating
                -> ask to compensate authorize
            0 capture says done
                capture stray: done
                capture needs attention: it was done after it had been refused
        "#]],
    );
}

#[test]
fn a_signal_may_be_given_or_denied_by_hand() {
    let plan = || plan([vec![hear("approval")], vec![pivot(ask("capture"))]]);
    check_after(
        plan(),
        [],
        [operate(force(), "approval")],
        expect![[r#"
        0 approval gets force
            approval force by somebody
            approval done
            capture started
            -> ask capture
    "#]],
    );
    check_after(
        plan(),
        [],
        [operate(Verb::MarkNotDone, "approval")],
        expect![[r#"
        0 approval gets mark-not-done
            approval mark-not-done by somebody
            approval refused: not_done: by somebody: because
            turned
            compensated
    "#]],
    );
}

#[test]
fn after_the_pivot_nothing_is_marked_for_there_is_no_way_back() {
    check_after(
        purchase(),
        [done("reserve-stock"), done("authorize"), done("capture"), refused("dispatch")],
        [
            operate(Verb::MarkNotDone, "dispatch"),
            operate(Verb::MarkCompensated, "dispatch"),
            operate(force(), "dispatch"),
        ],
        expect![[r#"
            0 dispatch gets mark-not-done
                dispatch mark-not-done by somebody, in vain
            0 dispatch gets mark-compensated
                dispatch mark-compensated by somebody, in vain
            0 dispatch gets force
                dispatch force by somebody
                dispatch done
                completed
        "#]],
    );
}

#[test]
fn what_was_taken_back_by_hand_holds_up_nothing() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![back(ask("authorize"))]]),
        [done("reserve-stock"), refused("authorize")],
        [operate(Verb::MarkCompensated, "reserve-stock"), compensated("reserve-stock")],
        expect![[r#"
            0 reserve-stock gets mark-compensated
                reserve-stock mark-compensated by somebody
                reserve-stock compensated
                compensated
            0 reserve-stock says compensated
        "#]],
    );
}

/// The participant has nothing to take back, for it has done nothing.
#[test]
fn what_was_forced_by_hand_is_taken_back_by_hand() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![ask("assess")]]),
        [operate(force(), "reserve-stock"), refused("assess")],
        [nothing_to_take_back("reserve-stock"), operate(Verb::MarkCompensated, "reserve-stock")],
        expect![[r#"
            0 reserve-stock says nothing to compensate
                reserve-stock could not be compensated: it says that there was nothing to take back, and it had been done
                reserve-stock needs attention: it says that there was nothing to take back, and it had been done
            0 reserve-stock gets mark-compensated
                reserve-stock mark-compensated by somebody
                reserve-stock compensated
                compensated
        "#]],
    );
}
