//! Sagas: what a user writes to have several services either complete together or be taken back.
//!
//! A saga is a table of steps. Each line says how the step goes forward and how it is taken back:
//!
//! ```text
//! plan ──shape──► decide(shape, journal, input, now) ──► facts (into the journal) + effects (done by the rim)
//! ```
//!
//! [`Plan`] holds the table; its [`Shape`] is plain data, which is drawn, compared and stored;
//! [`decide`](decide::decide) is the whole protocol as a pure function over the [`journal`].
//!
//! Not here: who calls `decide` and carries out its effects (`coordinator`), what a participant does
//! with a command (`reactor`).

pub mod decide;
mod draw;
mod function;
pub mod journal;
mod json;
mod known;
mod law;
mod plan;
mod retry;
mod shape;
mod step;

pub use function::{Action, Compensation, Function};
pub use known::{Begun, Below, Cx, Has, Here, Known, KnownIn, Len, Made, Why};
pub use law::{
    Act, Always, Ask, Committed, Compensable, Decides, FitsIn, Headed, Hear, MayEnd, Nothing, Open,
    Pivot, Presence, Reversible, Sometimes, Tail, Tell,
};
pub use plan::{Line, Plan, Side, Stays, Steps, Timing};
pub use retry::Retry;
pub use shape::{Back, Digest, Head, Shape, StepShape};
pub use step::{Skippable, Step, Typed, act, ask, hear, tell};

use crate::message::Record;

/// A business transaction over several services: it completes, or it is compensated.
///
/// # Example
///
/// ```
/// use ballet::{Fault, Plan, Saga, StepError, act, refuse};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Trip { traveller: String }
/// #[derive(Serialize, Deserialize)]
/// struct Flight { pnr: String }
///
/// struct BookTrip;
///
/// impl Saga for BookTrip {
///     const NAME: &'static str = "book-trip";
///     type Input = Trip;
///
///     fn plan() -> Plan<Self> {
///         Plan::begin()
///             .step("book-flight", act(Self::book_flight).compensate(Self::cancel_flight))
///             .step("pay", act(Self::pay).pivot())
///             .end()
///     }
/// }
///
/// impl BookTrip {
///     async fn book_flight(&self, trip: &Trip) -> Result<Flight, StepError> {
///         Ok(Flight { pnr: format!("for {}", trip.traveller) })
///     }
///     async fn cancel_flight(&self, _flight: &Flight) -> Result<(), Fault> {
///         Ok(())
///     }
///     async fn pay(&self, _flight: &Flight) -> Result<(), StepError> {
///         Err(refuse("declined", "the card was declined"))
///     }
/// }
/// assert_eq!(BookTrip::plan().shape().steps.len(), 2);
/// ```
pub trait Saga: Sized + Send + Sync + 'static {
    /// The name under which runs are stored. Never reuse one for another saga.
    const NAME: &'static str;
    /// The version of the plan; raise it when the plan changes, and keep the old one as `former`.
    const VERSION: u32 = 1;
    /// What a run is begun with. It is stored once and never changes.
    type Input: Record;

    /// The steps, in order.
    fn plan() -> Plan<Self>;

    /// How patient this instance is, where that is not what the plan says. It is asked once, when the saga
    /// is given to an app; so what is read from a configuration goes into a field, and from there into
    /// the plan. Times belong to no version: runs under way follow the new ones from then on.
    ///
    /// ```
    /// # use ballet::{Plan, Saga, StepError, act};
    /// # use ballet::saga::Timing;
    /// # use serde::{Deserialize, Serialize};
    /// # use std::time::Duration;
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Trip {}
    /// struct BookTrip { patience: Duration }
    ///
    /// impl Saga for BookTrip {
    ///     # const NAME: &'static str = "book-trip";
    ///     # type Input = Trip;
    ///     // name, input, and:
    ///     fn plan() -> Plan<Self> {
    ///         Plan::begin().step("book-flight", act(Self::book).leaves_nothing()).end()
    ///     }
    ///     fn timing(&self, timing: &mut Timing<'_>) {
    ///         timing.run(4 * self.patience).within("book-flight", self.patience);
    ///     }
    /// }
    /// # impl BookTrip {
    /// #     async fn book(&self, _: &Trip) -> Result<(), StepError> { Ok(()) }
    /// # }
    /// ```
    ///
    /// A step that is not in the plan, or waits for nobody, is refused when the app starts.
    fn timing(&self, timing: &mut Timing<'_>) {
        let _ = timing;
    }
}
