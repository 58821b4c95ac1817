//! Handlers: plain async methods, told apart by what they may reach.
//!
//! Whoever is given a `&mut Tx` is in the service's transaction and sees nothing of the outside;
//! whoever is given a `&Call` talks to the outside and has no transaction in reach.

use crate::error::{Fault, StepError};
use crate::future::BoxFuture;
use crate::message::Record;
use crate::reactor::call::Call;
use crate::reactor::emit::{Emit, Names, Said, Says};
use crate::tx::Tx;
use serde_json::value::{RawValue, to_raw_value};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;

pub(crate) type Json = Box<RawValue>;
/// A message body as its type.
pub(crate) type Decoded = Arc<dyn Any + Send + Sync>;

/// What a handler is given besides the service and its transaction.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) message: Decoded,
    /// What was made, looked up, or brought from outside, by the stage.
    pub(crate) extra: Option<Json>,
}

pub(crate) type Handle<R> = Arc<
    dyn for<'a> Fn(&'a R, &'a mut Tx, &'a Given) -> BoxFuture<'a, Result<Said, StepError>>
        + Send
        + Sync,
>;
pub(crate) type Look<R> = Arc<
    dyn for<'a> Fn(&'a R, &'a mut Tx, &'a Given) -> BoxFuture<'a, Result<Option<Json>, Fault>>
        + Send
        + Sync,
>;
pub(crate) type GoOut<R> = Arc<
    dyn for<'a> Fn(&'a R, &'a Call, &'a Given) -> BoxFuture<'a, Result<Json, Fault>> + Send + Sync,
>;
pub(crate) type Decode = fn(&[u8]) -> Result<Decoded, Fault>;

pub(crate) fn decode<A: Record>(body: &[u8]) -> Result<Decoded, Fault> {
    Ok(Arc::new(serde_json::from_slice::<A>(body)?))
}

impl Given {
    fn message<A: 'static>(&self) -> &A {
        self.message.downcast_ref().expect("a handler is given the message that it hears")
    }

    /// The second thing of a handler; one that is missing reads as `null`.
    fn extra<B: Record>(&self) -> Result<B, Fault> {
        Ok(serde_json::from_str(self.extra.as_ref().map_or("null", |json| json.get()))?)
    }
}

/// An async method in the service's transaction.
#[diagnostic::on_unimplemented(
    message = "this is not a reaction",
    label = "expected `async fn(&self, &mut Tx, &Message) -> Result<_, _>`"
)]
pub trait InTx<'a, R, A, O>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = O> + Send + 'a;
    /// Runs it.
    fn run(&self, reactor: &'a R, tx: &'a mut Tx, message: &'a A) -> Self::Future;
}

impl<'a, F, Fut, R: 'static, A: 'static, O> InTx<'a, R, A, O> for F
where
    F: Fn(&'a R, &'a mut Tx, &'a A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = O> + Send + 'a,
{
    type Future = Fut;
    fn run(&self, reactor: &'a R, tx: &'a mut Tx, message: &'a A) -> Fut {
        self(reactor, tx, message)
    }
}

/// The same with a second thing: what the outside call brought.
#[diagnostic::on_unimplemented(
    message = "this does not record what the call brought",
    label = "expected `async fn(&self, &mut Tx, &{A}, &{B}) -> Result<_, _>`"
)]
pub trait InTx2<'a, R, A, B, O>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = O> + Send + 'a;
    /// Runs it.
    fn run(&self, reactor: &'a R, tx: &'a mut Tx, message: &'a A, second: &'a B) -> Self::Future;
}

impl<'a, F, Fut, R: 'static, A: 'static, B: 'static, O> InTx2<'a, R, A, B, O> for F
where
    F: Fn(&'a R, &'a mut Tx, &'a A, &'a B) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = O> + Send + 'a,
{
    type Future = Fut;
    fn run(&self, reactor: &'a R, tx: &'a mut Tx, message: &'a A, second: &'a B) -> Fut {
        self(reactor, tx, message, second)
    }
}

/// A call to the world: no transaction in reach, at least once, under a key.
#[diagnostic::on_unimplemented(
    message = "this is not a call to the outside",
    label = "expected `async fn(&self, &Call, &Message) -> Result<T, Fault>`: it sees no transaction"
)]
pub trait Outside<'a, R, A, T>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<T, Fault>> + Send + 'a;
    /// Runs it.
    fn run(&self, reactor: &'a R, call: &'a Call, message: &'a A) -> Self::Future;
}

