//! A reaction to an event and an answer to a command: the forward way and the ways back, on one line.

use crate::error::{Fault, StepError};
use crate::message::{Command, Event, Record, Topic};
use crate::reactor::emit::{Emit, Names, Said, Says};
use crate::reactor::handler::{
    Decode, GoOut, Handle, InTx, InTx2, Look, Outside2, TakesBack, TakesBackFor, decode, erase,
    erase_back, erase_back_for, erase_call2, erase2,
};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The stages of a handler: look, call, record. Most have only the last.
pub(crate) struct Stages<R> {
    pub(crate) look: Option<Look<R>>,
    pub(crate) call: Option<(GoOut<R>, Duration)>,
    pub(crate) handle: Handle<R>,
}

/// A way back: on which message, and by what stages.
pub(crate) struct Compensation<R> {
    pub(crate) hears: &'static str,
    pub(crate) topic: Option<Topic>,
    /// Whom a command is addressed to; `None` for an event.
    pub(crate) to: Option<&'static str>,
    pub(crate) decode: Decode,
    pub(crate) names: Names,
    pub(crate) call: Option<(GoOut<R>, Duration)>,
    pub(crate) handle: Handle<R>,
    /// What is said instead, when the pivot was faster.
    pub(crate) too_late: Option<(Handle<R>, Names)>,
}

/// One line of a reactor.
pub(crate) struct Unit<R> {
    pub(crate) hears: &'static str,
    /// Where events come from; `None` for a command.
    pub(crate) topic: Option<Topic>,
    /// Whom a command is addressed to; `None` for an event.
    pub(crate) to: Option<&'static str>,
    pub(crate) decode: Decode,
    pub(crate) names: Names,
    pub(crate) stages: Stages<R>,
    pub(crate) back: Vec<Compensation<R>>,
    pub(crate) pivot: bool,
    pub(crate) leaves_nothing: bool,
}

impl<R> Unit<R> {
    /// Whether the line happens once a business transaction, and so has a barrier of its own.
    pub(crate) const fn is_once(&self) -> bool {
        self.pivot || !self.back.is_empty()
    }

    pub(crate) const fn is_answer(&self) -> bool {
        self.topic.is_none()
    }
}

pub(crate) fn speaks<O: Emit>(spoken: Result<O, Fault>, said: &mut Said) -> Result<(), StepError> {
    Ok(spoken?.say(said)?)
}

pub(crate) fn says<T, O: Says<T>>(
    spoken: Result<O, StepError>,
    said: &mut Said,
) -> Result<(), StepError> {
    Ok(spoken?.say(said)?)
}

/// A reaction to `E` that says `O`.
#[must_use = "put it into the table: `.on::<Event>(..)`"]
pub struct Reaction<R, E, O> {
    stages: Stages<R>,
    back: Vec<Compensation<R>>,
    pivot: bool,
    leaves_nothing: bool,
    types: PhantomData<fn() -> (E, O)>,
}

/// An answer to `C`.
#[must_use = "put it into the table: `.to::<Command>(..)`"]
pub struct Answer<R, C> {
    stages: Stages<R>,
    names: Names,
    back: Option<Compensation<R>>,
    leaves_nothing: bool,
    types: PhantomData<fn() -> C>,
}

impl<R, E, O> fmt::Debug for Reaction<R, E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reaction with {} ways back", self.back.len())
    }
}

impl<R, C> fmt::Debug for Answer<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an answer that may say {:?}", self.names)
    }
}

/// What a reaction returns.
#[diagnostic::on_unimplemented(
    message = "a reaction cannot return `{Self}`",
    label = "return `Result<_, Fault>`: nobody asked, so there is nobody to refuse",
    note = "say no with an event: `Ok(Verdict::No(..))`"
)]
pub trait Unasked: Send + 'static {
    /// What it says.
    type Says;
    /// What was told.
    ///
    /// # Errors
    ///
    /// The handler's own fault.
    fn told(self) -> Result<Self::Says, Fault>;
}

impl<O: Send + 'static> Unasked for Result<O, Fault> {
    type Says = O;
    fn told(self) -> Self {
        self
    }
}

/// Reacts to an event, in the transaction of the service.
pub fn react<F, R, E, X>(f: F) -> Reaction<R, E, X::Says>
where
    F: for<'a> InTx<'a, R, E, X>,
    R: Send + Sync + 'static,
    E: Event,
    X: Unasked,
    X::Says: Emit,
{
    let handle = erase(f, |spoken: X, said| speaks(spoken.told(), said));
    Reaction::new(Stages { look: None, call: None, handle })
}

/// Answers a command, in the transaction of the service. Here, and only here, a reactor may refuse.
pub fn answer<F, R, C, O>(f: F) -> Answer<R, C>
where
    F: for<'a> InTx<'a, R, C, Result<O, StepError>>,
    R: Send + Sync + 'static,
    C: Command,
    O: Says<C::Reply>,
{
    let handle = erase(f, |spoken: Result<O, StepError>, said| says::<C::Reply, O>(spoken, said));
    Answer::new(Stages { look: None, call: None, handle }, O::names())
}

