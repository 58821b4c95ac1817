//! What `decide` does when something breaks, stays unknown or cannot be done, by examples; to be read as
//! `stories` are.

use crate::stories::purchase;
use crate::tale::{
    act, ask, back, broke, broke_back, cancel, check, check_after, compensated, done,
    nothing_to_take_back, old, operate, pivot, plan, ran, ran_back, refused, sleep_until, tell,
    wait,
};
use ballet::saga::journal::Verb;
use expect_test::expect;

#[test]
fn a_command_is_sent_again_and_an_old_answer_is_as_good_as_a_new_one() {
    check(
        plan([vec![back(ask("reserve-stock"))], vec![tell("note-reserved")]]),
        [wait(), done("reserve-stock"), done("reserve-stock")],
        expect![[r#"
            0 begin
                begun
                reserve-stock started
                -> ask reserve-stock
            4 wait
                reserve-stock started, attempt 2
                -> ask reserve-stock
            4 reserve-stock says done
                reserve-stock done
                note-reserved started
                note-reserved done
                completed
                -> ask note-reserved
            4 reserve-stock says done
        "#]],
    );
}

#[test]
fn an_asked_step_that_stays_unknown_is_taken_back_after_the_margin() {
    check(
        purchase(),
        [
            wait(),
            wait(),
            wait(),
            wait(),
            nothing_to_take_back("reserve-stock"),
            refused("reserve-stock"),
        ],
        expect![[r#"
            0 begin
                begun
                reserve-stock started
                -> ask reserve-stock
            4 wait
                reserve-stock started, attempt 2
                -> ask reserve-stock
            8 wait
                reserve-stock started, attempt 3
                -> ask reserve-stock
            10 wait
                reserve-stock unknown, quiet from 11
                turned
            11 wait
                reserve-stock compensating
                -> ask to compensate reserve-stock
            11 reserve-stock says nothing to compensate
                reserve-stock compensated: there was nothing
                compensated
            11 reserve-stock says no
        "#]],
    );
}

#[test]
fn an_acted_step_that_stays_unknown_is_run_again_until_it_answers() {
    check(
        plan([vec![back(act("charge"))], vec![pivot(ask("capture"))]]),
        [
            sleep_until(9),
            broke("charge"),
            wait(),
            wait(),
            broke("charge"),
            wait(),
            ran("charge"),
            ran_back("charge"),
        ],
        expect![[r#"
            0 begin
                begun
                charge started
                -> run charge
            9 sleep
            9 charge broke
                charge faulted: broken
            9 wait
                charge started, attempt 2
                -> run charge
            10 wait
                charge unknown, quiet from 11
                charge needs attention: it has not answered in time, and is asked until it does
                turned
            10 charge broke
                charge faulted: broken
            11 wait
                charge started, attempt 3
                -> run charge
            11 charge ran
                charge done
                charge compensating
                -> run the compensation of charge
            11 charge ran back
                charge compensated
                compensated
        "#]],
    );
}

#[test]
fn a_pivot_that_stays_unknown_is_asked_until_it_answers() {
    check_after(
        plan([vec![back(ask("authorize"))], vec![pivot(ask("capture"))]]),
        [done("authorize")],
        [wait(), wait(), wait(), cancel(), wait(), done("capture")],
        expect![[r#"
            4 wait
                capture started, attempt 2
                -> ask capture
            8 wait
                capture started, attempt 3
                -> ask capture
            10 wait
                capture unknown, quiet from 11
                capture needs attention: it has not answered in time, and is asked until it does
            10 cancel
                cancelled by somebody: because
            12 wait
                capture started, attempt 4
                -> ask capture
            12 capture says done
                capture done
                completed
        "#]],
    );
}

#[test]
fn a_late_success_after_nothing_to_take_back_opens_the_step_again() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![back(ask("authorize"))]]),
        [done("reserve-stock"), cancel()],
        [
            sleep_until(30),
            wait(),
            wait(),
            nothing_to_take_back("authorize"),
            done("authorize"),
            old(nothing_to_take_back("authorize")),
            compensated("authorize"),
            compensated("reserve-stock"),
        ],
        expect![[r#"
            30 sleep
                authorize unknown, quiet from 11
                authorize compensating
                -> ask to compensate authorize
            33 wait
                authorize compensating, attempt 2
                -> ask to compensate authorize
            36 wait
                authorize needs attention: it could not be taken back yet, and is still tried
                authorize compensating, attempt 3
                -> ask to compensate authorize
            36 authorize says nothing to compensate
                authorize compensated: there was nothing
                reserve-stock compensating
                -> ask to compensate reserve-stock
            36 authorize says done
                authorize reopened
                authorize done
                authorize needs attention: it was done after it had been answered that it was not
                authorize compensating, attempt 1 of round 1
                -> ask to compensate authorize
            36 authorize says nothing to compensate (old)
            36 authorize says compensated
                authorize compensated
            36 reserve-stock says compensated
                reserve-stock compensated
                compensated
        "#]],
    );
}

#[test]
fn a_no_after_the_pivot_needs_a_person() {
    check_after(
        plan([vec![pivot(ask("capture"))], vec![ask("dispatch")]]),
        [done("capture")],
        [
            refused("dispatch"),
            operate(Verb::Retry, "dispatch"),
            refused("dispatch"),
            operate(Verb::Retry, "dispatch"),
            done("dispatch"),
        ],
        expect![[r#"
            0 dispatch says no
                dispatch refused: no
                dispatch needs attention: it was refused after the pivot: no
            0 dispatch gets retry
                dispatch retry by somebody
                dispatch started, attempt 1 of round 1
                -> ask dispatch
            0 dispatch says no
                dispatch refused: no
                dispatch needs attention: it was refused after the pivot: no
            0 dispatch gets retry
                dispatch retry by somebody
                dispatch started, attempt 1 of round 2
                -> ask dispatch
            0 dispatch says done
                dispatch done
                completed
        "#]],
    );
}

#[test]
fn a_compensation_that_fails_needs_a_person_and_is_still_tried() {
    check_after(
        plan([vec![back(act("charge"))], vec![ask("dispatch")]]),
        [ran("charge"), refused("dispatch")],
        [broke_back("charge"), wait(), broke_back("charge"), wait(), ran_back("charge")],
        expect![[r#"
            0 charge broke on the way back
                charge could not be compensated: broken
            3 wait
                charge compensating, attempt 2
                -> run the compensation of charge
            3 charge broke on the way back
                charge could not be compensated: broken
                charge needs attention: it cannot be taken back: broken
            6 wait
                charge compensating, attempt 3
                -> run the compensation of charge
            6 charge ran back
                charge compensated
                compensated
        "#]],
    );
}

#[test]
fn an_answer_to_what_was_never_asked_is_written_down_once() {
    check_after(
        purchase(),
        [],
        [done("authorize"), done("authorize"), done("reserve-stock")],
        expect![[r#"
            0 authorize says done
                authorize stray: done
            0 authorize says done
            0 reserve-stock says done
                reserve-stock done
                authorize started
                -> ask authorize
        "#]],
    );
}

#[test]
fn a_yes_to_an_earlier_question_does_not_answer_the_later_one() {
    check_after(
        plan([vec![pivot(ask("capture"))], vec![ask("dispatch")]]),
        [done("capture"), refused("dispatch"), operate(Verb::Retry, "dispatch")],
        [old(done("dispatch")), done("dispatch")],
        expect![[r#"
            0 dispatch says done (old)
                dispatch stray: done
            0 dispatch says done
                dispatch done
                completed
        "#]],
    );
}