impl<'a, F, Fut, R: 'static, A: 'static, T> Outside<'a, R, A, T> for F
where
    F: Fn(&'a R, &'a Call, &'a A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Fault>> + Send + 'a,
{
    type Future = Fut;
    fn run(&self, reactor: &'a R, call: &'a Call, message: &'a A) -> Fut {
        self(reactor, call, message)
    }
}

/// A call to the world with a second thing: what was looked up, or what is to be taken back.
#[diagnostic::on_unimplemented(
    message = "this is not a call to the outside",
    label = "expected `async fn(&self, &Call, &{A}, &{B}) -> Result<T, Fault>`: it sees no transaction"
)]
pub trait Outside2<'a, R, A, B, T>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<T, Fault>> + Send + 'a;
    /// Runs it.
    fn run(&self, reactor: &'a R, call: &'a Call, message: &'a A, second: &'a B) -> Self::Future;
}

impl<'a, F, Fut, R: 'static, A: 'static, B: 'static, T> Outside2<'a, R, A, B, T> for F
where
    F: Fn(&'a R, &'a Call, &'a A, &'a B) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Fault>> + Send + 'a,
{
    type Future = Fut;
    fn run(&self, reactor: &'a R, call: &'a Call, message: &'a A, second: &'a B) -> Fut {
        self(reactor, call, message, second)
    }
}

/// What a compensation of a reaction returns: `Result<impl Emit, Fault>`.
#[diagnostic::on_unimplemented(
    message = "a compensation cannot say `{Self}`",
    label = "it returns `Result<_, Fault>` of something that can be emitted, or of `()`",
    note = "a compensation cannot refuse: it is tried until it is done"
)]
pub trait Spoken {
    /// What may be said.
    fn names() -> Names;
    /// Says it.
    ///
    /// # Errors
    ///
    /// The handler's own fault, or one of writing.
    fn speak(self) -> Result<Said, Fault>;
}

impl<O: Emit> Spoken for Result<O, Fault> {
    fn names() -> Names {
        O::names()
    }
    fn speak(self) -> Result<Said, Fault> {
        let mut said = Said::default();
        self?.say(&mut said)?;
        Ok(said)
    }
}

/// What a compensation of an answer returns: `Result<(), Fault>`, or with facts beside it.
#[diagnostic::on_unimplemented(
    message = "a compensation cannot answer `{Self}`",
    label = "it returns `Result<(), Fault>` or `Result<And<(), Facts>, Fault>`",
    note = "a compensation cannot refuse: it is tried until it is done"
)]
pub trait SpokenBack {
    /// What may be said beside the reply.
    fn names() -> Names;
    /// Says it.
    ///
    /// # Errors
    ///
    /// The handler's own fault, or one of writing.
    fn speak(self) -> Result<Said, Fault>;
}

impl<O: Says<()>> SpokenBack for Result<O, Fault> {
    fn names() -> Names {
        O::names()
    }
    fn speak(self) -> Result<Said, Fault> {
        let mut said = Said::default();
        self?.say(&mut said)?;
        Ok(said)
    }
}

macro_rules! takes_back {
    ($(#[$doc:meta])* $name:ident, $spoken:ident, $made:ty) => {
        $(#[$doc])*
        pub trait $name<'a, R, E, M>: Send + Sync + 'static {
            /// What it may say.
            fn names() -> Names;
            /// Runs it.
            fn run(
                &self,
                reactor: &'a R,
                tx: &'a mut Tx,
                message: &'a E,
                made: &'a $made,
            ) -> BoxFuture<'a, Result<Said, Fault>>;
        }

        impl<'a, F, Fut, R: 'static, E: 'static, M: 'static> $name<'a, R, E, M> for F
        where
            F: Fn(&'a R, &'a mut Tx, &'a E, &'a $made) -> Fut + Send + Sync + 'static,
            Fut: Future + Send + 'a,
            Fut::Output: $spoken + Send,
        {
            fn names() -> Names {
                <Fut::Output as $spoken>::names()
            }
            fn run(
                &self,
                reactor: &'a R,
                tx: &'a mut Tx,
                message: &'a E,
                made: &'a $made,
            ) -> BoxFuture<'a, Result<Said, Fault>> {
                let future = self(reactor, tx, message, made);
                Box::pin(async move { future.await.speak() })
            }
        }
    };
}

takes_back! {
    /// Takes back what a reaction made, or shuts the door before it was made.
    #[diagnostic::on_unimplemented(
        message = "this does not take back what was made",
        label = "expected `async fn(&self, &mut Tx, &{E}, &Option<{M}>) -> Result<_, Fault>`",
        note = "a compensation is given what its reaction made, `None` if nothing: `&Option<{M}>`"
    )]
    TakesBack, Spoken, Option<M>
}

