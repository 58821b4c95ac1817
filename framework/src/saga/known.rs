//! What a run knows at a point of its plan, as a type: the saga, the context, the input, and what
//! earlier steps made. A step takes any of it by reference, by type, in any order.

use crate::error::Refusal;
use crate::message::Way;
use crate::saga::Saga;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The run as seen by a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cx {
    /// The saga.
    pub saga: &'static str,
    /// The run.
    pub run: String,
    /// The step.
    pub step: &'static str,
    /// Action or compensation.
    pub way: Way,
    /// Counts the attempts, from 1.
    pub attempt: u32,
    /// The trace that the run belongs to, as W3C Trace Context writes it: to be handed to the outside
    /// as it is.
    pub traceparent: Option<Text>,
}

impl Cx {
    /// The idempotency key of the step: the same over retries, restarts and owners; another one for
    /// the way back.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}/{}", self.saga, self.run, self.step, self.way.name())
    }
}

/// What an asked step made, as far as anybody knows when it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Made<T> {
    /// The reply came.
    Known(T),
    /// Nobody knows whether the step was done.
    Unknown,
}

/// Why a run is taken back. Only compensations may take it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Who said no, step by step.
    #[serde(default)]
    pub refusals: Vec<(String, Refusal)>,
    /// Why somebody cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    /// Steps that did not answer in time; `deadline` for the run itself.
    #[serde(default)]
    pub late: Vec<String>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.refusals.iter().map(|(step, refusal)| format!("{step} said {refusal}")));
        parts.extend(self.cancelled.iter().map(|reason| format!("cancelled: {reason}")));
        parts.extend(self.late.iter().map(|step| format!("{step} was late")));
        f.write_str(&parts.join("; "))
    }
}

/// The values that a step may take; slot numbers count from the ground.
#[derive(Default, Clone)]
pub struct Known {
    slots: Vec<Option<Arc<dyn Any + Send + Sync>>>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} known values", self.slots.iter().flatten().count())
    }
}

impl Known {
    /// Puts a value on top.
    pub fn push(&mut self, value: Option<Arc<dyn Any + Send + Sync>>) {
        self.slots.push(value);
    }

    /// The value of a slot.
    ///
    /// # Panics
    ///
    /// If the slot holds no such value: the plan checked, as a type, that the step was done.
    #[must_use]
    pub fn at<T: 'static>(&self, slot: usize) -> &T {
        let value = self.slots.get(slot).and_then(Option::as_ref);
        value.and_then(|value| value.downcast_ref()).expect("the plan checked that this is known")
    }
}

/// Known from the first step on: the saga, its context and its input.
///
/// A type of its own and no list: while a plan is written down its saga is not yet known, and the
/// compiler would take what the first step asks for as the input.
#[derive(Debug)]
pub struct Begun<S>(std::marker::PhantomData<fn() -> S>);

/// A value lies on top.
#[derive(Debug)]
pub struct Here;

/// A value lies further down.
#[derive(Debug)]
pub struct Below<I>(std::marker::PhantomData<I>);

/// It is what the run is begun with.
#[derive(Debug)]
pub struct Input;

/// It is nowhere: without a second way to be begun the compiler would say of a missing thing only
/// that it is not the input.
#[derive(Debug)]
pub struct Nowhere;

/// No saga is that.
pub trait Never {}

/// A list of known things that holds a `T`.
#[diagnostic::on_unimplemented(
    message = "nothing before this step makes `{T}`",
    label = "this function asks for `&{T}`, which is not known when it runs",
    note = "a step may take, by reference: the saga, `Cx`, the input, and what EARLIER steps made",
    note = "steps side by side in `together` do not see each other; what a `.when(..)` step made is `&Option<{T}>`",
    note = "the compensation of an ASKED step takes its own reply only as `&Made<{T}>`: it may run when nobody knows whether the step was done"
)]
pub trait Has<T, I> {
    /// How far from the top.
    const DEPTH: usize;
}

impl<T, Rest> Has<T, Here> for (T, Rest) {
    const DEPTH: usize = 0;
}

impl<T, H, Rest: Has<T, I>, I> Has<T, Below<I>> for (H, Rest) {
    const DEPTH: usize = 1 + Rest::DEPTH;
}

impl<S> Has<S, Here> for Begun<S> {
    const DEPTH: usize = 2;
}

impl<S> Has<Cx, Below<Here>> for Begun<S> {
    const DEPTH: usize = 1;
}

impl<T, S: Saga<Input = T>> Has<T, Input> for Begun<S> {
    const DEPTH: usize = 0;
}

impl<T, S: Never> Has<T, Nowhere> for Begun<S> {
    const DEPTH: usize = 0;
}

/// How many things are known.
pub trait Len {
    /// The number.
    const LEN: usize;
}

impl Len for () {
    const LEN: usize = 0;
}

impl<S> Len for Begun<S> {
    const LEN: usize = 3;
}

impl<H, R: Len> Len for (H, R) {
    const LEN: usize = 1 + R::LEN;
}

/// Every argument of a function is known.
pub trait KnownIn<M, I> {
    /// The slots of the arguments.
    fn slots() -> Vec<usize>;
}

impl<M> KnownIn<M, ()> for () {
    fn slots() -> Vec<usize> {
        Vec::new()
    }
}

impl<M: Has<A, I> + Len, A, Rest: KnownIn<M, J>, I, J> KnownIn<M, (I, J)> for (A, Rest) {
    fn slots() -> Vec<usize> {
        let mut all = vec![M::LEN - 1 - M::DEPTH];
        all.extend(Rest::slots());
        all
    }
}
