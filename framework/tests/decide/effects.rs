//! The laws of what a run has done outside: each a function of one effect, in the world as it is when
//! the effect is carried out.

use crate::laws::{Broken, broken};
use crate::node::Turn;
use crate::world::{Site, Truth, World};
use ballet::message::Way;
use ballet::saga::decide::{Effect, Input};
use ballet::saga::journal::{Verb, What};
use ballet::saga::{Back, Head, Shape};

/// A law about one effect, in the world as it is then.
pub type EffectLaw = fn(&Shape, &Turn, &World, &Effect) -> Broken;

pub const OF_EFFECTS: &[(&str, EffectLaw)] = &[
    ("only commands are sent and only methods run", only_commands_are_sent_and_methods_run),
    ("nothing runs beside itself", nothing_runs_beside_itself),
    ("groups go one after the other", groups_go_one_after_the_other),
    ("the pivot is sent when all else is done", the_pivot_is_sent_when_all_else_is_done),
    ("only what may have been done is taken back", only_what_may_have_been_done_is_taken_back),
    ("taken back in reverse", taken_back_in_reverse),
    ("nothing is taken back after the pivot", nothing_is_taken_back_after_the_pivot),
    ("nothing unknown is taken back too early", nothing_unknown_is_taken_back_too_early),
    ("another round needs a reason", another_round_needs_a_reason),
    ("a barrier is never contradicted", a_barrier_is_never_contradicted),
];

/// An effect that begins something: the step, its way, its round, and whether it is the first attempt.
fn begins(effect: &Effect) -> Option<(usize, Way, u32, bool)> {
    match *effect {
        Effect::Send { step, way, round, attempt } | Effect::Run { step, way, round, attempt } => {
            Some((step, way, round, attempt == 1))
        }
        Effect::Attend { .. } | Effect::End(_) | Effect::Contradicted { .. } => None,
    }
}

/// The step whose action is begun for the first time.
fn new_action(world: &World, effect: &Effect) -> Option<usize> {
    let (step, way, ..) = begins(effect)?;
    (way == Way::Forward && world.sites[step].forward.is_none()).then_some(step)
}

/// The step whose compensation is begun, once a round.
fn new_compensation(effect: &Effect) -> Option<usize> {
    let (step, way, _, first) = begins(effect)?;
    (way == Way::Back && first).then_some(step)
}

/// Only steps that have a command are sent, only those that have a method are run, and what nobody
/// answers is sent once.
pub fn only_commands_are_sent_and_methods_run(
    shape: &Shape,
    _: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let (step, way, ..) = begins(effect)?;
    let (head, back) = (shape.steps[step].head, shape.steps[step].back);
    let right = match (effect, way) {
        (Effect::Run { .. }, Way::Forward) => head == Head::Act,
        (Effect::Run { .. }, Way::Back) => back == Back::Act,
        (_, Way::Forward) => match head {
            Head::Ask { .. } => true,
            Head::Tell { .. } => world.sites[step].forward.is_none(),
            Head::Act | Head::Hear | Head::Begun => false,
        },
        (_, Way::Back) => matches!(back, Back::Ask { .. }),
    };
    broken(!right, || format!("{effect:?} of {head:?}"))
}

/// A method is not run while an earlier attempt still runs.
pub fn nothing_runs_beside_itself(_: &Shape, _: &Turn, world: &World, effect: &Effect) -> Broken {
    let Effect::Run { step, .. } = *effect else { return None };
    let running = world.sites[step].running;
    broken(running.is_some(), || format!("step {step} still runs {running:?}"))
}

/// A step is begun when it is needed and everything in earlier groups is done or not needed.
pub fn groups_go_one_after_the_other(
    shape: &Shape,
    _: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let step = new_action(world, effect)?;
    let group = shape.steps[step].group;
    let earlier = (0..shape.steps.len()).filter(|at| shape.steps[*at].group < group);
    let open = earlier.into_iter().find(|at| !world.is_passed(shape, *at));
    let open = open.map(|at| format!("step {step} was begun before {at} was done"));
    open.or_else(|| broken(!world.needed[step], || format!("step {step} is not needed")))
}