takes_back! {
    /// Takes back what an answer made.
    #[diagnostic::on_unimplemented(
        message = "this does not take back what was made",
        label = "expected `async fn(&self, &mut Tx, &{E}, &{M}) -> Result<(), Fault>`",
        note = "a compensation is given what its answer made: `&{M}`"
    )]
    TakesBackFor, SpokenBack, M
}

pub(crate) fn erase<R, A, O, F>(f: F, speak: fn(O, &mut Said) -> Result<(), StepError>) -> Handle<R>
where
    R: Send + Sync + 'static,
    A: Record,
    O: Send + 'static,
    F: for<'a> InTx<'a, R, A, O>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, tx, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let mut said = Said::default();
            speak(f.run(reactor, tx, given.message()).await, &mut said)?;
            Ok(said)
        })
    })
}

pub(crate) fn erase2<R, A, B, O, F>(
    f: F,
    speak: fn(O, &mut Said) -> Result<(), StepError>,
) -> Handle<R>
where
    R: Send + Sync + 'static,
    A: Record,
    B: Record,
    O: Send + 'static,
    F: for<'a> InTx2<'a, R, A, B, O>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, tx, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let (second, mut said) = (given.extra::<B>()?, Said::default());
            speak(f.run(reactor, tx, given.message(), &second).await, &mut said)?;
            Ok(said)
        })
    })
}

pub(crate) fn erase_look<R, A, L, F>(f: F) -> Look<R>
where
    R: Send + Sync + 'static,
    A: Record,
    L: Record,
    F: for<'a> InTx<'a, R, A, Result<Option<L>, Fault>>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, tx, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let found = f.run(reactor, tx, given.message()).await?;
            Ok(found.map(|found| to_raw_value(&found)).transpose()?)
        })
    })
}

pub(crate) fn erase_call<R, A, T, F>(f: F) -> GoOut<R>
where
    R: Send + Sync + 'static,
    A: Record,
    T: Record,
    F: for<'a> Outside<'a, R, A, T>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, call, given| {
        let f = Arc::clone(&f);
        Box::pin(async move { Ok(to_raw_value(&f.run(reactor, call, given.message()).await?)?) })
    })
}

pub(crate) fn erase_call2<R, A, B, T, F>(f: F) -> GoOut<R>
where
    R: Send + Sync + 'static,
    A: Record,
    B: Record,
    T: Record,
    F: for<'a> Outside2<'a, R, A, B, T>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, call, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let second = given.extra::<B>()?;
            Ok(to_raw_value(&f.run(reactor, call, given.message(), &second).await?)?)
        })
    })
}

pub(crate) fn erase_back<R, E, M, F>(f: F) -> Handle<R>
where
    R: Send + Sync + 'static,
    E: Record,
    M: Record,
    F: for<'a> TakesBack<'a, R, E, M>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, tx, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let made = given.made::<M>()?;
            Ok(f.run(reactor, tx, given.message(), &made).await?)
        })
    })
}

pub(crate) fn erase_back_for<R, E, M, F>(f: F) -> Handle<R>
where
    R: Send + Sync + 'static,
    E: Record,
    M: Record,
    F: for<'a> TakesBackFor<'a, R, E, M>,
{
    let f = Arc::new(f);
    Arc::new(move |reactor, tx, given| {
        let f = Arc::clone(&f);
        Box::pin(async move {
            let made = given.extra::<M>()?;
            Ok(f.run(reactor, tx, given.message(), &made).await?)
        })
    })
}

impl Given {
    /// What was made; `None` if nothing was.
    fn made<M: Record>(&self) -> Result<Option<M>, Fault> {
        Ok(self.extra.as_ref().map(|made| serde_json::from_str(made.get())).transpose()?)
    }
}
