//! What a story is made of: steps, what comes, and one expectation. Time counts from 0; a step before
//! the pivot has ten and the margin is one, a command is sent again after four and a method run again
//! after two, and a compensation is tried every three, twice before a person is called.

use crate::node::{Node, Turn, no, nothing};
use crate::transcript::told;
use crate::world::World;
use ballet::clock::Time;
use ballet::message::{Reply, Way};
use ballet::saga::decide::{Input, Progress, Ran, State};
use ballet::saga::journal::{Signal, Verb};
use ballet::saga::{Back, Head, Retry, Shape, StepShape};
use expect_test::Expect;
use std::time::Duration;

fn units(count: u64) -> Duration {
    Duration::from_micros(count)
}

fn every(count: u64) -> Retry {
    Retry::every(units(count)).up_to(units(count))
}

fn line(name: &'static str, head: Head) -> StepShape {
    StepShape {
        name,
        group: 0,
        head,
        back: Back::Nothing,
        pivot: false,
        sometimes: false,
        skippable: false,
        retry: every(if head == Head::Act { 2 } else { 4 }),
        patience: every(3).at_most(2),
        within: Some(units(10)),
        makes: "()",
    }
}

/// A command whose reply is awaited.
pub fn ask(name: &'static str) -> StepShape {
    line(name, Head::Ask { command: "do", to: "them" })
}

/// A method that is run here.
pub fn act(name: &'static str) -> StepShape {
    line(name, Head::Act)
}

/// A command that nobody waits for.
pub fn tell(name: &'static str) -> StepShape {
    line(name, Head::Tell { command: "do", to: "them" })
}

/// A signal.
pub fn hear(name: &'static str) -> StepShape {
    line(name, Head::Hear)
}

/// A step that can be taken back.
pub fn back(mut step: StepShape) -> StepShape {
    let by_command = Back::Ask { command: "compensate", to: "them" };
    step.back = if step.head == Head::Act { Back::Act } else { by_command };
    step
}

/// The step of no return.
pub fn pivot(mut step: StepShape) -> StepShape {
    step.pivot = true;
    step
}

/// A step that only some runs need.
pub fn sometimes(mut step: StepShape) -> StepShape {
    step.sometimes = true;
    step
}

/// Steps in groups; after the pivot a step has all the time there is.
pub fn plan<const N: usize>(groups: [Vec<StepShape>; N]) -> Shape {
    let mut steps: Vec<StepShape> = Vec::new();
    for (group, lines) in groups.into_iter().enumerate() {
        for line in lines {
            let committed = steps.iter().any(|step| step.pivot);
            let within = line.within.filter(|_| !committed);
            steps.push(StepShape { group, within, ..line });
        }
    }
    Shape { saga: "told", version: 1, within: None, margin: units(1), steps }
}

/// The plan with a deadline for the whole run.
pub fn within(count: u64, plan: Shape) -> Shape {
    Shape { within: Some(units(count)), ..plan }
}

/// What comes, and how it is told.
#[derive(Debug, Clone)]
pub struct Came {
    told: String,
    step: &'static str,
    what: What,
    old: bool,
}

#[derive(Debug, Clone)]
enum What {
    Answer(Reply),
    Ended(Way, Option<bool>),
    Signal(Signal),
    Cancel,
    Time(Option<u64>),
    Verb(Verb),
}

fn came(step: &'static str, told: &str, what: What) -> Came {
    Came { told: format!("{step} {told}").trim().to_owned(), step, what, old: false }
}

/// An answer to the first round.
pub fn old(came: Came) -> Came {
    Came { told: format!("{} (old)", came.told), old: true, ..came }
}

/// A participant answers that it is done.
pub fn done(step: &'static str) -> Came {
    came(step, "says done", What::Answer(Reply::Done(nothing())))
}

/// A participant says no.
pub fn refused(step: &'static str) -> Came {
    came(step, "says no", What::Answer(Reply::Refused(no())))
}

/// A participant has taken it back.
pub fn compensated(step: &'static str) -> Came {
    came(step, "says compensated", What::Answer(Reply::Compensated { made: true }))
}

/// A participant had nothing to take back.
pub fn nothing_to_take_back(step: &'static str) -> Came {
    came(step, "says nothing to compensate", What::Answer(Reply::Compensated { made: false }))
}

/// A method ends well.
pub fn ran(step: &'static str) -> Came {
    came(step, "ran", What::Ended(Way::Forward, Some(true)))
}

/// A method says no.
pub fn ran_into_no(step: &'static str) -> Came {
    came(step, "ran into a no", What::Ended(Way::Forward, Some(false)))
}

/// A method breaks.
pub fn broke(step: &'static str) -> Came {
    came(step, "broke", What::Ended(Way::Forward, None))
}

/// A compensation that is run here ends well.
pub fn ran_back(step: &'static str) -> Came {
    came(step, "ran back", What::Ended(Way::Back, Some(true)))
}

/// A compensation that is run here breaks.
pub fn broke_back(step: &'static str) -> Came {
    came(step, "broke on the way back", What::Ended(Way::Back, None))
}

