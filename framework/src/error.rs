//! What can go wrong, for three audiences.
//!
//! A *refusal* is the business saying no, a *fault* is technology saying no, and both are returned by
//! user code. [`Error`] is what the framework says to whoever called it.
//!
//! `?` always makes a fault, because a fault is tried again and that is safe. Saying no is always
//! explicit: [`refuse`].

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The business says no: a stable code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// A stable, snake-case code, as `out_of_stock`.
    pub code: Cow<'static, str>,
    /// What a person should read.
    pub detail: String,
}

impl Refusal {
    /// A refusal with a code and a sentence.
    pub fn new(code: impl Into<Cow<'static, str>>, detail: impl fmt::Display) -> Self {
        Self { code: code.into(), detail: detail.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.is_empty() {
            true => write!(f, "{}", self.code),
            false => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

/// Something broke. What met it is tried again.
///
/// Any error becomes a fault through `?`.
///
/// ```
/// fn parse(text: &str) -> Result<u32, ballet::Fault> {
///     Ok(text.parse()?)
/// }
/// assert!(parse("seven").is_err());
/// ```
pub struct Fault {
    cause: Box<dyn std::error::Error + Send + Sync>,
    not_yet: bool,
}

impl Fault {
    /// A fault that is told by a sentence.
    pub fn new(what: impl fmt::Display) -> Self {
        Self { cause: what.to_string().into(), not_yet: false }
    }

    /// Not an error at all: something that this message needs is not here yet.
    ///
    /// The message is set aside and tried again, after each later message of its key and with
    /// back-off. It is never counted as a failed attempt and does not hold its key.
    pub fn not_yet(what: impl fmt::Display) -> Self {
        Self { cause: what.to_string().into(), not_yet: true }
    }

    /// Whether this only says that something is not here yet.
    #[must_use]
    pub const fn is_not_yet(&self) -> bool {
        self.not_yet
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.cause.to_string();
        let mut next = self.cause.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        f.write_str(&text)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Fault {
    fn from(cause: E) -> Self {
        Self { cause: Box::new(cause), not_yet: false }
    }
}

/// Why a step did not make what it was to make.
#[derive(Debug)]
pub enum StepError {
    /// The business says no. The run is taken back.
    Refused(Refusal),
    /// Something broke. The step is tried again.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for StepError {
    fn from(cause: E) -> Self {
        Self::Fault(cause.into())
    }
}

/// Says no: a stable code for programs and a sentence for people.
///
/// ```
/// use ballet::{StepError, refuse};
///
/// fn check(qty: u32) -> Result<(), StepError> {
///     match qty {
///         0 => Err(refuse("empty", "an order has at least one piece")),
///         _ => Ok(()),
///     }
/// }
/// assert!(matches!(check(0), Err(StepError::Refused(no)) if no.code == "empty"));
/// ```
pub fn refuse(code: impl Into<Cow<'static, str>>, detail: impl fmt::Display) -> StepError {
    StepError::Refused(Refusal::new(code, detail))
}

/// What kind of thing the framework could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store could not be read or written.
    Store,
    /// The outcome of a commit is not known; the next compare-and-set will tell.
    Unknown,
    /// Another owner has taken the lane.
    Superseded,
    /// The broker could not be reached, or refused.
    Broker,
    /// Bytes that are not what they should be.
    Codec,
    /// A plan, a reactor or the whole app breaks a rule; found when it starts.
    Definition,
    /// The same id or key came with another content.
    Conflict,
    /// There is no such thing.
    NotFound,
    /// An id or a key is longer than [what fits](crate::Key::LONGEST).
    TooLong,
    /// Too much is in flight; ask again later.
    Busy,
    /// The app has been stopped.
    Closed,
}

/// What the framework says to whoever called it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, told by a sentence: lower case, no full stop, says what to do.
    pub fn new(kind: ErrorKind, text: impl fmt::Display) -> Self {
        Self { kind, text: text.to_string(), cause: None }
    }

    /// The same with its cause, which is told by [`source`](std::error::Error::source) alone.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What kind of thing could not be done.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
