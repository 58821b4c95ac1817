//! A step: a head (`act`, `ask`, `tell`, `hear`) and tails (`compensate`, `leaves_nothing`, `pivot`,
//! `when`, `within`, `retry`), all chained values.

use crate::error::{Fault, StepError};
use crate::future::BoxFuture;
use crate::message::{Command, Record};
use crate::saga::function::{Action, Compensation, Function};
use crate::saga::known::Known;
use crate::saga::law::{
    Act, Always, Answered, Ask, Compensable, Decides, Headed, Hear, Nothing, Open, Pivot, Presence,
    Sometimes, Tail, Tell,
};
use crate::saga::retry::Retry;
use crate::saga::shape::{Back, Head, StepShape};
use serde_json::value::{RawValue, to_raw_value};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// What a step made, or what a command says: JSON as it is written down.
pub(crate) type Json = Box<RawValue>;
/// A known value.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;
/// Runs an async method with the values of some slots.
pub(crate) type Run<T> =
    Arc<dyn for<'a> Fn(&'a Known, &'a [usize]) -> BoxFuture<'a, T> + Send + Sync>;
/// Computes something from the values of some slots.
pub(crate) type Pure<T> = Arc<dyn Fn(&Known, &[usize]) -> T + Send + Sync>;

/// How a step goes forward.
#[derive(Clone)]
pub(crate) enum Forward {
    Begun,
    Act(Run<Result<Json, StepError>>),
    Ask(Pure<Result<Json, Fault>>),
    Hear,
}

/// How a step is taken back.
#[derive(Clone)]
pub(crate) enum Backward {
    Act(Run<Result<(), Fault>>),
    Ask(Pure<Result<Json, Fault>>),
}

/// A step, with its head `H`, its end, and whether it always runs.
pub struct Step<H, End = Open, P = Always> {
    pub(crate) forward: Forward,
    pub(crate) backward: Option<Backward>,
    pub(crate) when: Option<Pure<bool>>,
    head: Head,
    back: Back,
    retry: Option<Retry>,
    patience: Retry,
    within: Option<Duration>,
    skippable: bool,
    types: PhantomData<fn() -> (H, End, P)>,
}

impl<H, End, P> fmt::Debug for Step<H, End, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, back by {:?}", self.head, self.back)
    }
}

impl<H> Step<H> {
    const fn new(forward: Forward, head: Head) -> Self {
        Self {
            forward,
            backward: None,
            when: None,
            head,
            back: Back::Nothing,
            retry: None,
            patience: Retry::COMPENSATION,
            within: None,
            skippable: false,
            types: PhantomData,
        }
    }
}

impl<H, End, P> Step<H, End, P> {
    fn cast<E2, P2>(self) -> Step<H, E2, P2> {
        let Self {
            forward, backward, when, head, back, retry, patience, within, skippable, ..
        } = self;
        let types = PhantomData;
        Step { forward, backward, when, head, back, retry, patience, within, skippable, types }
    }

    /// The spacing of attempts. The default is [`Retry::PATIENT`] for commands and
    /// [`Retry::QUICK`] for what runs here.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The spacing of the attempts to take the step back, [`Retry::COMPENSATION`] by default. When
    /// they are spent the run needs attention, and the step is still tried.
    #[must_use]
    pub const fn patience(mut self, patience: Retry) -> Self {
        self.patience = patience;
        self
    }

    /// How long the whole step may take, attempts and all. The default is a minute before the pivot
    /// and no bound after it.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }
}

impl<H, End> Step<H, End, Always> {
    /// Only for some runs: a pure predicate over what is known. What the step made is `&Option<T>` for
    /// later steps.
    pub fn when<F, W>(mut self, f: F) -> Step<H, End, Sometimes<W>>
    where
        F: Function<bool, W>,
    {
        self.when = Some(Arc::new(move |known, slots| f.call(known, slots)));
        self.cast()
    }
}

/// A step whose absence nobody would notice: it makes nothing.
pub trait Skippable {}
impl<H: Headed<Out = ()>> Skippable for H {}

impl<H: Skippable, P> Step<H, Open, P> {
    /// An operator may skip it, when it stands after the pivot and cannot be done.
    #[must_use]
    pub const fn skippable(mut self) -> Self {
        self.skippable = true;
        self
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Json, Fault> {
    Ok(to_raw_value(value)?)
}

/// A step that the coordinator runs: an async method, at least once, under the key
/// [`Cx::key`](crate::Cx::key).
pub fn act<F, T, E, A>(f: F) -> Step<Act<T, E, A>>
where
    F: for<'a> Action<'a, T, E, A>,
    T: Record,
    E: Into<StepError> + 'static,
    A: 'static,
{
    let f = Arc::new(f);
    let run: Run<Result<Json, StepError>> = Arc::new(move |known, slots| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            match f.call(known, slots).await {
                Ok(made) => Ok(to_json(&made)?),
                Err(failed) => Err(failed.into()),
            }
        })
    });
    Step::new(Forward::Act(run), Head::Act)
}

/// A step that a participant runs: a pure function to its command. The run rests until the reply.
pub fn ask<F, C, A>(f: F) -> Step<Ask<C, A>>
where
    F: Function<C, A>,
    C: Command,
{
    Step::new(Forward::Ask(command(f)), Head::Ask { command: C::NAME, to: C::TO })
}

