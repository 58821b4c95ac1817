//! What no example told until the core was changed in every small way and nobody noticed: `tests/mutants/run`.

use crate::node::journal;
use crate::stories::purchase;
use crate::tale::{
    act, ask, back, cancel, check_after, compensated, done, hear, nothing_to_take_back, old,
    operate, pivot, plan, ran, refused, says_no, tell_all, wait, yes,
};
use ballet::clock::Time;
use ballet::message::Way;
use ballet::saga::Shape;
use ballet::saga::journal::{Fact, Verb, What};
use expect_test::expect;
use std::time::Duration;

/// A purchase that is shipped when it is paid; nobody is lost if the letter is not written.
fn shipped(is_skippable: bool) -> Shape {
    let mut plan = plan([vec![pivot(ask("capture"))], vec![ask("write-letter")]]);
    plan.steps[1].skippable = is_skippable;
    plan
}

#[test]
fn a_step_after_the_pivot_that_may_be_skipped_is_skipped() {
    check_after(
        shipped(true),
        [done("capture")],
        [operate(Verb::Skip, "write-letter")],
        expect![[r#"
            0 write-letter gets skip
                write-letter skip by somebody
                write-letter done
                completed
        "#]],
    );
    check_after(
        shipped(true),
        [done("capture"), refused("write-letter")],
        [operate(Verb::Skip, "write-letter")],
        expect![[r#"
            0 write-letter gets skip
                write-letter skip by somebody
                write-letter done
                completed
        "#]],
    );
}

#[test]
fn what_must_not_be_skipped_is_not() {
    check_after(
        shipped(false),
        [done("capture")],
        [operate(Verb::Skip, "write-letter")],
        expect![[r#"
            0 write-letter gets skip
                write-letter skip by somebody, in vain
        "#]],
    );
    let mut early = purchase();
    early.steps[0].skippable = true;
    check_after(
        early,
        [],
        [operate(Verb::Skip, "reserve-stock")],
        expect![[r#"
        0 reserve-stock gets skip
            reserve-stock skip by somebody, in vain
    "#]],
    );
}

#[test]
fn a_signal_that_does_not_come_after_the_pivot_calls_a_person_and_is_still_awaited() {
    let mut plan = plan([vec![pivot(ask("capture"))], vec![hear("delivered")]]);
    plan.steps[1].within = Some(Duration::from_micros(7));
    check_after(
        plan,
        [done("capture")],
        [wait(), yes("delivered")],
        expect![[r#"
        7 wait
            delivered unknown, quiet from 7
            delivered needs attention: its signal has not come in time, and is still awaited
        7 delivered is told yes
            delivered done
            completed
    "#]],
    );
}

#[test]
fn of_two_early_signals_the_first_counts() {
    check_after(
        plan([vec![ask("assess")], vec![hear("approval")]]),
        [],
        [yes("approval"), says_no("approval"), done("assess")],
        expect![[r#"
            0 approval is told yes
                approval signalled early: yes
            0 approval is told no
                approval stray: signal
            0 assess says done
                assess done
                approval started
                approval done
                completed
        "#]],
    );
}

#[test]
fn a_no_to_an_earlier_question_does_not_answer_the_later_one() {
    check_after(
        shipped(false),
        [done("capture"), refused("write-letter"), operate(Verb::Retry, "write-letter")],
        [old(refused("write-letter")), done("write-letter")],
        expect![[r#"
            0 write-letter says no (old)
            0 write-letter says done
                write-letter done
                completed
        "#]],
    );
}

/// What is done in the end is what was asked last; what was asked before and is done too is only written down.
#[test]
fn a_yes_to_an_earlier_question_does_not_contradict_the_later_no() {
    check_after(
        shipped(false),
        [
            done("capture"),
            refused("write-letter"),
            operate(Verb::Retry, "write-letter"),
            refused("write-letter"),
        ],
        [old(done("write-letter"))],
        expect![[r#"
            0 write-letter says done (old)
                write-letter stray: done
        "#]],
    );
}

#[test]
fn a_no_that_is_asked_again_needs_nobody_while_it_is() {
    let before = [done("capture"), refused("write-letter")];
    let mut story = tell_all(&shipped(false), &[], before);
    assert!(story.node.state.attention.contains_key(&1));
    story.tell(operate(Verb::Retry, "write-letter"));
    assert!(story.node.state.attention.is_empty());
}

#[test]
fn what_was_not_known_to_be_done_and_was_contradicts_a_run_that_is_over() {
    let plan = || plan([vec![back(ask("reserve-stock"))], vec![back(act("charge"))]]);
    check_after(
        plan(),
        [refused("reserve-stock")],
        [done("reserve-stock"), refused("reserve-stock")],
        expect![[r#"
            0 reserve-stock says done
                -> reserve-stock contradicts the end
            0 reserve-stock says no
        "#]],
    );
    check_after(
        plan(),
        [done("reserve-stock"), cancel(), ran("charge"), wait(), compensated("reserve-stock")],
        [done("reserve-stock")],
        expect![[r#"
            0 reserve-stock says done
        "#]],
    );
}

/// A stray that is no yes leaves no doubt about what it is for: there was nothing to take back.
#[test]
fn a_signal_that_goes_astray_is_no_proof_that_something_was_done() {
    check_after(
        plan([vec![back(ask("reserve-stock"))]]),
        [wait(), wait(), wait()],
        [yes("reserve-stock"), wait(), nothing_to_take_back("reserve-stock")],
        expect![[r#"
            10 reserve-stock is told yes
                reserve-stock stray: signal
            11 wait
                reserve-stock compensating
                -> ask to compensate reserve-stock
            11 reserve-stock says nothing to compensate
                reserve-stock compensated: there was nothing
                compensated
        "#]],
    );
}

/// A participant that has answered calls nobody any more, however late it was.
#[test]
fn what_was_asked_and_is_done_late_is_taken_back_at_once() {
    check_after(
        plan([vec![back(ask("reserve-stock"))]]),
        [wait(), wait(), wait()],
        [done("reserve-stock")],
        expect![[r#"
            10 reserve-stock says done
                reserve-stock done
                reserve-stock compensating
                -> ask to compensate reserve-stock
        "#]],
    );
}

/// A clock that wakes it again and again, while all it waits for is an answer, would not let it sleep.
#[test]
fn what_waits_for_a_sibling_wakes_for_no_clock() {
    for (late, comes) in
        [(back(ask("reserve-stock")), None), (back(act("charge")), Some(ran("charge")))]
    {
        let mut plan = plan([vec![late, ask("assess")]]);
        plan.steps[1].within = None;
        let mut story = tell_all(&plan, &[], [wait(), wait(), wait()]);
        comes.into_iter().for_each(|comes| story.tell(comes));
        while story.node.now.micros() < 40 {
            let now = story.node.now;
            story.tell(wait());
            assert!(story.node.wake > Some(now), "{}", story.text);
        }
    }
}

/// What only counts another attempt stands in the place of the fact that it repeats; no other fault does.
#[test]
fn a_fault_is_counted_for_its_own_step_and_way_alone() {
    let fault = |step, way, times| {
        let what = What::Faulted { step, way, times, text: "broken".to_owned() };
        Fact { at: Time::default(), what }
    };
    let mut told = journal();
    told.extend(vec![
        fault(0, Way::Forward, 1),
        fault(1, Way::Forward, 1),
        fault(0, Way::Back, 1),
        fault(1, Way::Forward, 2),
    ]);
    assert_eq!(told.facts.len(), 3, "{:?}", told.facts);
}
