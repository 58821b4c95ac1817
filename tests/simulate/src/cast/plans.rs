//! Plans that are drawn at random, and how the typed builder builds them.
//!
//! Every step makes `()`, and takes nothing but the context; those at the third and the fifth place are left out
//! by some runs. So after `n` steps the builder has the same type whatever the steps are, and one function for
//! each `n` and side of the pivot builds any plan of up to five steps.

use super::drawn::Drawn;
use crate::dice::Dice;
use ballet::saga::{Begun, Committed, Reversible, Step, Steps};
use ballet::{Plan, Retry, act, ask, hear, tell};
use std::cell::RefCell;
use std::time::Duration;

/// Who does a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The coordinator.
    Act,
    /// Alpha is asked.
    Alpha,
    /// Beta is asked, who calls the outside.
    Beta,
    /// Alpha is told.
    Tell,
    /// A person is awaited.
    Hear,
    /// Alpha is asked for something that leaves nothing.
    Note,
}

/// A line of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Who does it.
    pub who: Who,
    /// Whether it can be taken back.
    pub back: bool,
    /// Whether some runs leave it out.
    pub maybe: bool,
    /// Whether the next one stands beside it.
    pub beside: bool,
    /// How long it may take.
    pub within: Option<Duration>,
    /// Whether it is tried a few times only.
    pub few: bool,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its lines.
    pub lines: Vec<Line>,
    /// Which of them is the pivot.
    pub pivot: Option<usize>,
    /// Whether what began the run is taken back.
    pub begun_back: bool,
    /// How long a run may take.
    pub within: Option<Duration>,
}

/// The most steps that a plan has.
const STEPS_MAX: u64 = 5;
/// Where a pivot may stand: every run needs it.
const PIVOTS: [usize; 3] = [0, 1, 3];

impl Told {
    /// Draws a plan.
    #[must_use]
    pub fn draw(dice: &mut Dice) -> Self {
        let count = usize::try_from(1 + dice.roll(STEPS_MAX)).unwrap_or(1);
        let drawn = (!dice.one_in(3)).then(|| dice.pick(&PIVOTS));
        let pivot = drawn.filter(|at| *at < count);
        let mut lines: Vec<Line> = (0..count).map(|at| line(dice, at, pivot == Some(at))).collect();
        for at in 0..count {
            let alone = at > 0 && lines[at - 1].beside;
            let last = at + 1 == count;
            let near = pivot == Some(at) || pivot == Some(at + 1);
            lines[at].beside &= !alone && !last && !near;
        }
        let within = dice.one_in(4).then(|| Duration::from_millis(2_000 + dice.roll(10_000)));
        Self { lines, pivot, begun_back: dice.one_in(4), within }
    }
}

fn line(dice: &mut Dice, at: usize, is_pivot: bool) -> Line {
    const ANY: [Who; 10] = [
        Who::Act,
        Who::Act,
        Who::Alpha,
        Who::Alpha,
        Who::Beta,
        Who::Beta,
        Who::Tell,
        Who::Hear,
        Who::Hear,
        Who::Note,
    ];
    let who = if is_pivot { dice.pick(&ANY[..6]) } else { dice.pick(&ANY) };
    Line {
        who,
        back: !dice.one_in(4),
        maybe: dice.one_in(2) && !PIVOTS.contains(&at),
        beside: dice.one_in(3),
        within: dice.one_in(2).then(|| Duration::from_millis(1_000 + dice.roll(6_000))),
        few: dice.one_in(3),
    }
}

thread_local! {
    /// The plans of the world that this thread plays, by version from 1.
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
}

/// From now on these are the plans of this thread.
pub fn tell_plans(plans: &[Told]) {
    TOLD.with_borrow_mut(|told| *told = plans.to_vec());
}

/// The plan of a version, as it was told to this thread.
pub(super) fn told(version: u32) -> Told {
    TOLD.with_borrow(|told| told[version as usize - 1].clone())
}