impl<R: Send + Sync + 'static, E: Record, O: Emit> Reaction<R, E, O> {
    pub(crate) const fn new(stages: Stages<R>) -> Self {
        Self { stages, back: Vec::new(), pivot: false, leaves_nothing: false, types: PhantomData }
    }

    /// On `X`, takes back what this reaction made: once, `None` if nothing was made (and then the door
    /// is shut: a late `E` is not reacted to). May be given for several events; the first wins.
    pub fn compensate_on<X: Event>(mut self, f: impl for<'a> TakesBack<'a, R, X, O::Made>) -> Self {
        let names = names_back::<R, X, O::Made, _>(&f);
        self.back.push(Compensation {
            hears: X::NAME,
            topic: Some(X::TOPIC),
            to: None,
            decode: decode::<X>,
            names,
            call: None,
            handle: erase_back::<R, X, O::Made, _>(f),
            too_late: None,
        });
        self
    }

    /// The same, by a call to the outside, whose result is then recorded.
    pub fn compensate_on_call<X: Event, T: Record, S: Emit>(
        mut self,
        call: impl for<'a> Outside2<'a, R, X, Option<O::Made>, T>,
        record: impl for<'a> InTx2<'a, R, X, T, Result<S, Fault>>,
    ) -> Self {
        self.back.push(Compensation {
            hears: X::NAME,
            topic: Some(X::TOPIC),
            to: None,
            decode: decode::<X>,
            names: S::names(),
            call: Some((erase_call2(call), HALF_A_MINUTE)),
            handle: erase2(record, |spoken: Result<S, Fault>, said| speaks(spoken, said)),
            too_late: None,
        });
        self
    }

    /// What is said instead of the last compensation, when the pivot of this reactor was faster.
    ///
    /// # Panics
    ///
    /// If there is no compensation before it, or it is of another event: a mistake in the table.
    pub fn too_late<X: Event, S: Emit>(
        mut self,
        f: impl for<'a> InTx<'a, R, X, Result<S, Fault>>,
    ) -> Self {
        let last = self.back.last_mut().filter(|back| back.hears == X::NAME);
        let last = last.expect("`.too_late(f)` follows the compensation of the same event");
        let handle = erase(f, |spoken: Result<S, Fault>, said| speaks(spoken, said));
        last.too_late = Some((handle, S::names()));
        self
    }

    /// Says that there is nothing to take back.
    pub const fn leaves_nothing(mut self) -> Self {
        self.leaves_nothing = true;
        self
    }

    /// Makes this reaction the step of no return: in one business transaction either it is done or the
    /// compensations of this reactor are, never both.
    pub const fn pivot(mut self) -> Self {
        self.pivot = true;
        self
    }
}

/// What a compensation may say, read off its type.
fn names_back<R, X, M, F: for<'a> TakesBack<'a, R, X, M>>(_: &F) -> Names {
    <F as TakesBack<'static, R, X, M>>::names()
}

fn names_back_for<R, X, M, F: for<'a> TakesBackFor<'a, R, X, M>>(_: &F) -> Names {
    <F as TakesBackFor<'static, R, X, M>>::names()
}

/// How long one call may take before it counts as broken.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

impl<R: Send + Sync + 'static, C: Command> Answer<R, C> {
    pub(crate) const fn new(stages: Stages<R>, names: Names) -> Self {
        Self { stages, names, back: None, leaves_nothing: false, types: PhantomData }
    }

    /// On the command `U`, takes back what this answer made. If nothing was made it is not run: the
    /// barrier answers, and shuts the door.
    pub fn compensate_by<U: Command<Reply = ()>>(
        mut self,
        f: impl for<'a> TakesBackFor<'a, R, U, C::Reply>,
    ) -> Self {
        let names = names_back_for::<R, U, C::Reply, _>(&f);
        self.back = Some(Compensation {
            hears: U::NAME,
            topic: None,
            to: Some(U::TO),
            decode: decode::<U>,
            names,
            call: None,
            handle: erase_back_for::<R, U, C::Reply, _>(f),
            too_late: None,
        });
        self
    }

    /// The same, by a call to the outside, whose result is then recorded.
    pub fn compensate_by_call<U: Command<Reply = ()>, T: Record>(
        mut self,
        call: impl for<'a> Outside2<'a, R, U, C::Reply, T>,
        record: impl for<'a> TakesBackFor<'a, R, U, T>,
    ) -> Self {
        let names = names_back_for::<R, U, T, _>(&record);
        self.back = Some(Compensation {
            hears: U::NAME,
            topic: None,
            to: Some(U::TO),
            decode: decode::<U>,
            names,
            call: Some((erase_call2(call), HALF_A_MINUTE)),
            handle: erase_back_for::<R, U, T, _>(record),
            too_late: None,
        });
        self
    }

    /// Says that there is nothing to take back.
    pub const fn leaves_nothing(mut self) -> Self {
        self.leaves_nothing = true;
        self
    }

    pub(crate) fn into_unit(self) -> Unit<R> {
        Unit {
            hears: C::NAME,
            topic: None,
            to: Some(C::TO),
            decode: decode::<C>,
            names: self.names,
            stages: self.stages,
            back: self.back.into_iter().collect(),
            pivot: false,
            leaves_nothing: self.leaves_nothing,
        }
    }
}

/// What may stand behind `.on::<E>(..)`.
#[diagnostic::on_unimplemented(
    message = "this does not react to `{E}`",
    label = "expected `react(..)`, `call(..).react(..)` or `look(..).call(..).react(..)` of `{E}`"
)]
pub trait Reacts<R, E> {
    #[doc(hidden)]
    #[allow(private_interfaces)] // Only the table calls it.
    fn into_unit(self) -> Unit<R>;
}

impl<R: Send + Sync + 'static, E: Event, O: Emit> Reacts<R, E> for Reaction<R, E, O> {
    #[allow(private_interfaces)] // Only the table calls it.
    fn into_unit(self) -> Unit<R> {
        Unit {
            hears: E::NAME,
            topic: Some(E::TOPIC),
            to: None,
            decode: decode::<E>,
            names: O::names(),
            stages: self.stages,
            back: self.back,
            pivot: self.pivot,
            leaves_nothing: self.leaves_nothing,
        }
    }
}