/// A command that nobody waits for: the step is done when it is written down.
pub fn tell<F, C, A>(f: F) -> Step<Tell<C, A>>
where
    F: Function<C, A>,
    C: Command<Reply = ()>,
{
    Step::new(Forward::Ask(command(f)), Head::Tell { command: C::NAME, to: C::TO })
}

/// A step that waits for a signal: a person, another program. A signal may refuse; one that comes early
/// is kept; none in time is the refusal `timed_out`.
#[must_use]
pub const fn hear<T: Record>() -> Step<Hear<T>> {
    Step::new(Forward::Hear, Head::Hear)
}

pub(crate) fn command<F, C, A>(f: F) -> Pure<Result<Json, Fault>>
where
    F: Function<C, A>,
    C: Command,
{
    Arc::new(move |known, slots| to_json(&f.call(known, slots)))
}

impl<T, E, A, P> Step<Act<T, E, A>, Open, P> {
    /// Takes back what the action made. It is never run on a guess: an action whose outcome is unknown
    /// is run again, under its key, until it answers.
    pub fn compensate<F, G>(mut self, f: F) -> Step<Act<T, E, A>, Compensable<G>, P>
    where
        F: for<'a> Compensation<'a, G>,
        G: 'static,
    {
        let f = Arc::new(f);
        self.backward = Some(Backward::Act(Arc::new(move |known, slots| {
            let f = Arc::clone(&f);
            Box::pin(async move { f.call(known, slots).await })
        })));
        self.back = Back::Act;
        self.cast()
    }
}

impl<C: Command, A, P> Step<Ask<C, A>, Open, P> {
    /// The command that takes it back. It may be sent when nobody knows whether the step was done, so
    /// it cannot take the reply, only `&Made<Reply>`; the participant hands its own handler what it
    /// recorded.
    pub fn compensate<F, U, G>(mut self, f: F) -> Step<Ask<C, A>, Compensable<G>, P>
    where
        F: Function<U, G>,
        U: Command<Reply = ()>,
    {
        self.backward = Some(Backward::Ask(command(f)));
        self.back = Back::Ask { command: U::NAME, to: U::TO };
        self.cast()
    }
}

impl<H, P> Step<H, Open, P> {
    /// Says that there is nothing to take back.
    #[must_use]
    pub fn leaves_nothing(self) -> Step<H, Nothing, P> {
        self.cast()
    }
}

impl<H> Step<H, Open, Always> {
    /// Makes this step the point of no return. Refused: all before it is taken back. Done: there is no
    /// way back any more.
    #[must_use]
    pub fn pivot(self) -> Step<H, Pivot, Always>
    where
        H: Decides,
    {
        self.cast()
    }
}

impl<C, A, P> Step<Tell<C, A>, Open, P> {
    /// Nothing: it is there so that the compiler can say why.
    #[must_use]
    pub fn compensate<F>(self, _: F) -> Step<Tell<C, A>, Nothing, P>
    where
        Tell<C, A>: Answered,
    {
        self.cast()
    }
}

/// The types of a step, read off its head and tails.
pub trait Typed {
    /// What later steps may take.
    type Made: Record;
    /// What the action takes.
    type Takes;
    /// What its predicate takes.
    type Wonders;
    /// What its compensation may take of itself.
    type Own;
    /// What its compensation takes.
    type TakesBack;
    /// How its action may fail.
    type Says;
    #[doc(hidden)]
    fn parts(self, name: &'static str, group: usize, reversible: bool) -> Parts;
}

/// A step taken apart: what is data, and what is functions.
#[doc(hidden)]
pub struct Parts {
    pub(crate) shape: StepShape,
    pub(crate) forward: Forward,
    pub(crate) backward: Option<Backward>,
    pub(crate) when: Option<Pure<bool>>,
    pub(crate) revive: fn(Option<&RawValue>) -> Result<Value, Fault>,
    pub(crate) own: fn(Option<&RawValue>) -> Result<Option<Value>, Fault>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shape, f)
    }
}

impl<H: Headed, End: Tail, P: Presence> Typed for Step<H, End, P> {
    type Made = P::Of<H::Out>;
    type Takes = H::Takes;
    type Wonders = P::Takes;
    type Own = H::Own;
    type TakesBack = End::TakesBack;
    type Says = H::Says;

    fn parts(self, name: &'static str, group: usize, reversible: bool) -> Parts {
        let usual = if matches!(self.head, Head::Act) { Retry::QUICK } else { Retry::PATIENT };
        let shape = StepShape {
            name,
            group,
            head: self.head,
            back: self.back,
            pivot: End::PIVOT,
            sometimes: P::SOMETIMES,
            skippable: self.skippable,
            retry: self.retry.unwrap_or(usual),
            patience: self.patience,
            within: self.within.or(reversible.then_some(A_MINUTE)),
            makes: std::any::type_name::<H::Out>(),
        };
        let Self { forward, backward, when, .. } = self;
        Parts { shape, forward, backward, when, revive: P::revive::<H::Out>, own: H::own }
    }
}

/// What a step before the pivot may take when it does not say.
const A_MINUTE: Duration = Duration::from_secs(60);