/// Whether some runs leave this step out.
pub(super) fn is_maybe(version: u32, step: &str) -> bool {
    let at = NAMES.iter().position(|name| *name == step);
    TOLD.with_borrow(|told| {
        let lines = &told[version as usize - 1].lines;
        at.and_then(|at| lines.get(at)).is_some_and(|line| line.maybe)
    })
}

/// The names of the steps.
pub const NAMES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

fn timed<H, E, P>(step: Step<H, E, P>, line: &Line) -> Step<H, E, P> {
    let step = step.patience(Retry::every(Duration::from_millis(500)).at_most(4));
    let step = match line.within {
        Some(within) => step.within(within),
        None => step,
    };
    match line.few {
        true => step.retry(Retry::every(Duration::from_millis(300)).at_most(3)),
        false => step,
    }
}

type D<const V: u32> = Drawn<V>;
type L0<const V: u32> = Begun<D<V>>;
type L1<const V: u32> = ((), L0<V>);
type L2<const V: u32> = ((), L1<V>);
type L3<const V: u32> = (Option<()>, L2<V>);
type L4<const V: u32> = ((), L3<V>);
type L5<const V: u32> = (Option<()>, L4<V>);

/// Builds a plan.
pub(super) fn build<const V: u32>(told: &Told) -> Plan<Drawn<V>> {
    let steps = Plan::begin().margin(Duration::from_millis(500));
    let steps = match told.within {
        Some(within) => steps.within(within),
        None => steps,
    };
    match told.begun_back {
        true => r0(steps.compensate(D::<V>::close), told),
        false => r0(steps, told),
    }
}

