//! The laws of a run: each a function of one turn that says how it is broken, if it is.
//!
//! They look at what was told to the run, at what it then did, and at what is true outside. Where they
//! ask the run's own state it is for what only that can say, as whether it has ended.

use crate::node::Turn;
use crate::world::Truth;
use ballet::message::Way;
use ballet::saga::decide::{Decision, Effect, Input, Progress, State};
use ballet::saga::journal::{End, Fact, Signal, Verb, What};
use ballet::saga::{Head, Shape};

/// How a law is broken.
pub type Broken = Option<String>;
/// A law about a whole turn.
pub type TurnLaw = fn(&Shape, &Turn) -> Broken;

pub const OF_TURNS: &[(&str, TurnLaw)] = &[
    ("it ends once", it_ends_once),
    ("completed means done", completed_means_done),
    ("compensated means nothing is left", compensated_means_nothing_is_left),
    ("it turns for a reason", it_turns_for_a_reason),
    ("nothing new is begun after the turn", nothing_new_is_begun_after_the_turn),
    ("a refusal is heeded at once", a_refusal_is_heeded_at_once),
    ("time is up when it is up", time_is_up_when_it_is_up),
    ("a step is never forgotten", a_step_is_never_forgotten),
    ("time does not stand still", time_does_not_stand_still),
    ("a no after the pivot needs a person", a_no_after_the_pivot_needs_a_person),
    ("a person is called whenever one is needed", a_person_is_called_whenever_one_is_needed),
    ("the same question has the same answer", the_same_question_has_the_same_answer),
    ("the journal says what happened", the_journal_says_what_happened),
    ("a need is asked once and well informed", a_need_is_asked_once_and_well_informed),
    ("an operator's verb does what it says", an_operators_verb_does_what_it_says),
];

pub fn broken(is_broken: bool, how: impl FnOnce() -> String) -> Broken {
    is_broken.then(how)
}

fn is_after_the_pivot(shape: &Shape, step: usize) -> bool {
    shape.pivot().is_some_and(|pivot| pivot < step)
}

fn ends(decision: &Decision) -> impl Iterator<Item = End> + '_ {
    decision.facts.iter().filter_map(|fact| match fact.what {
        What::Ended(end) => Some(end),
        _ => None,
    })
}

/// A run ends exactly once, and after that it writes down nothing but a cancel that came too late.
pub fn it_ends_once(_: &Shape, turn: &Turn) -> Broken {
    let ended = ends(&turn.decision).count();
    let told = turn.decision.effects.iter().filter(|e| matches!(e, Effect::End(_))).count();
    let over = turn.before.ended.is_some();
    let late = |what: &What| matches!(what, What::TooLate { .. });
    let more = over && turn.decision.facts.iter().any(|fact| !late(&fact.what));
    let wakes = turn.kept.ended.is_some() && turn.decision.wake.is_some();
    broken(ended > 1 || told != ended || more || wakes, || {
        format!("ended {ended} times and said so {told} times, over before: {over}")
    })
}

/// A completed run has done every step that it needed, and the effect of each is there.
pub fn completed_means_done(shape: &Shape, turn: &Turn) -> Broken {
    let completed = ends(&turn.decision).any(|end| end == End::Completed);
    let is_done = |step: usize| {
        let site = &turn.world.sites[step];
        match shape.steps[step].head {
            _ if site.by_hand || forced(turn) == Some(step) => true,
            _ if !turn.world.needed[step] => turn.kept.steps[step] == Progress::Skipped,
            Head::Act | Head::Ask { .. } | Head::Begun => site.truth == Truth::Done,
            Head::Tell { .. } => turn.kept.steps[step] == Progress::Done,
            Head::Hear => site.said == Some(true),
        }
    };
    let open = (0..shape.steps.len()).find(|step| !is_done(*step));
    open.filter(|_| completed).map(|step| format!("step {step} was not done"))
}

/// The step that an operator says is done, in this turn.
fn forced(turn: &Turn) -> Option<usize> {
    match &turn.input {
        Input::Operate { verb: Verb::Skip | Verb::Force(_), step, .. } => Some(*step),
        _ => None,
    }
}

/// The step of which an operator says, in this turn, that nothing is left of it.
fn marked(turn: &Turn) -> Option<usize> {
    match &turn.input {
        Input::Operate { verb: Verb::MarkCompensated | Verb::MarkNotDone, step, .. } => Some(*step),
        _ => None,
    }
}

