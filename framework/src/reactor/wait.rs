//! Waits: the deadlines of a choreography. A wait without an end cannot be written.

use crate::error::Fault;
use crate::message::{Event, Topic};
use crate::reactor::emit::{Emit, Names};
use crate::reactor::handler::{Decode, Handle, InTx, decode, erase};
use crate::reactor::reaction::speaks;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// One event or several, any of which ends a wait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, nor a tuple of events",
    label = "what is awaited must be events: `(PaymentAuthorized, PaymentDeclined)`"
)]
pub trait Events {
    /// Their names and topics.
    fn all() -> Vec<(&'static str, Topic)>;
}

macro_rules! events {
    ($($E:ident)+) => {
        impl<$($E: Event),+> Events for ($($E,)+) {
            fn all() -> Vec<(&'static str, Topic)> {
                vec![$(($E::NAME, $E::TOPIC)),+]
            }
        }
    };
}
events!(A);
events!(A B);
events!(A B C);
events!(A B C D);
events!(A B C D E);
events!(A B C D E F);

/// After `A`, one of `U` is expected.
pub struct After<A, U = ()> {
    until: Vec<(&'static str, Topic)>,
    types: PhantomData<fn() -> (A, U)>,
}

impl<A, U> fmt::Debug for After<A, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a wait without an end")
    }
}

/// A wait that begins when `A` is heard, or said by the reactor itself.
#[must_use]
pub const fn after<A: Event>() -> After<A> {
    After { until: Vec::new(), types: PhantomData }
}

impl<A: Event> After<A> {
    /// What ends the wait, heard or said by the reactor itself.
    #[must_use]
    pub fn until<U: Events>(self) -> After<A, U> {
        After { until: U::all(), types: PhantomData }
    }
}

impl<A: Event, U> After<A, U> {
    /// How long is waited, and what is done then. This is the only way to close a wait.
    pub fn within<F, R, O>(self, within: Duration, otherwise: F) -> Wait<R>
    where
        F: for<'a> InTx<'a, R, A, Result<O, Fault>>,
        R: Send + Sync + 'static,
        O: Emit,
    {
        Wait {
            after: (A::NAME, A::TOPIC),
            until: self.until,
            names: O::names(),
            decode: decode::<A>,
            within,
            otherwise: erase(otherwise, |spoken: Result<O, Fault>, said| speaks(spoken, said)),
        }
    }
}

/// A wait with its end.
pub struct Wait<R> {
    pub(crate) after: (&'static str, Topic),
    pub(crate) until: Vec<(&'static str, Topic)>,
    pub(crate) names: Names,
    pub(crate) decode: Decode,
    pub(crate) within: Duration,
    pub(crate) otherwise: Handle<R>,
}

impl<R> fmt::Debug for Wait<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until: Vec<_> = self.until.iter().map(|(name, _)| name).collect();
        write!(f, "after {} until {until:?} within {:?}", self.after.0, self.within)
    }
}

/// A wait in the table of its reactor, by name.
pub(crate) struct Waiting<R> {
    pub(crate) name: &'static str,
    pub(crate) wait: Wait<R>,
}
