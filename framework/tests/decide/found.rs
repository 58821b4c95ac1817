//! What the check found, each as the shortest story of it.

use crate::tale::{
    act, ask, back, broke, check, done, hear, operate, pivot, plan, ran, ran_into_no, refused,
    says_no, sometimes, tell_all, wait,
};
use ballet::saga::journal::Verb;
use ballet::saga::{Retry, Shape};
use expect_test::expect;
use std::time::Duration;

fn two_attempts(mut plan: Shape) -> Shape {
    plan.steps[0].retry = Retry::every(Duration::from_micros(1)).at_most(2);
    plan
}

/// Attempts are counted in place, so the fault of the first attempt stood after the second, and the
/// run took what was running for broken: it would have run it beside itself.
#[test]
fn what_runs_again_is_not_taken_for_broken() {
    check(
        plan([vec![back(act("charge"))]]),
        [broke("charge"), wait(), operate(Verb::Retry, "charge")],
        expect![[r#"
            0 begin
                begun
                charge started
                -> run charge
            0 charge broke
                charge faulted: broken
            2 wait
                charge started, attempt 2
                -> run charge
            2 charge gets retry
                charge retry by somebody, in vain
        "#]],
    );
}

/// With its attempts spent a step was taken back after the margin alone, while a participant might
/// have worked on it until its time was up.
#[test]
fn few_attempts_do_not_shorten_the_time_after_which_the_unknown_is_taken_back() {
    check(
        two_attempts(plan([vec![back(ask("reserve-stock"))]])),
        [wait(), wait(), wait()],
        expect![[r#"
            0 begin
                begun
                reserve-stock started
                -> ask reserve-stock
            1 wait
                reserve-stock started, attempt 2
                -> ask reserve-stock
            3 wait
                reserve-stock unknown, quiet from 11
                turned
            11 wait
                reserve-stock compensating
                -> ask to compensate reserve-stock
        "#]],
    );
}

/// A method whose time was up was taken back as soon as it answered, while an earlier runner of it
/// might still have been calling.
#[test]
fn a_method_that_answers_too_late_is_taken_back_after_the_margin() {
    check(
        plan([vec![back(act("charge"))]]),
        [wait(), ran("charge"), wait()],
        expect![[r#"
            0 begin
                begun
                charge started
                -> run charge
            10 wait
                charge unknown, quiet from 11
                charge needs attention: it has not answered in time, and is asked until it does
                turned
            10 charge ran
                charge done
            11 wait
                charge compensating
                -> run the compensation of charge
        "#]],
    );
}

/// Whether a step is needed was asked without what had been made by the very message that led there.
#[test]
fn whether_a_step_is_needed_may_depend_on_the_answer_that_just_came() {
    let plan = plan([vec![ask("assess")], vec![sometimes(ask("check-customs"))]]);
    assert_eq!(tell_all(&plan, &[], [done("assess")]).last.asked, [(1, vec![0])]);
}

/// A step that was late and then said no stayed on the list of those who need a person.
#[test]
fn a_late_no_needs_nobody_any_more() {
    let late = tell_all(&plan([vec![act("charge")]]), &[], [wait()]);
    assert!(late.node.state.attention.contains_key(&0));
    let settled = tell_all(&plan([vec![act("charge")]]), &[], [wait(), ran_into_no("charge")]);
    assert!(settled.node.state.attention.is_empty());
}

/// After the pivot a late step that said no, or one that said no again, called nobody, because somebody
/// had been called before.
#[test]
fn every_no_after_the_pivot_calls_a_person() {
    let mut plan = plan([vec![pivot(ask("capture"))], vec![ask("dispatch")]]);
    plan.steps[1].within = Some(Duration::from_micros(3));
    check(
        plan,
        [done("capture"), wait(), refused("dispatch")],
        expect![[r#"
            0 begin
                begun
                capture started
                -> ask capture
            0 capture says done
                capture done
                dispatch started
                -> ask dispatch
            3 wait
                dispatch unknown, quiet from 4
                dispatch needs attention: it has not answered in time, and is asked until it does
            3 dispatch says no
                dispatch refused: no
                dispatch needs attention: it was refused after the pivot: no
        "#]],
    );
}

/// Retry sent a command for a step that has none.
#[test]
fn nobody_can_be_asked_for_a_signal() {
    check(
        plan([vec![hear("approval")]]),
        [operate(Verb::Retry, "approval")],
        expect![[r#"
        0 begin
            begun
            approval started
        0 approval gets retry
            approval retry by somebody, in vain
    "#]],
    );
}

/// An early no was heard while its group was begun, and the rest of the group was begun all the same.
#[test]
fn nothing_is_begun_beside_an_early_no() {
    check(
        plan([vec![ask("assess")], vec![hear("approval"), ask("reserve-stock")]]),
        [says_no("approval"), done("assess")],
        expect![[r#"
            0 begin
                begun
                assess started
                -> ask assess
            0 approval is told no
                approval signalled early: no
            0 assess says done
                assess done
                approval started
                approval refused: no
                turned
                compensated
        "#]],
    );
}

/// A step that leaves nothing may stay unknown to the end; that it was done is no contradiction.
#[test]
fn a_late_yes_to_what_leaves_nothing_alarms_nobody() {
    check(
        two_attempts(plan([vec![ask("assess")]])),
        [wait(), wait(), wait(), done("assess")],
        expect![[r#"
            0 begin
                begun
                assess started
                -> ask assess
            1 wait
                assess started, attempt 2
                -> ask assess
            3 wait
                assess unknown, quiet from 11
                turned
            11 wait
                compensated
            11 assess says done
        "#]],
    );
}
