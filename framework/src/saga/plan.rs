//! Plans: the table of steps, as a value.
//!
//! The builder carries two things in its type: which side of the pivot comes next, and what is known
//! by then. That is all it takes for the laws of sagas to be types.

mod timing;

pub use timing::Timing;

use crate::error::{Error, ErrorKind, Fault, StepError};
use crate::future::BoxFuture;
use crate::message::{Command, Way};
use crate::saga::Saga;
use crate::saga::function::Function;
use crate::saga::journal::Journal;
use crate::saga::known::{Begun, Cx, Known, KnownIn, Len, Why};
use crate::saga::law::{Committed, FitsIn, MayEnd, Reversible};
use crate::saga::retry::Retry;
use crate::saga::shape::{Back, Head, Shape, StepShape};
use crate::saga::step::{Backward, Forward, Json, Parts, Pure, Typed, Value, command};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A line of the plan: its functions, and where their arguments lie.
pub struct Line {
    forward: Forward,
    backward: Option<Backward>,
    when: Option<Pure<bool>>,
    takes: Vec<usize>,
    takes_back: Vec<usize>,
    wonders: Vec<usize>,
    /// How many slots are known when the step runs.
    known: usize,
    revive: fn(Option<&RawValue>) -> Result<Value, Fault>,
    own: fn(Option<&RawValue>) -> Result<Option<Value>, Fault>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "takes {:?}, back {:?}, when {:?}", self.takes, self.takes_back, self.wonders)
    }
}

/// The saga, its context and its input lie below what the steps made.
const GROUND: usize = 3;

/// The table of steps of a saga.
pub struct Plan<S> {
    shape: Shape,
    lines: Vec<Line>,
    saga: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for Plan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shape, f)
    }
}

impl<S: Saga> Plan<S> {
    /// Begins a plan.
    pub fn begin() -> Steps<S, Reversible, Begun<S>> {
        let shape = Shape {
            saga: S::NAME,
            version: S::VERSION,
            within: None,
            margin: Duration::from_secs(1),
            steps: Vec::new(),
        };
        Steps { shape, lines: Vec::new(), group: 0, types: PhantomData }
    }

    /// The plan as data.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether a step that only some runs need is needed by this one.
    ///
    /// # Errors
    ///
    /// A fault if what the journal holds cannot be read as the plan's types.
    pub fn is_needed(
        &self,
        saga: &Arc<S>,
        run: &str,
        step: usize,
        j: &Journal,
    ) -> Result<bool, Fault> {
        let line = &self.lines[step];
        let Some(when) = &line.when else { return Ok(true) };
        let known = self.known(saga, run, step, Way::Forward, j, &line.wonders)?;
        Ok(when(&known, &line.wonders))
    }

    /// The body of the command that a step sends, forward or back.
    ///
    /// # Errors
    ///
    /// A fault if what the journal holds cannot be read as the plan's types, or if the command cannot
    /// be written as JSON.
    pub fn command(
        &self,
        saga: &Arc<S>,
        run: &str,
        step: usize,
        way: Way,
        journal: &Journal,
    ) -> Result<Json, Fault> {
        let line = &self.lines[step];
        let (make, slots) = match (way, &line.forward, &line.backward) {
            (Way::Forward, Forward::Ask(make), _) => (make, &line.takes),
            (Way::Back, _, Some(Backward::Ask(make))) => (make, &line.takes_back),
            _ => return Err(never(&self.shape, step, "sends no command", way)),
        };
        make(&self.known(saga, run, step, way, journal, slots)?, slots)
    }