/// A compensated run has left nothing: whatever was done and can be taken back was taken back, and
/// the participant knows it; nothing runs any more that could leave something, and the pivot was not
/// done.
pub fn compensated_means_nothing_is_left(shape: &Shape, turn: &Turn) -> Broken {
    let compensated = ends(&turn.decision).any(|end| end == End::Compensated);
    let leaves = |step: usize| {
        let (line, site) = (&shape.steps[step], &turn.world.sites[step]);
        let by_hand = site.by_hand || marked(turn) == Some(step);
        let done = site.truth == Truth::Done && (line.is_compensable() || line.pivot);
        // A door that was never shut lets in what was sent and is still under way.
        let open = site.truth == Truth::Nothing && site.forward.is_some() && line.is_compensable();
        let runs = site.running.is_some() && shape.may_leave_something(step);
        !by_hand && (done || (open && matches!(line.head, Head::Ask { .. })) || runs)
    };
    let left = (0..shape.steps.len()).find(|step| leaves(*step));
    left.filter(|_| compensated)
        .map(|step| format!("step {step} is {:?} and the run is over", turn.world.sites[step]))
}

/// A run turns because of a no, a time that was up, a cancel, its deadline or a person, and never while
/// the pivot decides or after it was done.
pub fn it_turns_for_a_reason(shape: &Shape, turn: &Turn) -> Broken {
    let turned = turn.decision.facts.iter().any(|fact| matches!(fact.what, What::Turned));
    let stopped = |what: &What| {
        use What::{Compensated, Late, Refused, Unknown};
        matches!(what, Refused { .. } | Unknown { .. } | Compensated { .. } | Late)
    };
    let facts = turn.decision.facts.iter();
    let reason = turn.world.cancelled
        || turn.before.late
        || facts.into_iter().any(|fact| stopped(&fact.what))
        || turn.world.sites.iter().any(|site| site.said == Some(false));
    let pivot = shape.pivot().filter(|pivot| marked(turn) != Some(*pivot));
    let pivot = pivot.map(|pivot| &turn.world.sites[pivot]);
    let too_late = pivot.is_some_and(|site| site.forward.is_some() && site.said != Some(false));
    broken(turned && (!reason || too_late), || format!("a reason: {reason}, too late: {too_late}"))
}

/// After the turn what is in flight may be asked again, and nothing else goes forward.
pub fn nothing_new_is_begun_after_the_turn(_: &Shape, turn: &Turn) -> Broken {
    let mut turned = turn.before.turned;
    for fact in &turn.decision.facts {
        match fact.what {
            What::Turned => turned = true,
            What::Started { step, attempts: 1, .. } if turned => {
                return Some(format!("step {step} was begun"));
            }
            _ => {}
        }
    }
    None
}

/// Once the run knows of a refusal before the pivot it begins nothing more, not even beside it.
pub fn a_refusal_is_heeded_at_once(shape: &Shape, turn: &Turn) -> Broken {
    let mut refused = None;
    for fact in &turn.decision.facts {
        match fact.what {
            What::Refused { step, .. } if !is_after_the_pivot(shape, step) => refused = Some(step),
            What::Started { step, attempts: 1, .. } => {
                if let Some(no) = refused {
                    return Some(format!("step {no} had said no when step {step} was begun"));
                }
            }
            _ => {}
        }
    }
    None
}

/// A step is late when its time has passed or its attempts are spent, and a run when its own has.
pub fn time_is_up_when_it_is_up(shape: &Shape, turn: &Turn) -> Broken {
    turn.decision.facts.iter().find_map(|fact| match fact.what {
        What::Late => {
            let due = shape.within.map(|within| turn.kept.began.after(within));
            broken(due.is_none_or(|due| turn.now < due), || "the run was not late".to_owned())
        }
        What::Unknown { step, .. } => {
            let up = turn.world.sites[step].until.is_some_and(|until| until <= turn.now);
            let spent = match turn.before.steps[step] {
                Progress::InFlight { attempts, .. } => shape.steps[step].retry.is_spent(attempts),
                _ => false,
            };
            broken(!up && !spent, || format!("step {step} still had time"))
        }
        _ => None,
    })
}

