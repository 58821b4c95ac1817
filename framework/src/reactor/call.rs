//! Calls to the outside: first perhaps a look in the transaction, then the call, then its record.
//!
//! The call is made with no transaction in reach, at least once, under a key that stays the same over
//! retries, restarts and owners, and always with the findings that the look wrote down.

use crate::error::{Fault, StepError};
use crate::message::{Command, Event, Record};
use crate::reactor::emit::{Emit, Says};
use crate::reactor::handler::{
    GoOut, InTx, InTx2, Look, Outside, Outside2, erase_call, erase_call2, erase_look, erase2,
};
use crate::reactor::reaction::{Answer, Reaction, Stages, says, speaks};
use crate::text::Text;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A call to the outside, as its function sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The idempotency key: the same over retries, restarts and owners; another one when the step of a saga
    /// is tried anew after a no. The outside must honour it for as long as the longest business transaction
    /// lasts.
    pub key: String,
    /// Counts the attempts, from 1, as far as this owner knows.
    pub attempt: u32,
    /// The trace that the call belongs to, as W3C Trace Context writes it: to be handed to the outside
    /// as it is.
    pub traceparent: Option<Text>,
}

/// How long one call may take before it counts as broken.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// A look in the transaction that writes down that a call is under way.
pub struct Looked<R, A, L> {
    look: Look<R>,
    types: PhantomData<fn() -> (A, L)>,
}

/// A call, and perhaps a look before it; what it brings is not recorded yet.
#[must_use = "say how what it brought is recorded: `.react(..)` or `.answer(..)`"]
pub struct Called<R, A, T> {
    look: Option<Look<R>>,
    call: GoOut<R>,
    within: Duration,
    types: PhantomData<fn() -> (A, T)>,
}

impl<R, A, L> fmt::Debug for Looked<R, A, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a look")
    }
}

impl<R, A, T> fmt::Debug for Called<R, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a call within {:?}", self.within)
    }
}

/// Looks first, in the transaction that notes the call. `None`: there is nothing to call for, and
/// nobody is called. A reaction then does nothing at all; an answer refuses with `not_found`.
pub fn look<F, R, A, L>(f: F) -> Looked<R, A, L>
where
    F: for<'a> InTx<'a, R, A, Result<Option<L>, Fault>>,
    R: Send + Sync + 'static,
    A: Record,
    L: Record,
{
    Looked { look: erase_look(f), types: PhantomData }
}

/// Calls the outside: no transaction in reach, at least once, under a key.
pub fn call<F, R, A, T>(f: F) -> Called<R, A, T>
where
    F: for<'a> Outside<'a, R, A, T>,
    R: Send + Sync + 'static,
    A: Record,
    T: Record,
{
    Called { look: None, call: erase_call(f), within: HALF_A_MINUTE, types: PhantomData }
}

impl<R: Send + Sync + 'static, A: Record, L: Record> Looked<R, A, L> {
    /// Calls the outside with what the look found.
    pub fn call<F, T>(self, f: F) -> Called<R, A, T>
    where
        F: for<'a> Outside2<'a, R, A, L, T>,
        T: Record,
    {
        let (look, call) = (Some(self.look), erase_call2(f));
        Called { look, call, within: HALF_A_MINUTE, types: PhantomData }
    }
}

impl<R: Send + Sync + 'static, A: Record, T: Record> Called<R, A, T> {
    /// How long one call may take before it counts as broken, and is made again.
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Records what the call brought to an event.
    pub fn react<F, O>(self, f: F) -> Reaction<R, A, O>
    where
        F: for<'a> InTx2<'a, R, A, T, Result<O, Fault>>,
        A: Event,
        O: Emit,
    {
        let handle = erase2(f, |spoken: Result<O, Fault>, said| speaks(spoken, said));
        let (look, call) = (self.look, Some((self.call, self.within)));
        Reaction::new(Stages { look, call, handle })
    }

    /// Records what the call brought to a command, and answers it.
    pub fn answer<F, O>(self, f: F) -> Answer<R, A>
    where
        F: for<'a> InTx2<'a, R, A, T, Result<O, StepError>>,
        A: Command,
        O: Says<A::Reply>,
    {
        let handle =
            erase2(f, |spoken: Result<O, StepError>, said| says::<A::Reply, O>(spoken, said));
        let (look, call) = (self.look, Some((self.call, self.within)));
        Answer::new(Stages { look, call, handle }, O::names())
    }
}
