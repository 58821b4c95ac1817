//! What the check found, each as the shortest story of it.

use crate::node::journal;
use crate::tale::{
    act, ask, back, broke, cancel, check, check_after, compensated, done, hear,
    nothing_to_take_back, operate, pivot, plan, ran, ran_into_no, refused, says_no, sometimes,
    tell_all, wait, yes,
};
use ballet::clock::Time;
use ballet::message::Way;
use ballet::saga::decide::{Progress, State};
use ballet::saga::journal::{Fact, Verb, What};
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
    let plan = plan([vec![back(act("charge"))]]);
    let late = tell_all(&plan, &[], [wait()]);
    assert!(late.node.state.attention.contains_key(&0));
    let settled = tell_all(&plan, &[], [wait(), ran_into_no("charge")]);
    assert!(settled.node.state.attention.is_empty());
}

/// After the pivot a late step that said no, or one that said no again, called nobody, because somebody
/// had been called before.
#[test]
fn every_no_after_the_pivot_calls_a_person() {
    let mut plan = plan([vec![pivot(ask("capture"))], vec![ask("dispatch")]]);
    plan.steps[1].within = Some(Duration::from_micros(3));
    check_after(
        plan,
        [done("capture")],
        [wait(), refused("dispatch")],
        expect![[r#"
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
                compensated
            3 wait
            3 assess says done
        "#]],
    );
}

/// A method that leaves nothing and never answered held the way back up, and called a person for it.
#[test]
fn what_leaves_nothing_holds_up_the_way_back_no_longer_than_its_time() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![act("assess")]]),
        [done("reserve-stock")],
        [wait(), compensated("reserve-stock"), ran("assess")],
        expect![[r#"
            10 wait
                assess unknown, quiet from 11
                turned
                reserve-stock compensating
                -> ask to compensate reserve-stock
            10 reserve-stock says compensated
                reserve-stock compensated
                compensated
            10 assess ran
        "#]],
    );
}

/// A run that was cancelled waited for the answers of steps that leave nothing.
#[test]
fn a_cancel_does_not_wait_for_what_leaves_nothing() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![ask("assess"), act("check-visa")]]),
        [done("reserve-stock")],
        [cancel(), done("assess"), compensated("reserve-stock"), ran("check-visa")],
        expect![[r#"
            0 cancel
                cancelled by somebody: because
                turned
                assess dropped
                check-visa dropped
                reserve-stock compensating
                -> ask to compensate reserve-stock
            0 assess says done
                assess stray: done
            0 reserve-stock says compensated
                reserve-stock compensated
                compensated
            0 check-visa ran
        "#]],
    );
}

/// After a no, what stands beside it is heard, so that whoever is told why hears every reason.
#[test]
fn a_no_waits_for_the_reasons_of_those_beside_it() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![ask("assess"), ask("check-visa")]]),
        [done("reserve-stock")],
        [refused("assess"), refused("check-visa")],
        expect![[r#"
            0 assess says no
                assess refused: no
                turned
            0 check-visa says no
                check-visa refused: no
                reserve-stock compensating
                -> ask to compensate reserve-stock
        "#]],
    );
}

/// "There was nothing" was believed of a step that was known to be done.
#[test]
fn nothing_to_take_back_is_not_believed_of_a_step_that_was_done() {
    check_after(
        plan([vec![back(ask("reserve-stock"))], vec![ask("assess")]]),
        [done("reserve-stock"), refused("assess")],
        [
            nothing_to_take_back("reserve-stock"),
            wait(),
            operate(Verb::MarkCompensated, "reserve-stock"),
        ],
        expect![[r#"
            0 reserve-stock says nothing to compensate
                reserve-stock could not be compensated: it says that there was nothing to take back, and it had been done
                reserve-stock needs attention: it says that there was nothing to take back, and it had been done
            3 wait
                reserve-stock compensating, attempt 2
                -> ask to compensate reserve-stock
            3 reserve-stock gets mark-compensated
                reserve-stock mark-compensated by somebody
                reserve-stock compensated
                compensated
        "#]],
    );
}

/// A signal that names a step that waits for none settled it: nobody knew what had been done of it, and it was
/// never taken back. Found by the simulation.
#[test]
fn a_signal_settles_no_step_that_waits_for_none() {
    check(
        plan([vec![back(act("charge"))], vec![back(ask("reserve-stock"))]]),
        [yes("charge"), says_no("reserve-stock"), ran("charge"), says_no("reserve-stock")],
        expect![[r#"
            0 begin
                begun
                charge started
                -> run charge
            0 charge is told yes
                charge stray: signal
            0 reserve-stock is told no
                reserve-stock stray: signal
            0 charge ran
                charge done
                reserve-stock started
                -> ask reserve-stock
            0 reserve-stock is told no
                reserve-stock stray: signal
        "#]],
    );
}

/// The fault of a later round was written over that of an earlier one: it was lost, and with it that
/// nothing runs any more.
#[test]
fn a_fault_is_counted_within_its_round() {
    let step = 0;
    let compensating = |round, attempts| {
        let last = Time::from_micros(0);
        What::Compensating { step, round, attempts, last }
    };
    let faulted = |times, text: &str| {
        let text = text.to_owned();
        What::Faulted { step, way: Way::Back, times, text }
    };
    let mut journal = journal();
    for what in [
        compensating(0, 1),
        faulted(1, "the door is shut"),
        compensating(0, 2),
        faulted(2, "it is locked"),
        What::Compensated { step, made: false },
        What::Reopened { step },
        compensating(1, 1),
        faulted(1, "the key is lost"),
    ] {
        journal.extend(vec![Fact { at: Time::from_micros(0), what }]);
    }
    let plan = plan([vec![back(act("lock-door"))]]);
    let now = State::fold(&plan, &journal).steps[step];
    assert!(matches!(now, Progress::Compensating { round: 1, faulted: true, .. }), "{now:?}");
    assert_eq!(journal.facts.len(), 6, "{:?}", journal.facts);
}