    /// Runs the action or compensation of a step that the coordinator itself runs.
    pub fn run<'a>(
        &'a self,
        saga: &'a Arc<S>,
        cx: Cx,
        step: usize,
        journal: &'a Journal,
    ) -> BoxFuture<'a, Result<Json, StepError>> {
        Box::pin(async move {
            let line = &self.lines[step];
            let slots = if cx.way == Way::Forward { &line.takes } else { &line.takes_back };
            let known = self.known_with(saga, cx.clone(), step, journal, slots)?;
            match (cx.way, &line.forward, &line.backward) {
                (Way::Forward, Forward::Act(run), _) => run(&known, slots).await,
                (Way::Back, _, Some(Backward::Act(run))) => {
                    run(&known, slots).await?;
                    Ok(RawValue::NULL.to_owned())
                }
                _ => Err(never(&self.shape, step, "does not run here", cx.way).into()),
            }
        })
    }

    fn known(
        &self,
        saga: &Arc<S>,
        run: &str,
        step: usize,
        way: Way,
        journal: &Journal,
        slots: &[usize],
    ) -> Result<Known, Fault> {
        let name = self.shape.steps[step].name;
        let traceparent = journal.traceparent.clone();
        let cx =
            Cx { saga: S::NAME, run: run.to_owned(), step: name, way, attempt: 1, traceparent };
        self.known_with(saga, cx, step, journal, slots)
    }

    /// Everything that a function of `step` may take; only the slots it does take are read.
    fn known_with(
        &self,
        saga: &Arc<S>,
        cx: Cx,
        step: usize,
        journal: &Journal,
        slots: &[usize],
    ) -> Result<Known, Fault> {
        let line = &self.lines[step];
        let back = cx.way == Way::Back;
        let mut known = Known::default();
        known.push(Some(Arc::clone(saga) as Value));
        known.push(Some(Arc::new(cx)));
        known.push(match slots.contains(&2) {
            true => Some(Arc::new(serde_json::from_str::<S::Input>(journal.input.get())?)),
            false => None,
        });
        for (at, made) in self.makers().take(line.known - GROUND).enumerate() {
            known.push(match slots.contains(&(at + GROUND)) {
                true => Some((self.lines[made].revive)(journal.made(made))?),
                false => None,
            });
        }
        if back {
            known.push(Some(Arc::new(journal.why(&self.shape))));
            known.push((line.own)(journal.made(step))?);
        }
        Ok(known)
    }

    /// The steps that make something, in order: all but what began the run.
    fn makers(&self) -> impl Iterator<Item = usize> + '_ {
        let lines = self.lines.iter().enumerate();
        lines.filter(|(_, line)| !matches!(line.forward, Forward::Begun)).map(|(at, _)| at)
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] with every rule that the plan breaks.
    pub fn check(&self) -> Result<(), Error> {
        match self.shape.faults() {
            faults if faults.is_empty() => Ok(()),
            faults => Err(Error::new(ErrorKind::Definition, faults.join("; "))),
        }
    }
}

/// What is written down wants something of a step that its plan does not know.
fn never(shape: &Shape, step: usize, what: &str, way: Way) -> Fault {
    let (saga, name) = (shape.saga, shape.name_of(step));
    Fault::new(format!("step `{name}` of saga `{saga}` {what} on its way {}", way.name()))
}

/// A plan in the making: `P` says which side of the pivot comes next, `M` what is known by then.
#[must_use = "a plan ends with `.end()`"]
pub struct Steps<S, P, M> {
    shape: Shape,
    lines: Vec<Line>,
    group: usize,
    types: PhantomData<fn() -> (S, P, M)>,
}

/// Steps side by side: they see `M`, and make `A`.
#[must_use = "hand the steps back to `together`"]
pub struct Side<S, P, M, A> {
    shape: Shape,
    lines: Vec<Line>,
    group: usize,
    types: PhantomData<fn() -> (S, P, M, A)>,
}

impl<S, P, M> fmt::Debug for Steps<S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shape, f)
    }
}

impl<S, P, M, A> fmt::Debug for Side<S, P, M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shape, f)
    }
}

/// A side of the pivot.
pub trait Phase {
    /// Whether there is a way back.
    const REVERSIBLE: bool;
}
impl Phase for Reversible {
    const REVERSIBLE: bool = true;
}
impl Phase for Committed {
    const REVERSIBLE: bool = false;
}

impl<S: Saga> Steps<S, Reversible, Begun<S>> {
    /// What began the run is step 0, done already: this is how it is taken back.
    pub fn compensate<F, U, G, J>(mut self, f: F) -> Self
    where
        F: Function<U, G>,
        U: Command<Reply = ()>,
        G: KnownIn<(Why, Begun<S>), J>,
    {
        self.shape.steps.push(StepShape {
            name: "begin",
            group: 0,
            head: Head::Begun,
            back: Back::Ask { command: U::NAME, to: U::TO },
            pivot: false,
            sometimes: false,
            skippable: false,
            retry: Retry::PATIENT,
            patience: Retry::COMPENSATION,
            within: None,
            makes: "()",
        });
        self.lines.push(Line {
            forward: Forward::Begun,
            backward: Some(Backward::Ask(command(f))),
            when: None,
            takes: Vec::new(),
            takes_back: <G as KnownIn<(Why, Begun<S>), J>>::slots(),
            wonders: Vec::new(),
            known: GROUND,
            revive: |_| Ok(Arc::new(())),
            own: |_| Ok(None),
        });
        self.group = 1;
        self
    }