/// The pivot is begun only when all before it is done and nobody wants the run taken back.
pub fn the_pivot_is_sent_when_all_else_is_done(
    shape: &Shape,
    turn: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let step = new_action(world, effect).filter(|step| shape.steps[*step].pivot)?;
    let open = (0..step).find(|at| !world.is_passed(shape, *at));
    let late = turn.before.late || turn.decision.facts.iter().any(|f| matches!(f.what, What::Late));
    let unwanted = world.cancelled || late;
    broken(open.is_some() || unwanted, || format!("open: {open:?}, cancelled or late: {unwanted}"))
}

/// A step is taken back only if it was done, or was begun and nobody knows. What was refused or was
/// never begun is left alone; and what a method did is taken back only when it is known.
pub fn only_what_may_have_been_done_is_taken_back(
    shape: &Shape,
    _: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let step = new_compensation(effect)?;
    let site = &world.sites[step];
    let right = match shape.steps[step].head {
        Head::Begun => true,
        Head::Act => site.truth == Truth::Done && site.said == Some(true),
        _ => site.forward.is_some() && site.said != Some(false),
    };
    broken(!right, || format!("step {step} is {site:?}"))
}

/// A step is taken back only when all that came after it has been: nothing of a later group is still
/// on its way, nothing there waits to be taken back, and all beside it have answered; of a run that is
/// cancelled or late, all that may leave something.
pub fn taken_back_in_reverse(shape: &Shape, turn: &Turn, world: &World, effect: &Effect) -> Broken {
    let step = new_compensation(effect)?;
    let group = shape.steps[step].group;
    let called_off = world.cancelled || turn.kept.late;
    let is_open = |at: usize| {
        let (line, site) = (&shape.steps[at], &world.sites[at]);
        if line.group < group || line.head == Head::Begun || line.head == Head::Hear {
            return false;
        }
        let asked = site.forward.is_some() && !matches!(line.head, Head::Tell { .. });
        let matters = !called_off || shape.may_leave_something(at);
        let unheard = asked && matters && site.said.is_none() && !site.unknown && !site.by_hand;
        let done = asked && site.said != Some(false) && line.is_compensable();
        let compensated =
            matches!(turn.kept.steps[at], ballet::saga::decide::Progress::Compensated { .. });
        unheard || (line.group > group && done && !compensated)
    };
    let open = (0..shape.steps.len()).find(|at| is_open(*at));
    open.map(|at| format!("step {step} is taken back before {at}: {:?}", world.sites[at]))
}

/// Nothing is taken back once the pivot was sent, unless it was refused.
pub fn nothing_is_taken_back_after_the_pivot(
    shape: &Shape,
    _: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let step = new_compensation(effect)?;
    let Site { forward, said, .. } = world.sites[shape.pivot()?];
    let sent = forward.is_some() && said != Some(false);
    broken(sent, || format!("step {step} is taken back, and the pivot said {said:?}"))
}

/// What was not known in time is taken back only after its time and the margin: by then no earlier
/// runner is still calling. A participant that has answered is not calling any more.
pub fn nothing_unknown_is_taken_back_too_early(
    shape: &Shape,
    turn: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let step = new_compensation(effect)?;
    let site = &world.sites[step];
    let unknown = match shape.steps[step].head {
        Head::Act => site.unknown,
        Head::Begun => false,
        _ => site.said.is_none(),
    };
    let quiet = site.until.map(|until| until.after(shape.margin));
    let early = quiet.is_none_or(|quiet| turn.now < quiet);
    broken(unknown && early, || format!("step {step} at {}, not before {quiet:?}", turn.now))
}

/// A command has another id only after an operator asked for one; a compensation never in a world
/// in which participants keep their word.
pub fn another_round_needs_a_reason(
    _: &Shape,
    turn: &Turn,
    world: &World,
    effect: &Effect,
) -> Broken {
    let (step, way, round, _) = begins(effect)?;
    let known = match way {
        Way::Forward => world.sites[step].forward,
        Way::Back => world.sites[step].back,
    };
    let asked =
        matches!(&turn.input, Input::Operate { verb: Verb::Retry, step: at, .. } if *at == step);
    let right = match known {
        None => round == 0,
        Some(known) => round == known || (asked && way == Way::Forward && round == known + 1),
    };
    broken(!right, || format!("step {step} in round {round} after {known:?}"))
}

/// No answer contradicts what a run that is over knew, as long as participants keep their word.
pub fn a_barrier_is_never_contradicted(_: &Shape, _: &Turn, _: &World, effect: &Effect) -> Broken {
    let contradicted = matches!(effect, Effect::Contradicted { .. });
    broken(contradicted, || format!("{effect:?}"))
}
