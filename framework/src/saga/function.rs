//! Plain named functions of borrowed things, of any arity up to eight.
//!
//! The signature is read off the function first; whether its arguments are known is checked
//! afterwards, by `.step`. So the compiler names the missing argument, and not a bound.

use crate::error::Fault;
use crate::saga::known::Known;
use std::future::Future;

/// A pure function from known things to `Out`.
#[diagnostic::on_unimplemented(
    message = "this is not a function of borrowed things",
    label = "expected `fn(&self, &Known, ..) -> Command`, every argument a reference",
    note = "a step takes what it needs by reference: `fn authorize(&self, order: &Order, held: &StockHeld) -> Authorize`"
)]
pub trait Function<Out, Args>: Send + Sync + 'static {
    /// Calls it with the values of these slots.
    fn call(&self, known: &Known, slots: &[usize]) -> Out;
}

/// An async method from known things to `Result<T, E>`.
#[diagnostic::on_unimplemented(
    message = "this is not an async method of borrowed things",
    label = "expected `async fn(&self, &.., ..) -> Result<T, StepError>` (or `Fault`), every argument a reference",
    note = "if the signature is right, its future is not `Send`: something like an `Rc` or a lock guard lives across an `.await`"
)]
pub trait Action<'a, T, E, Args>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<T, E>> + Send + 'a;
    /// Calls it with the values of these slots.
    fn call(&self, known: &'a Known, slots: &[usize]) -> Self::Future;
}

/// An async method that takes back what an action made.
#[diagnostic::on_unimplemented(
    message = "this cannot take a step back",
    label = "expected `async fn(&self, &.., ..) -> Result<(), Fault>`, every argument a reference",
    note = "a compensation cannot refuse: it returns `Fault`, and is tried until it is done",
    note = "if the signature is right, its future is not `Send`: something like an `Rc` or a lock guard lives across an `.await`"
)]
pub trait Compensation<'a, Args>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<(), Fault>> + Send + 'a;
    /// Calls it with the values of these slots.
    fn call(&self, known: &'a Known, slots: &[usize]) -> Self::Future;
}

macro_rules! list {
    () => { () };
    ($head:ident $($tail:ident)*) => { ($head, list!($($tail)*)) };
}

macro_rules! arity {
    ($($A:ident $i:literal),*) => {
        impl<Func, Out, $($A: 'static),*> Function<Out, list!($($A)*)> for Func
        where
            Func: Fn($(&$A),*) -> Out + Send + Sync + 'static,
        {
            fn call(&self, known: &Known, slots: &[usize]) -> Out {
                self($(known.at::<$A>(slots[$i])),*)
            }
        }
        impl<'a, Func, Fut, T, E, $($A: 'static),*> Action<'a, T, E, list!($($A)*)> for Func
        where
            Func: Fn($(&'a $A),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<T, E>> + Send + 'a,
        {
            type Future = Fut;
            fn call(&self, known: &'a Known, slots: &[usize]) -> Fut {
                self($(known.at::<$A>(slots[$i])),*)
            }
        }
        impl<'a, Func, Fut, $($A: 'static),*> Compensation<'a, list!($($A)*)> for Func
        where
            Func: Fn($(&'a $A),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<(), Fault>> + Send + 'a,
        {
            type Future = Fut;
            fn call(&self, known: &'a Known, slots: &[usize]) -> Fut {
                self($(known.at::<$A>(slots[$i])),*)
            }
        }
    };
}

arity!(A 0);
arity!(A 0, B 1);
arity!(A 0, B 1, C 2);
arity!(A 0, B 1, C 2, D 3);
arity!(A 0, B 1, C 2, D 3, F 4);
arity!(A 0, B 1, C 2, D 3, F 4, G 5);
arity!(A 0, B 1, C 2, D 3, F 4, G 5, H 6);
arity!(A 0, B 1, C 2, D 3, F 4, G 5, H 6, J 7);
