//! Each law of a turn can be broken: it is held against a turn that is right, and against the same turn
//! spoiled by hand.

use crate::answers;
use crate::explore::by_verbs_alone;
use crate::laws::{self, TurnLaw};
use crate::node::{Node, Turn, no, nothing};
use crate::plans::{Kind, Line, Sketch, Timing};
use crate::world::{Truth, World};
use ballet::clock::Time;
use ballet::message::{Reply, Way};
use ballet::saga::decide::{Effect, Input, Progress};
use ballet::saga::journal::{End, Fact, Signal, Verb, What};
use ballet::saga::{Back, Head, Shape};
use std::sync::Arc;

const FIRST: usize = 0;
const PIVOT: usize = 1;
const AFTER: usize = 2;

/// `ask+ | act! | ask`, with a deadline.
pub fn plan() -> Shape {
    let line = |kind, compensable, pivot| vec![Line { kind, compensable, pivot }];
    let groups = vec![
        line(Kind::Ask, true, false),
        line(Kind::Act, false, true),
        line(Kind::Ask, false, false),
    ];
    Sketch { begun: false, deadline: true, timing: Timing::AttemptsSpent, groups }.shape()
}

/// The turn in which the first step is begun.
pub fn first_turn() -> Turn {
    let shape = plan();
    let mut node = Node::new(&shape, World::new(&shape, &[], false));
    node.tell_twice(&shape, Input::Begin).expect("it begins")
}

fn fact(what: What) -> Fact {
    Fact { at: Time::from_micros(1_000), what }
}

#[track_caller]
fn breaks(law: TurnLaw, spoil: impl FnOnce(&mut Turn)) {
    let (shape, mut turn) = (plan(), first_turn());
    assert_eq!(law(&shape, &turn), None, "the turn is right");
    spoil(&mut turn);
    assert!(law(&shape, &turn).is_some(), "the turn is spoiled");
}

/// Adds the end to a turn, as a decision does.
fn end(turn: &mut Turn, end: End) {
    turn.decision.facts.push(fact(What::Ended(end)));
    turn.decision.effects.push(Effect::End(end));
    turn.decision.wake = None;
    Arc::make_mut(&mut turn.kept).ended = Some(end);
}

#[test]
fn a_second_end_is_seen() {
    breaks(laws::it_ends_once, |turn| {
        end(turn, End::Completed);
        end(turn, End::Completed);
    });
}

#[test]
fn a_fact_after_the_end_is_seen() {
    breaks(laws::it_ends_once, |turn| {
        Arc::make_mut(&mut turn.before).ended = Some(End::Completed);
    });
}

#[test]
fn a_completed_run_with_a_step_undone_is_seen() {
    breaks(laws::completed_means_done, |turn| {
        turn.world.sites[FIRST].truth = Truth::Done;
        turn.world.sites[PIVOT].truth = Truth::Done;
        end(turn, End::Completed);
    });
}

#[test]
fn an_effect_that_outlives_its_run_is_seen() {
    breaks(laws::compensated_means_nothing_is_left, |turn| {
        turn.world.sites[FIRST].truth = Truth::Done;
        end(turn, End::Compensated);
    });
}

#[test]
fn a_door_left_open_is_seen() {
    breaks(laws::compensated_means_nothing_is_left, |turn| {
        turn.world.sites[FIRST].forward = Some(0);
        end(turn, End::Compensated);
    });
}

#[test]
fn a_runner_that_outlives_its_run_is_seen() {
    breaks(laws::compensated_means_nothing_is_left, |turn| {
        turn.world.sites[PIVOT].running = Some(Way::Forward);
        end(turn, End::Compensated);
    });
}

#[test]
fn a_turn_without_a_reason_is_seen() {
    breaks(laws::it_turns_for_a_reason, |turn| turn.decision.facts.push(fact(What::Turned)));
}

#[test]
fn a_turn_while_the_pivot_decides_is_seen() {
    breaks(laws::it_turns_for_a_reason, |turn| {
        turn.world.cancelled = true;
        turn.world.sites[PIVOT].forward = Some(0);
        turn.decision.facts.push(fact(What::Turned));
    });
}

