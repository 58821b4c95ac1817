//! Each law of an effect can be broken: it is held against the first command of a run, and against an
//! effect, or a world, that is spoiled by hand.

use crate::effects::{self, EffectLaw};
use crate::node::Turn;
use crate::proofs::{first_turn, plan};
use crate::world::{Site, Truth, World};
use ballet::message::Way;
use ballet::saga::decide::{Effect, Progress};
use std::sync::Arc;

const FIRST: usize = 0;
const PIVOT: usize = 1;
const AFTER: usize = 2;

fn send(step: usize, way: Way) -> Effect {
    Effect::Send { step, way, round: 0, attempt: 1 }
}

fn run(step: usize) -> Effect {
    Effect::Run { step, way: Way::Forward, round: 0, attempt: 1 }
}

/// The law holds for the first command of a run; it is broken by this effect after this was done to
/// the turn and its world.
#[track_caller]
fn breaks(law: EffectLaw, effect: &Effect, spoil: impl FnOnce(&mut Turn, &mut World)) {
    let (shape, mut turn) = (plan(), first_turn());
    let mut world = turn.world;
    assert_eq!(law(&shape, &turn, &world, &turn.decision.effects[0]), None, "the first is right");
    spoil(&mut turn, &mut world);
    assert!(law(&shape, &turn, &world, effect).is_some(), "{effect:?} is wrong");
}

/// What was begun and has answered.
fn answered(yes: bool) -> Site {
    let truth = if yes { Truth::Done } else { Truth::Refused };
    Site { forward: Some(0), said: Some(yes), truth, ..Site::default() }
}

#[test]
fn a_method_that_is_sent_and_a_command_that_is_run_are_seen() {
    let law = effects::only_commands_are_sent_and_methods_run;
    breaks(law, &send(PIVOT, Way::Forward), |_, _| {});
    breaks(law, &run(FIRST), |_, _| {});
    breaks(law, &send(AFTER, Way::Back), |_, _| {});
}

#[test]
fn a_method_beside_itself_is_seen() {
    breaks(effects::nothing_runs_beside_itself, &run(PIVOT), |_, world| {
        world.sites[PIVOT].running = Some(Way::Forward);
    });
}

#[test]
fn a_step_before_its_turn_is_seen() {
    let law = effects::groups_go_one_after_the_other;
    breaks(law, &send(AFTER, Way::Forward), |_, _| {});
}

#[test]
fn a_step_that_is_not_needed_is_seen() {
    let law = effects::groups_go_one_after_the_other;
    breaks(law, &send(FIRST, Way::Forward), |_, world| world.needed[FIRST] = false);
}

#[test]
fn a_pivot_before_its_turn_is_seen() {
    let law = effects::the_pivot_is_sent_when_all_else_is_done;
    breaks(law, &run(PIVOT), |_, world| world.sites[FIRST].forward = Some(0));
}

#[test]
fn a_pivot_after_a_cancel_is_seen() {
    let law = effects::the_pivot_is_sent_when_all_else_is_done;
    breaks(law, &run(PIVOT), |_, world| {
        world.sites[FIRST] = answered(true);
        world.cancelled = true;
    });
}

#[test]
fn taking_back_what_was_refused_or_never_begun_is_seen() {
    let law = effects::only_what_may_have_been_done_is_taken_back;
    breaks(law, &send(FIRST, Way::Back), |_, world| world.sites[FIRST] = answered(false));
    breaks(law, &send(FIRST, Way::Back), |_, _| {});
}

#[test]
fn taking_back_a_method_on_a_guess_is_seen() {
    let law = effects::only_what_may_have_been_done_is_taken_back;
    let back = Effect::Run { step: PIVOT, way: Way::Back, round: 0, attempt: 1 };
    breaks(law, &back, |_, world| world.sites[PIVOT].forward = Some(0));
}

#[test]
fn taking_back_while_something_later_is_on_its_way_is_seen() {
    breaks(effects::taken_back_in_reverse, &send(FIRST, Way::Back), |_, world| {
        world.sites[FIRST] = answered(true);
        world.sites[AFTER].forward = Some(0);
    });
}

#[test]
fn taking_back_before_something_later_is_taken_back_is_seen() {
    let mut shape = plan();
    shape.steps[AFTER].back = shape.steps[FIRST].back;
    let (mut turn, mut world) = (first_turn(), first_turn().world);
    let back = send(FIRST, Way::Back);
    world.sites[FIRST] = answered(true);
    world.sites[AFTER] = answered(true);
    let law = effects::taken_back_in_reverse;
    assert!(law(&shape, &turn, &world, &back).is_some(), "the later one is still there");
    Arc::make_mut(&mut turn.kept).steps[AFTER] = Progress::Compensated { made: true };
    assert_eq!(law(&shape, &turn, &world, &back), None);
}

#[test]
fn taking_back_after_the_pivot_was_sent_is_seen() {
    let law = effects::nothing_is_taken_back_after_the_pivot;
    breaks(law, &send(FIRST, Way::Back), |_, world| world.sites[PIVOT].forward = Some(0));
    breaks(law, &send(FIRST, Way::Back), |_, world| world.sites[PIVOT] = answered(true));
}

#[test]
fn taking_back_the_unknown_before_the_margin_has_passed_is_seen() {
    let law = effects::nothing_unknown_is_taken_back_too_early;
    breaks(law, &send(FIRST, Way::Back), |turn, world| {
        world.sites[FIRST] = Site { forward: Some(0), until: Some(turn.now), ..Site::default() };
    });
}

#[test]
fn a_round_that_nobody_asked_for_is_seen() {
    let law = effects::another_round_needs_a_reason;
    let again = Effect::Send { step: FIRST, way: Way::Forward, round: 1, attempt: 1 };
    breaks(law, &again, |_, world| world.sites[FIRST].forward = Some(0));
    breaks(law, &again, |_, _| {});
}

#[test]
fn a_contradiction_is_seen() {
    let contradicted = Effect::Contradicted { step: FIRST, way: Way::Forward };
    breaks(effects::a_barrier_is_never_contradicted, &contradicted, |_, _| {});
}