/// While a step waits for something that may get lost the run wakes up by itself. It may rest only
/// when a method runs here, when a signal is awaited, or when a person is needed.
pub fn a_step_is_never_forgotten(shape: &Shape, turn: &Turn) -> Broken {
    let is_forgotten = |step: usize| {
        let (line, site) = (&shape.steps[step], &turn.world.sites[step]);
        let runs = |way: Way| runs_after(turn, site.running, step) == Some(way);
        match turn.kept.steps[step] {
            Progress::InFlight { .. } => line.head != Head::Hear && !runs(Way::Forward),
            Progress::Compensating { .. } => !runs(Way::Back),
            _ => false,
        }
    };
    let forgotten = (0..shape.steps.len()).find(|step| is_forgotten(*step));
    let rests = turn.kept.ended.is_none() && turn.decision.wake.is_none();
    let rests_well = turn.kept.ended.is_some()
        || turn.decision.wake.is_some()
        || turn.kept.steps.iter().any(|p| matches!(p, Progress::InFlight { .. }))
        || turn.kept.steps.iter().any(|p| matches!(p, Progress::Compensating { .. }))
        || !turn.kept.attention.is_empty();
    match forgotten.filter(|_| rests) {
        Some(step) => Some(format!("step {step} waits, and nothing wakes the run")),
        None => broken(!rests_well, || "nothing is awaited, and it has not ended".to_owned()),
    }
}

fn runs_after(turn: &Turn, running: Option<Way>, step: usize) -> Option<Way> {
    let begun = turn.decision.effects.iter().find_map(|effect| match effect {
        Effect::Run { step: at, way, .. } if *at == step => Some(*way),
        _ => None,
    });
    begun.or(running)
}

/// A run that was woken when it wanted does something, or wants to be woken later.
pub fn time_does_not_stand_still(_: &Shape, turn: &Turn) -> Broken {
    let asked = matches!(turn.input, Input::Tick) && turn.wake.is_some_and(|wake| wake <= turn.now);
    let idle = turn.decision.facts.is_empty() && turn.decision.effects.is_empty();
    let again = turn.decision.wake.is_some_and(|wake| wake <= turn.now);
    broken(asked && idle && again, || "it was woken for nothing, and will be again".to_owned())
}

/// A no after the pivot needs a person at once: there is no way back.
pub fn a_no_after_the_pivot_needs_a_person(shape: &Shape, turn: &Turn) -> Broken {
    turn.decision.facts.iter().find_map(|fact| match fact.what {
        What::Refused { step, .. } if is_after_the_pivot(shape, step) => {
            let called = |e: &Effect| matches!(e, Effect::Attend { step: at, .. } if *at == step);
            let heard = turn.decision.effects.iter().any(called);
            let known = turn.kept.attention.contains_key(&step);
            broken(!heard || !known, || format!("nobody was called for step {step}"))
        }
        _ => None,
    })
}

/// Whoever needs a person calls one, once; and a step that is settled needs none.
pub fn a_person_is_called_whenever_one_is_needed(shape: &Shape, turn: &Turn) -> Broken {
    let calls = |e: &&Effect| matches!(e, Effect::Attend { .. });
    let called = turn.decision.effects.iter().filter(calls).count();
    let needs = |what: &What| matches!(what, What::Attention { .. });
    let needed = turn.decision.facts.iter().filter(|fact| needs(&fact.what)).count();
    let settled = turn.kept.attention.keys().find(|step| {
        let after = is_after_the_pivot(shape, **step);
        match turn.kept.steps[**step] {
            Progress::Done | Progress::Compensated { .. } | Progress::Skipped => true,
            Progress::Refused { .. } => !after,
            _ => false,
        }
    });
    match settled {
        Some(step) => Some(format!("step {step} is settled and still needs a person")),
        None => broken(called != needed, || format!("needed {needed} times, called {called}")),
    }
}

/// Deciding twice on the same journal gives the same.
pub fn the_same_question_has_the_same_answer(_: &Shape, turn: &Turn) -> Broken {
    let (a, b) = (&turn.decision, &turn.again.as_ref()?.decision);
    let facts = a.facts.len() == b.facts.len()
        && a.facts.iter().zip(&b.facts).all(|(a, b)| a.at == b.at && is_same(&a.what, &b.what));
    let same = facts && a.effects == b.effects && a.wake == b.wake;
    broken(!same, || format!("{a:?} and then {b:?}"))
}

/// Whether two facts say the same. The frequent ones are compared by hand, because there are millions.
fn is_same(a: &What, b: &What) -> bool {
    match (a, b) {
        (What::Turned, What::Turned) | (What::Begun, What::Begun) => true,
        (What::Done { step: a, made }, What::Done { step: b, made: more }) => {
            a == b && made.get() == more.get()
        }
        (What::Stray { step: a, way: v, text }, What::Stray { step: b, way: w, text: more }) => {
            (a, v, text) == (b, w, more)
        }
        (What::Compensated { step: a, made }, What::Compensated { step: b, made: more }) => {
            (a, made) == (b, more)
        }
        _ => format!("{a:?}") == format!("{b:?}"),
    }
}