#[test]
fn a_step_begun_after_the_turn_is_seen() {
    breaks(laws::nothing_new_is_begun_after_the_turn, |turn| {
        turn.decision.facts.insert(0, fact(What::Turned));
    });
}

#[test]
fn a_step_begun_after_a_refusal_is_seen() {
    breaks(laws::a_refusal_is_heeded_at_once, |turn| {
        turn.decision.facts.insert(0, fact(What::Refused { step: FIRST, refusal: no() }));
    });
}

#[test]
fn a_step_that_is_late_too_early_is_seen() {
    breaks(laws::time_is_up_when_it_is_up, |turn| {
        turn.decision.facts.push(fact(What::Unknown { step: FIRST, ready: turn.now }));
    });
}

#[test]
fn a_run_that_is_late_too_early_is_seen() {
    breaks(laws::time_is_up_when_it_is_up, |turn| turn.decision.facts.push(fact(What::Late)));
}

#[test]
fn a_command_that_nobody_would_send_again_is_seen() {
    breaks(laws::a_step_is_never_forgotten, |turn| turn.decision.wake = None);
}

#[test]
fn a_run_that_waits_for_nothing_is_seen() {
    breaks(laws::a_step_is_never_forgotten, |turn| {
        turn.decision.wake = None;
        Arc::make_mut(&mut turn.kept).steps[FIRST] = Progress::Done;
    });
}

#[test]
fn a_run_that_wakes_for_nothing_is_seen() {
    breaks(laws::time_does_not_stand_still, |turn| {
        turn.input = Input::Tick;
        turn.wake = Some(turn.now);
        turn.decision.facts.clear();
        turn.decision.effects.clear();
        turn.decision.wake = Some(turn.now);
    });
}

#[test]
fn a_no_after_the_pivot_that_nobody_hears_of_is_seen() {
    breaks(laws::a_no_after_the_pivot_needs_a_person, |turn| {
        turn.decision.facts.push(fact(What::Refused { step: AFTER, refusal: no() }));
    });
}

#[test]
fn a_person_who_is_not_called_is_seen() {
    breaks(laws::a_person_is_called_whenever_one_is_needed, |turn| {
        let why = "it is stuck".to_owned();
        turn.decision.facts.push(fact(What::Attention { step: FIRST, why }));
    });
}

#[test]
fn a_person_who_is_needed_for_what_is_done_is_seen() {
    breaks(laws::a_person_is_called_whenever_one_is_needed, |turn| {
        let kept = Arc::make_mut(&mut turn.kept);
        kept.steps[FIRST] = Progress::Done;
        kept.attention.insert(FIRST, "it is stuck".to_owned());
    });
}

#[test]
fn another_answer_to_the_same_question_is_seen() {
    breaks(laws::the_same_question_has_the_same_answer, |turn| {
        turn.again.as_mut().expect("it was asked twice").decision.facts.pop();
    });
    breaks(laws::the_same_question_has_the_same_answer, |turn| {
        turn.again.as_mut().expect("it was asked twice").decision.facts[0].what = What::Turned;
    });
}

#[test]
fn a_journal_that_says_something_else_is_seen() {
    breaks(laws::the_journal_says_what_happened, |turn| {
        Arc::make_mut(&mut turn.kept).steps[FIRST] = Progress::Done;
    });
    breaks(laws::the_journal_says_what_happened, |turn| {
        Arc::make_mut(&mut turn.kept).quiet.insert(FIRST, turn.now);
    });
}

#[test]
fn a_need_that_is_asked_twice_is_seen() {
    breaks(laws::a_need_is_asked_once_and_well_informed, |turn| {
        Arc::make_mut(&mut turn.before).steps[FIRST] = Progress::Skipped;
    });
}

#[test]
fn a_need_that_is_asked_too_early_is_seen() {
    breaks(laws::a_need_is_asked_once_and_well_informed, |turn| {
        turn.asked.push((AFTER, vec![FIRST]));
    });
}

