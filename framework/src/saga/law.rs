//! What the type of a step says: its head, its end, whether it always runs, and where it may stand.
//!
//! The names are chosen for the compiler's messages, in which they read as words.

use crate::error::{Fault, StepError};
use crate::message::{Command, Record};
use crate::saga::known::Made;
use crate::saga::step::{Step, Value};
use serde_json::value::RawValue;
use std::marker::PhantomData;
use std::sync::Arc;

/// Before the pivot.
#[derive(Debug)]
pub struct Reversible;
/// After the pivot.
#[derive(Debug)]
pub struct Committed;

/// It is not said yet how the step is taken back.
#[derive(Debug)]
pub struct Open;
/// It leaves nothing to take back.
#[derive(Debug)]
pub struct Nothing;
/// It is the step of no return.
#[derive(Debug)]
pub struct Pivot;
/// It is taken back by a function that takes `G`.
#[derive(Debug)]
pub struct Compensable<G>(PhantomData<G>);

/// It always runs.
#[derive(Debug)]
pub struct Always;
/// It runs when a predicate over `W` says so.
#[derive(Debug)]
pub struct Sometimes<W>(PhantomData<W>);

/// Whether a step always runs, and so what later steps see of it.
pub trait Presence {
    /// `T`, or `Option<T>`.
    type Of<T: Record>: Record;
    /// What its predicate takes.
    type Takes;
    /// Whether there is a predicate.
    const SOMETIMES: bool;
    #[doc(hidden)]
    fn revive<T: Record>(made: Option<&RawValue>) -> Result<Value, Fault>;
}

impl Presence for Always {
    type Of<T: Record> = T;
    type Takes = ();
    const SOMETIMES: bool = false;
    fn revive<T: Record>(made: Option<&RawValue>) -> Result<Value, Fault> {
        let made = made.ok_or_else(|| Fault::new("the step made nothing yet"))?;
        Ok(Arc::new(serde_json::from_str::<T>(made.get())?))
    }
}

impl<W> Presence for Sometimes<W> {
    type Of<T: Record> = Option<T>;
    type Takes = W;
    const SOMETIMES: bool = true;
    fn revive<T: Record>(made: Option<&RawValue>) -> Result<Value, Fault> {
        let made = made.map(|made| serde_json::from_str::<T>(made.get())).transpose()?;
        Ok(Arc::new(made))
    }
}

/// An async method that the coordinator runs.
#[derive(Debug)]
pub struct Act<T, E, A>(PhantomData<fn() -> (T, E, A)>);
/// A command whose reply is awaited.
#[derive(Debug)]
pub struct Ask<C, A>(PhantomData<fn() -> (C, A)>);
/// A command that nobody waits for.
#[derive(Debug)]
pub struct Tell<C, A>(PhantomData<fn() -> (C, A)>);
/// A signal.
#[derive(Debug)]
pub struct Hear<T>(PhantomData<fn() -> T>);

/// What a head says of its step.
pub trait Headed {
    /// What the step makes.
    type Out: Record;
    /// What its compensation may take of it.
    type Own: Send + Sync + 'static;
    /// What its action takes.
    type Takes;
    /// How its action may fail.
    type Says;
    #[doc(hidden)]
    fn own(made: Option<&RawValue>) -> Result<Option<Value>, Fault>;
}

impl<T: Record, E, A> Headed for Act<T, E, A> {
    type Out = T;
    type Own = T;
    type Takes = A;
    type Says = E;
    fn own(made: Option<&RawValue>) -> Result<Option<Value>, Fault> {
        Always::revive::<T>(made).map(Some)
    }
}

impl<C: Command, A> Headed for Ask<C, A> {
    type Out = C::Reply;
    type Own = Made<C::Reply>;
    type Takes = A;
    type Says = Fault;
    fn own(made: Option<&RawValue>) -> Result<Option<Value>, Fault> {
        let made = made.map(|made| serde_json::from_str::<C::Reply>(made.get())).transpose()?;
        Ok(Some(Arc::new(made.map_or(Made::Unknown, Made::Known))))
    }
}

impl<C: Command<Reply = ()>, A> Headed for Tell<C, A> {
    type Out = ();
    type Own = ();
    type Takes = A;
    type Says = Fault;
    fn own(_: Option<&RawValue>) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
}

impl<T: Record> Headed for Hear<T> {
    type Out = T;
    type Own = T;
    type Takes = ();
    type Says = Fault;
    fn own(_: Option<&RawValue>) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
}

/// How a step ends: with a way back, without, or with no return.
pub trait Tail {
    /// What its compensation takes.
    type TakesBack;
    /// Whether it is the step of no return.
    const PIVOT: bool = false;
}
impl Tail for Open {
    type TakesBack = ();
}
impl Tail for Nothing {
    type TakesBack = ();
}
impl Tail for Pivot {
    type TakesBack = ();
    const PIVOT: bool = true;
}
impl<G> Tail for Compensable<G> {
    type TakesBack = G;
}

/// Heads that may be the step of no return: somebody answers them.
#[diagnostic::on_unimplemented(
    message = "this step cannot be the pivot",
    label = "a pivot is asked until it answers: make it an `act` or an `ask`"
)]
pub trait Decides {}
impl<T, E, A> Decides for Act<T, E, A> {}
impl<C, A> Decides for Ask<C, A> {}

/// Heads that may be taken back.
#[diagnostic::on_unimplemented(
    message = "a `tell` cannot be taken back",
    label = "nobody answers it, so nobody knows whether it was done: make it an `ask`"
)]
pub trait Answered {}
impl<C, A> Answered for Ask<C, A> {}
impl<T, E, A> Answered for Act<T, E, A> {}

/// Which steps may stand in which phase, and which phase follows.
#[diagnostic::on_unimplemented(
    message = "this step may not stand here",
    label = "before the pivot: add `.compensate(..)`, `.leaves_nothing()` or `.pivot()`; after the pivot: none of them",
    note = "before the pivot every step says how it is taken back; after it there is no way back"
)]
pub trait FitsIn<Phase> {
    /// The phase of the next step.
    type Next;
}

impl<H, P, G> FitsIn<Reversible> for Step<H, Compensable<G>, P> {
    type Next = Reversible;
}
impl<C, A, P> FitsIn<Reversible> for Step<Tell<C, A>, Open, P> {
    type Next = Reversible;
}
impl<H, P> FitsIn<Reversible> for Step<H, Nothing, P> {
    type Next = Reversible;
}
impl<H> FitsIn<Reversible> for Step<H, Pivot, Always> {
    type Next = Committed;
}
impl<H, P> FitsIn<Committed> for Step<H, Open, P> {
    type Next = Committed;
}
// A second implementation, so that the compiler does not guess `Open` and say something else.
impl FitsIn<Committed> for std::convert::Infallible {
    type Next = Committed;
}

/// A step after the pivot cannot refuse.
#[diagnostic::on_unimplemented(
    message = "a step after the pivot cannot refuse",
    label = "its action returns `Result<_, {Self}>`; return `Result<_, Fault>`: it is tried until it is done",
    note = "there is no way back after the pivot, so there is nothing a refusal could do"
)]
pub trait MayEnd<Phase> {}
impl MayEnd<Reversible> for StepError {}
impl MayEnd<Reversible> for Fault {}
impl MayEnd<Committed> for Fault {}
