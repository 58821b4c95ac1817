//! The runs of a saga, for operators, without knowing which saga it is.

use ballet::saga::Shape;
use ballet::saga::journal::Journal;
use ballet::{Error, Running, Saga};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The runs of one saga.
#[derive(Clone, Copy)]
pub struct Runs {
    pub(super) saga: &'static str,
    pub(super) shape: fn() -> Shape,
    pub(super) journal: for<'a> fn(&'a Running, &'a str) -> Doing<'a, Option<Journal>>,
    pub(super) cancel: for<'a> fn(&'a Running, &'a str, &'a str, &'a str) -> Doing<'a, ()>,
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the runs of `{}`", self.saga)
    }
}

impl Runs {
    /// The runs of saga `S`.
    #[must_use]
    pub fn of<S: Saga>() -> Self {
        Self {
            saga: S::NAME,
            shape: || S::plan().shape().clone(),
            journal: journal::<S>,
            cancel: cancel::<S>,
        }
    }
}

fn journal<'a, S: Saga>(app: &'a Running, id: &'a str) -> Doing<'a, Option<Journal>> {
    Box::pin(async move { app.run::<S>(id).journal().await })
}

fn cancel<'a, S: Saga>(
    app: &'a Running,
    id: &'a str,
    by: &'a str,
    reason: &'a str,
) -> Doing<'a, ()> {
    Box::pin(async move { app.run::<S>(id).cancel(by, reason).await })
}