/// Adds a step that can be taken back or leaves nothing.
macro_rules! reversible {
    ($steps:expr, $at:expr, $told:expr $(, $when:ident)?) => {{
        let (steps, line, name) = ($steps, &$told.lines[$at], NAMES[$at]);
        match (line.who, line.back) {
            (Who::Act, true) => {
                let acted = act(D::<V>::act).compensate(D::<V>::unact);
                steps.step(name, timed(acted, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Act, false) => {
                let acted = act(D::<V>::act).leaves_nothing();
                steps.step(name, timed(acted, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Alpha, true) => {
                let asked = ask(D::<V>::ask_alpha).compensate(D::<V>::undo_alpha);
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Alpha, false) => {
                let asked = ask(D::<V>::ask_alpha).leaves_nothing();
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Beta, _) => {
                let asked = ask(D::<V>::ask_beta).compensate(D::<V>::undo_beta);
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Note, _) => {
                let asked = ask(D::<V>::ask_note).leaves_nothing();
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            (Who::Tell, _) => steps.step(name, tell(D::<V>::tell)$(.$when(D::<V>::needs))?),
            (Who::Hear, _) => {
                let heard = hear::<()>().leaves_nothing();
                steps.step(name, timed(heard, line)$(.$when(D::<V>::needs))?)
            }
        }
    }};
}

/// Adds the pivot.
macro_rules! pivot {
    ($steps:expr, $at:expr, $told:expr) => {{
        let (steps, line, name) = ($steps, &$told.lines[$at], NAMES[$at]);
        match line.who {
            Who::Act => steps.step(name, timed(act(D::<V>::act).pivot(), line)),
            Who::Beta => steps.step(name, timed(ask(D::<V>::ask_beta).pivot(), line)),
            _ => steps.step(name, timed(ask(D::<V>::ask_alpha).pivot(), line)),
        }
    }};
}

/// Adds a step after the pivot.
macro_rules! committed {
    ($steps:expr, $at:expr, $told:expr $(, $when:ident)?) => {{
        let (steps, line, name) = ($steps, &$told.lines[$at], NAMES[$at]);
        match line.who {
            Who::Act => {
                let acted = act(D::<V>::act_surely).skippable();
                steps.step(name, timed(acted, line)$(.$when(D::<V>::needs))?)
            }
            Who::Alpha => {
                let asked = ask(D::<V>::ask_alpha_surely);
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            Who::Beta => {
                let asked = ask(D::<V>::ask_beta_surely);
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            Who::Note => {
                let asked = ask(D::<V>::tell).skippable();
                steps.step(name, timed(asked, line)$(.$when(D::<V>::needs))?)
            }
            Who::Tell => steps.step(name, tell(D::<V>::tell)$(.$when(D::<V>::needs))?),
            Who::Hear => steps.step(name, timed(hear::<()>(), line)$(.$when(D::<V>::needs))?),
        }
    }};
}

/// The rest of a plan from step `$at` on, before and after the pivot. A `when` stands where some runs leave out
/// the step, or the one beside it.
macro_rules! level {
    (
        $at:literal $known:ident: $r:ident $r1:ident $r2:ident, $c:ident $c1:ident $c2:ident,
        [$($when:ident)?] [$($next:ident)?]
    ) => {
        fn $r<const V: u32>(
            steps: Steps<D<V>, Reversible, $known<V>>,
            told: &Told,
        ) -> Plan<Drawn<V>> {
            if told.lines.len() == $at {
                return steps.end();
            }
            level!(pivot $at steps told $c1 [$($when)?]);
            if told.lines[$at].beside {
                return $r2(
                    steps.together(|side| {
                        let side = reversible!(side, $at, told $(, $when)?);
                        reversible!(side, $at + 1, told $(, $next)?)
                    }),
                    told,
                );
            }
            $r1(reversible!(steps, $at, told $(, $when)?), told)
        }

        fn $c<const V: u32>(
            steps: Steps<D<V>, Committed, $known<V>>,
            told: &Told,
        ) -> Plan<Drawn<V>> {
            if told.lines.len() == $at {
                return steps.end();
            }
            if told.lines[$at].beside {
                return $c2(
                    steps.together(|side| {
                        let side = committed!(side, $at, told $(, $when)?);
                        committed!(side, $at + 1, told $(, $next)?)
                    }),
                    told,
                );
            }
            $c1(committed!(steps, $at, told $(, $when)?), told)
        }
    };
    (pivot $at:literal $steps:ident $told:ident $c1:ident []) => {
        if $told.pivot == Some($at) {
            return $c1(pivot!($steps, $at, $told), $told);
        }
    };
    (pivot $at:literal $steps:ident $told:ident $c1:ident [$when:ident]) => {};
}

fn r0<const V: u32>(steps: Steps<D<V>, Reversible, L0<V>>, told: &Told) -> Plan<Drawn<V>> {
    if told.pivot == Some(0) {
        return c1(pivot!(steps, 0, told), told);
    }
    if told.lines[0].beside {
        return r2(
            steps.together(|side| {
                let side = reversible!(side, 0, told);
                reversible!(side, 1, told)
            }),
            told,
        );
    }
    r1(reversible!(steps, 0, told), told)
}

level!(1 L1: r1 r2 r3, c1 c2 c3, [] [when]);
level!(2 L2: r2 r3 r4, c2 c3 c4, [when] []);
level!(3 L3: r3 r4 r5, c3 c4 c5, [] [when]);

fn r4<const V: u32>(steps: Steps<D<V>, Reversible, L4<V>>, told: &Told) -> Plan<Drawn<V>> {
    match told.lines.len() {
        4 => steps.end(),
        _ => r5(reversible!(steps, 4, told, when), told),
    }
}

fn c4<const V: u32>(steps: Steps<D<V>, Committed, L4<V>>, told: &Told) -> Plan<Drawn<V>> {
    match told.lines.len() {
        4 => steps.end(),
        _ => c5(committed!(steps, 4, told, when), told),
    }
}

fn r5<const V: u32>(steps: Steps<D<V>, Reversible, L5<V>>, _: &Told) -> Plan<Drawn<V>> {
    steps.end()
}

fn c5<const V: u32>(steps: Steps<D<V>, Committed, L5<V>>, _: &Told) -> Plan<Drawn<V>> {
    steps.end()
}