#[test]
fn a_verb_that_does_nothing_is_seen() {
    breaks(laws::an_operators_verb_does_what_it_says, |turn| operate(turn, Verb::Retry, false));
}

#[test]
fn a_verb_that_is_taken_where_it_is_not_allowed_is_seen() {
    let force = Verb::Force(nothing());
    breaks(laws::an_operators_verb_does_what_it_says, |turn| operate(turn, force, true));
}

/// An operator works on the first step, which is in flight.
fn operate(turn: &mut Turn, verb: Verb, taken: bool) {
    let (by, reason) = ("somebody".to_owned(), "because".to_owned());
    turn.before = Arc::clone(&turn.kept);
    turn.decision.effects.clear();
    turn.decision.facts = vec![fact(What::Operated {
        verb: verb.clone(),
        step: FIRST,
        by: by.clone(),
        reason: reason.clone(),
        taken,
    })];
    turn.input = Input::Operate { verb, step: FIRST, by, reason };
}

/// The first step, in flight, answers yes in this round, and nothing is written down.
fn unheard(turn: &mut Turn, round: u32) {
    let reply = Reply::Done(nothing());
    turn.input = Input::Replied { step: FIRST, way: Way::Forward, round, reply };
    turn.before = Arc::clone(&turn.kept);
    turn.decision.facts.clear();
    turn.decision.effects.clear();
}

#[test]
fn an_answer_that_is_lost_is_seen() {
    breaks(answers::an_awaited_answer_counts, |turn| unheard(turn, 0));
}

#[test]
fn an_old_answer_that_counts_is_seen() {
    breaks(answers::an_answer_that_nobody_awaits_changes_nothing, |turn| {
        unheard(turn, 1);
        Arc::make_mut(&mut turn.kept).steps[FIRST] = Progress::Done;
    });
}

#[test]
fn a_cancel_that_is_lost_or_taken_for_late_is_seen() {
    let cancel = |by: &str| Input::Cancel { by: by.to_owned(), reason: String::new() };
    breaks(answers::a_cancel_is_written_down, |turn| turn.input = cancel("somebody"));
    breaks(answers::a_cancel_is_written_down, |turn| {
        turn.input = cancel("somebody");
        let (by, reason) = ("somebody".to_owned(), String::new());
        turn.decision.facts.push(fact(What::TooLate { by, reason }));
    });
}

#[test]
fn an_early_signal_that_is_forgotten_is_seen() {
    breaks(answers::an_early_signal_is_kept, |turn| {
        turn.input = Input::Signalled { step: AFTER, signal: Signal::No(no()) };
    });
    breaks(answers::an_early_signal_is_kept, |turn| {
        Arc::make_mut(&mut turn.before).signals.insert(FIRST, Signal::No(no()));
    });
}

#[test]
fn a_signal_that_is_awaited_on_the_way_back_is_seen() {
    let (mut shape, mut turn) = (plan(), first_turn());
    shape.steps[FIRST].head = Head::Hear;
    let law = answers::what_need_not_speak_is_not_awaited;
    assert_eq!(law(&shape, &turn), None);
    Arc::make_mut(&mut turn.kept).turned = true;
    assert!(law(&shape, &turn).is_some());
}

#[test]
fn a_cancelled_run_that_waits_for_what_leaves_nothing_is_seen() {
    let (mut shape, mut turn) = (plan(), first_turn());
    shape.steps[FIRST].back = Back::Nothing;
    let law = answers::what_need_not_speak_is_not_awaited;
    Arc::make_mut(&mut turn.kept).turned = true;
    assert_eq!(law(&shape, &turn), None, "after a no it may wait");
    Arc::make_mut(&mut turn.kept).cancelled = true;
    assert!(law(&shape, &turn).is_some());
}

#[test]
fn a_run_that_no_verb_ends_is_seen() {
    let shape = plan();
    let mut node = Node::new(&shape, World::new(&shape, &[], false));
    assert!(by_verbs_alone(&shape, node.clone()).is_err(), "it was never begun");
    node.tell(&shape, Input::Begin).expect("it begins");
    assert_eq!(by_verbs_alone(&shape, node), Ok(()));
}