/// The journal, in which attempts are counted in place, adds up to the same state as the facts one by
/// one, and so does the state that the decision went on with.
pub fn the_journal_says_what_happened(_: &Shape, turn: &Turn) -> Broken {
    let signals = |state: &State| -> Vec<(usize, bool)> {
        let is_yes = |signal: &Signal| matches!(signal, Signal::Yes(_));
        state.signals.iter().map(|(step, signal)| (*step, is_yes(signal))).collect()
    };
    let (a, b) = (&turn.again.as_ref()?.state, &*turn.kept);
    let same = a.steps == b.steps
        && (a.began, a.turned, a.cancelled, a.late) == (b.began, b.turned, b.cancelled, b.late)
        && (&a.rounds, &a.quiet, &a.attention) == (&b.rounds, &b.quiet, &b.attention)
        && a.done == b.done
        && a.ended == b.ended
        && signals(a) == signals(b);
    broken(!same, || format!("told {:?}, kept {:?}", a.steps, b.steps))
}

/// Whether a step is needed is asked once, when its group begins, and what all earlier steps made is
/// known by then.
pub fn a_need_is_asked_once_and_well_informed(shape: &Shape, turn: &Turn) -> Broken {
    turn.asked.iter().find_map(|(step, known)| {
        let again = turn.before.steps[*step] != Progress::Waiting;
        let group = shape.steps[*step].group;
        let made = |at: &usize| {
            let line = &shape.steps[*at];
            line.group < group && line.head != Head::Begun && turn.world.needed[*at]
        };
        let missing = (0..shape.steps.len()).filter(made).find(|at| !known.contains(at));
        let missing = missing.map(|at| format!("step {step} is asked without what {at} made"));
        missing.or_else(|| broken(again, || format!("step {step} is asked again")))
    })
}

/// Retry tries at once whatever is not trying at this moment; the other verbs settle the step where
/// that is allowed; a verb that is not taken changes nothing. What was due anyway may happen with it.
pub fn an_operators_verb_does_what_it_says(shape: &Shape, turn: &Turn) -> Broken {
    let Input::Operate { verb, step, .. } = &turn.input else { return None };
    let (line, was) = (&shape.steps[*step], turn.before.steps[*step]);
    let after = is_after_the_pivot(shape, *step);
    let in_flight = matches!(was, Progress::InFlight { .. });
    let unknown = matches!(was, Progress::Unknown { .. });
    let stands = after && (in_flight || matches!(was, Progress::Refused { .. }));
    let idle = turn.world.sites[*step].running.is_none();
    let allowed = match verb {
        Verb::Retry => match was {
            Progress::InFlight { .. } => line.head != Head::Hear && idle,
            Progress::Compensating { .. } => idle,
            Progress::Refused { .. } => after,
            _ => false,
        },
        Verb::Skip => stands && line.skippable,
        Verb::Force(_) => stands || in_flight || unknown,
        Verb::MarkNotDone => unknown || (in_flight && !after),
        Verb::MarkCompensated => {
            let asked = in_flight && !after && line.head != Head::Hear;
            asked || unknown || matches!(was, Progress::Compensating { .. })
        }
    };
    let taken = turn
        .decision
        .facts
        .iter()
        .any(|fact| matches!(&fact.what, What::Operated { taken: true, .. }));
    let tries = |effect: &Effect| match effect {
        Effect::Send { step: at, .. } | Effect::Run { step: at, .. } => at == step,
        _ => false,
    };
    let tried = turn.decision.effects.iter().filter(|e| tries(e)).count() == 1;
    let now = turn.kept.steps[*step];
    let did = match verb {
        Verb::Retry if line.head == Head::Hear => matches!(now, Progress::InFlight { .. }),
        Verb::Retry => tried,
        Verb::Skip | Verb::Force(_) => {
            let is_done =
                |fact: &Fact| matches!(fact.what, What::Done { step: at, .. } if at == *step);
            turn.decision.facts.iter().any(is_done)
        }
        Verb::MarkCompensated => matches!(now, Progress::Compensated { .. }),
        Verb::MarkNotDone => matches!(now, Progress::Refused { .. }),
    };
    let is_due = turn.wake.is_some_and(|wake| wake <= turn.now);
    let quiet = turn.decision.facts.len() == 1 && turn.decision.effects.is_empty();
    let quiet = quiet || is_due;
    let right = taken == allowed && if taken { did } else { quiet };
    broken(!right, || format!("{} of {was:?}: taken {taken}, now {now:?}", verb.name()))
}