/// The signal comes, and says yes.
pub fn yes(step: &'static str) -> Came {
    came(step, "is told yes", What::Signal(Signal::Yes(nothing())))
}

/// The signal comes, and says no.
pub fn says_no(step: &'static str) -> Came {
    came(step, "is told no", What::Signal(Signal::No(no())))
}

/// Somebody cancels.
pub fn cancel() -> Came {
    came("", "cancel", What::Cancel)
}

/// Time passes until something is due.
pub fn wait() -> Came {
    came("", "wait", What::Time(None))
}

/// Time passes until then, and nobody drives the run in between.
pub fn sleep_until(time: u64) -> Came {
    came("", "sleep", What::Time(Some(time)))
}

/// An operator works on a step.
pub fn operate(verb: Verb, step: &'static str) -> Came {
    came(step, &format!("gets {}", verb.name()), What::Verb(verb))
}

/// A story as it is told: the run so far, and its last turn.
pub struct Story {
    plan: Shape,
    pub text: String,
    pub node: Node,
    pub last: Turn,
}

impl Story {
    /// A run begins. It needs all of its steps but these.
    pub fn begin(plan: &Shape, unneeded: &[&str]) -> Self {
        let is_needed = |step: &StepShape| !unneeded.contains(&step.name);
        let needed: Vec<bool> = plan.steps.iter().map(is_needed).collect();
        let mut node = Node::new(plan, World::new(plan, &needed, false));
        node.now = Time::from_micros(0);
        let mut text = String::new();
        let last = tell_one(plan, &mut node, &mut text, "begin", Input::Begin);
        Self { plan: plan.clone(), text, node, last }
    }

    /// Something comes.
    pub fn tell(&mut self, came: Came) {
        let Self { plan, text, node, last } = self;
        let Came { told, step, what, old } = came;
        match (&what, node.wake) {
            (What::Time(Some(time)), _) => node.now = Time::default().after(units(*time)),
            (What::Time(None), Some(wake)) => node.now = node.now.max(wake),
            _ => {}
        }
        let input = input(plan, &node.state, step, what, old);
        *last = tell_one(plan, node, text, &told, input);
    }
}

/// Tells what a run makes of what comes, from its beginning. It needs all of its steps but these.
pub fn tell_all<const N: usize>(plan: &Shape, unneeded: &[&str], came: [Came; N]) -> Story {
    let mut story = Story::begin(plan, unneeded);
    came.into_iter().for_each(|came| story.tell(came));
    story
}

fn tell_one(plan: &Shape, node: &mut Node, text: &mut String, came: &str, input: Input) -> Turn {
    let turn = node.tell(plan, input).expect("no story ends in a panic");
    *text += &told(plan, &format!("{} {came}", node.now.micros()), Some(&turn));
    turn
}

/// An answer belongs to the round that is under way, an old one to the first.
fn input(plan: &Shape, state: &State, step: &str, what: What, old: bool) -> Input {
    let step = plan.position(step).unwrap_or_default();
    let round = |way: Way| match (way, state.steps[step]) {
        _ if old => 0,
        (Way::Forward, Progress::InFlight { round, .. }) => round,
        (Way::Forward, _) => 0,
        (Way::Back, _) => state.rounds.get(&step).copied().unwrap_or_default(),
    };
    let (by, reason) = ("somebody".to_owned(), "because".to_owned());
    match what {
        What::Answer(reply) => {
            let back = matches!(reply, Reply::Compensated { .. });
            let way = if back { Way::Back } else { Way::Forward };
            Input::Replied { step, way, round: round(way), reply }
        }
        What::Ended(way, said) => {
            let ran = match said {
                Some(true) => Ran::Done(nothing()),
                Some(false) => Ran::Refused(no()),
                None => Ran::Fault("broken".to_owned()),
            };
            Input::Ran { step, way, round: round(way), ran }
        }
        What::Signal(signal) => Input::Signalled { step, signal },
        What::Cancel => Input::Cancel { by, reason },
        What::Time(_) => Input::Tick,
        What::Verb(verb) => Input::Operate { verb, step, by, reason },
    }
}

/// Compares a story with what is expected of it.
#[track_caller]
#[allow(clippy::needless_pass_by_value)] // It reads as a story: a plan, what comes, what follows.
pub fn check<const N: usize>(plan: Shape, came: [Came; N], expected: Expect) {
    expected.assert_eq(&tell_all(&plan, &[], came).text);
}

/// Compares a story that begins after something had come: what led there is not told.
#[track_caller]
#[allow(clippy::needless_pass_by_value)] // As `check`, with what was before.
pub fn check_after<const M: usize, const N: usize>(
    plan: Shape,
    before: [Came; M],
    came: [Came; N],
    expected: Expect,
) {
    let mut story = Story::begin(&plan, &[]);
    before.into_iter().for_each(|came| story.tell(came));
    story.text.clear();
    came.into_iter().for_each(|came| story.tell(came));
    expected.assert_eq(&story.text);
}