    /// How long a whole run may take. When the time is up before the pivot was sent, the run is taken
    /// back; after that it is only written down.
    pub const fn within(mut self, within: Duration) -> Self {
        self.shape.within = Some(within);
        self
    }

    /// How long to wait, after the time of a step is up, before it is taken back without knowing
    /// whether it was done; a second by default.
    pub const fn margin(mut self, margin: Duration) -> Self {
        self.shape.margin = margin;
        self
    }
}

/// What a step brings into a plan.
struct Slots {
    takes: Vec<usize>,
    takes_back: Vec<usize>,
    wonders: Vec<usize>,
    known: usize,
}

fn add(shape: &mut Shape, lines: &mut Vec<Line>, parts: Parts, slots: Slots) {
    let Parts { shape: step, forward, backward, when, revive, own } = parts;
    let Slots { takes, takes_back, wonders, known } = slots;
    shape.steps.push(step);
    lines.push(Line { forward, backward, when, takes, takes_back, wonders, known, revive, own });
}

impl<S: Saga, P: Phase, M: Len> Steps<S, P, M> {
    /// Adds a step after those already planned.
    pub fn step<X, I, J, K>(
        mut self,
        name: &'static str,
        step: X,
    ) -> Steps<S, X::Next, (X::Made, M)>
    where
        X: Typed + FitsIn<P>,
        X::Says: MayEnd<P>,
        X::Takes: KnownIn<M, I>,
        X::Wonders: KnownIn<M, K>,
        X::TakesBack: KnownIn<(X::Own, (Why, M)), J>,
    {
        let slots = Slots {
            takes: <X::Takes as KnownIn<M, I>>::slots(),
            takes_back: <X::TakesBack as KnownIn<(X::Own, (Why, M)), J>>::slots(),
            wonders: <X::Wonders as KnownIn<M, K>>::slots(),
            known: M::LEN,
        };
        let parts = step.parts(name, self.group, P::REVERSIBLE);
        add(&mut self.shape, &mut self.lines, parts, slots);
        let Self { shape, lines, group, .. } = self;
        Steps { shape, lines, group: group + 1, types: PhantomData }
    }

    /// Adds steps side by side. They share one fate and do not see each other.
    pub fn together<A>(
        self,
        side: impl FnOnce(Side<S, P, M, M>) -> Side<S, P, M, A>,
    ) -> Steps<S, P, A> {
        let Self { shape, lines, group, .. } = self;
        let Side { shape, lines, group, .. } =
            side(Side { shape, lines, group, types: PhantomData });
        Steps { shape, lines, group: group + 1, types: PhantomData }
    }

    /// Closes the plan.
    #[must_use]
    pub fn end(self) -> Plan<S> {
        Plan { shape: self.shape, lines: self.lines, saga: PhantomData }
    }
}

/// In a group there is no pivot: the phase stays.
#[diagnostic::on_unimplemented(
    message = "a pivot cannot stand beside other steps",
    label = "move it out of `together`"
)]
pub trait Stays<P> {}
impl Stays<Self> for Reversible {}
impl Stays<Self> for Committed {}

impl<S: Saga, P: Phase, M: Len, A> Side<S, P, M, A> {
    /// Adds a step beside the others.
    pub fn step<X, I, J, K>(mut self, name: &'static str, step: X) -> Side<S, P, M, (X::Made, A)>
    where
        X: Typed + FitsIn<P>,
        X::Next: Stays<P>,
        X::Says: MayEnd<P>,
        X::Takes: KnownIn<M, I>,
        X::Wonders: KnownIn<M, K>,
        X::TakesBack: KnownIn<(X::Own, (Why, M)), J>,
    {
        let slots = Slots {
            takes: <X::Takes as KnownIn<M, I>>::slots(),
            takes_back: <X::TakesBack as KnownIn<(X::Own, (Why, M)), J>>::slots(),
            wonders: <X::Wonders as KnownIn<M, K>>::slots(),
            known: M::LEN,
        };
        let parts = step.parts(name, self.group, P::REVERSIBLE);
        add(&mut self.shape, &mut self.lines, parts, slots);
        let Self { shape, lines, group, .. } = self;
        Side { shape, lines, group, types: PhantomData }
    }
}
