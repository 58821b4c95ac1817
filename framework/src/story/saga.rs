//! A saga alone: given an input, expect a command, given a reply, expect an end.

use crate::clock::Time;
use crate::error::{Refusal, StepError};
use crate::message::{Command, Record, Reply, Way};
use crate::saga::decide::{Decision, Effect, Input, Ran, decide};
use crate::saga::journal::{End, Journal, Signal, Verb};
use crate::saga::{Back, Cx, Head, Plan, Saga};
use crate::story::transcript::tell;
use serde_json::value::to_raw_value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A run of a saga with nothing around it: no store, no broker, no clock but its own.
///
/// # Example
///
/// ```
/// use ballet::story::SagaStory;
/// use ballet::{Plan, Saga, ask};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order { id: String }
/// #[derive(Serialize, Deserialize)]
/// struct Reserve { id: String }
/// #[derive(Serialize, Deserialize)]
/// struct Release { id: String }
/// #[derive(Serialize, Deserialize)]
/// struct Charge { id: String }
/// ballet::service! { STOCK = "stock" { Reserve = "stock.reserve" -> (), Release = "stock.release" -> () } }
/// ballet::service! { TILL = "till" { Charge = "till.charge" -> () } }
///
/// struct Buy;
/// impl Saga for Buy {
///     const NAME: &'static str = "buy";
///     type Input = Order;
///     fn plan() -> Plan<Self> {
///         Plan::begin()
///             .step("reserve", ask(Self::reserve).compensate(Self::release))
///             .step("charge", ask(Self::charge).pivot())
///             .end()
///     }
/// }
/// impl Buy {
///     fn reserve(order: &Order) -> Reserve { Reserve { id: order.id.clone() } }
///     fn release(order: &Order) -> Release { Release { id: order.id.clone() } }
///     fn charge(order: &Order) -> Charge { Charge { id: order.id.clone() } }
/// }
///
/// let mut story = SagaStory::begin(Buy, &Order { id: "1".into() });
/// story.reply::<Reserve>(());
/// story.refuse::<Charge>("declined", "no cover");
/// story.take_back::<Release>();
/// assert_eq!(story.told(), "\
/// reserve  done
/// charge   refused: declined: no cover
/// reserve  taken back
/// compensated
/// ");
/// ```
pub struct SagaStory<S: Saga> {
    saga: Arc<S>,
    plan: Plan<S>,
    journal: Journal,
    now: Time,
    wake: Option<Time>,
    /// Commands that were sent and are not answered, by step and way.
    sent: BTreeMap<(usize, Way), (u32, String)>,
    /// Methods that are to run, by step and way.
    running: BTreeMap<(usize, Way), (u32, u32)>,
}

impl<S: Saga> fmt::Debug for SagaStory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

/// The id of the only run of a story.
const RUN: &str = "story";

impl<S: Saga> SagaStory<S> {
    /// Begins a run.
    ///
    /// # Panics
    ///
    /// If the plan breaks a rule, or the input cannot be written as JSON.
    #[must_use]
    pub fn begin(saga: S, input: &S::Input) -> Self {
        let (plan, faults) = Plan::of(&saga);
        assert!(faults.is_empty(), "{faults:?}");
        plan.check().expect("the plan keeps the rules");
        let journal = Journal {
            version: plan.shape().version,
            digest: plan.shape().digest(),
            input: to_raw_value(input).expect("the input can be written as JSON"),
            correlation: RUN.into(),
            causation: None,
            hop: 0,
            traceparent: None,
            armed: None,
            facts: Vec::new(),
        };
        let (sent, running) = (BTreeMap::new(), BTreeMap::new());
        let (saga, now) = (Arc::new(saga), Time::from_micros(0));
        let mut story = Self { saga, plan, journal, now, wake: None, sent, running };
        story.give(Input::Begin);
        story
    }

    /// Gives the run an input, and takes what it wants done.
    fn give(&mut self, input: Input) {
        let mut needed = |journal: &Journal, step| {
            self.plan.is_needed(&self.saga, RUN, step, journal).map_err(|told| told.to_string())
        };
        let decision = decide(self.plan.shape(), &self.journal, input, self.now, &mut needed);
        let Decision { facts, effects, wake } = decision.expect("the plan's predicates say");
        self.journal.extend(facts);
        self.wake = wake;
        for effect in effects {
            match effect {
                Effect::Send { step, way, round, .. } => self.send(step, way, round),
                Effect::Run { step, way, round, attempt } => {
                    self.running.insert((step, way), (round, attempt));
                }
                Effect::Attend { .. } | Effect::End(_) | Effect::Contradicted { .. } => {}
            }
        }
    }

    fn send(&mut self, step: usize, way: Way, round: u32) {
        let body = self.plan.command(&self.saga, RUN, step, way, &self.journal);
        let body = body.expect("the command can be written as JSON").get().to_owned();
        if !matches!(self.plan.shape().steps[step].head, Head::Tell { .. }) || way == Way::Back {
            self.sent.insert((step, way), (round, body));
        }
    }

    /// The step that sent the command `C` and waits for its answer.
    fn asked<C: Command>(&self) -> ((usize, Way), u32, &str) {
        let steps = &self.plan.shape().steps;
        let is = |(step, way): &(usize, Way)| match (way, steps[*step].head, steps[*step].back) {
            (Way::Forward, Head::Ask { command, .. }, _)
            | (Way::Back, _, Back::Ask { command, .. }) => command == C::NAME,
            _ => false,
        };
        let found = self.sent.iter().find(|(at, _)| is(at));
        let (at, (round, body)) =
            found.unwrap_or_else(|| panic!("nobody waits for `{}`:\n{}", C::NAME, self.told()));
        (*at, *round, body)
    }

    /// The command `C` that waits for its answer.
    ///
    /// # Panics
    ///
    /// If none does.
    #[must_use]
    pub fn command<C: Command>(&self) -> C {
        serde_json::from_str(self.asked::<C>().2).expect("a command is read as it was written")
    }

    /// Whether the command `C` waits for its answer.
    #[must_use]
    pub fn waits_for<C: Command>(&self) -> bool {
        let steps = &self.plan.shape().steps;
        self.sent.keys().any(|(step, way)| match (way, steps[*step].head, steps[*step].back) {
            (Way::Forward, Head::Ask { command, .. }, _)
            | (Way::Back, _, Back::Ask { command, .. }) => command == C::NAME,
            _ => false,
        })
    }

    fn answer<C: Command>(&mut self, reply: Reply) {
        let (at, round, _) = self.asked::<C>();
        self.sent.remove(&at);
        let (step, way) = at;
        self.give(Input::Replied { step, way, round, reply });
    }

    /// The participant does what `C` asks, and answers this.
    ///
    /// # Panics
    ///
    /// If nobody waits for `C`.
    #[allow(clippy::needless_pass_by_value)] // `story.reply::<Reserve>(held(7))` reads as it is said.
    pub fn reply<C: Command>(&mut self, reply: C::Reply) {
        let made = to_raw_value(&reply).expect("a reply can be written as JSON");
        self.answer::<C>(Reply::Done(made));
    }

    /// The participant refuses what `C` asks.
    ///
    /// # Panics
    ///
    /// If nobody waits for `C`.
    pub fn refuse<C: Command>(&mut self, code: &'static str, detail: &str) {
        self.answer::<C>(Reply::Refused(Refusal::new(code, detail)));
    }

    /// The participant takes back what `C` asks to take back.
    ///
    /// # Panics
    ///
    /// If nobody waits for `C`.
    pub fn take_back<C: Command<Reply = ()>>(&mut self) {
        self.answer::<C>(Reply::Compensated { made: true });
    }

    /// Runs the methods that are to run, until none is. They must not wait for anything.
    ///
    /// # Panics
    ///
    /// If a method waits.
    pub fn run_methods(&mut self) {
        while let Some(((step, way), (round, attempt))) = self.running.pop_first() {
            let name = self.plan.shape().steps[step].name;
            let traceparent = self.journal.traceparent.clone();
            let cx =
                Cx { saga: S::NAME, run: RUN.to_owned(), step: name, way, attempt, traceparent };
            let ran = {
                let mut future = self.plan.run(&self.saga, cx, step, &self.journal);
                match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(made)) => Ran::Done(made),
                    Poll::Ready(Err(StepError::Refused(no))) => Ran::Refused(no),
                    Poll::Ready(Err(StepError::Fault(fault))) => Ran::Fault(fault.to_string()),
                    Poll::Pending => panic!("the method of `{name}` waits for something"),
                }
            };
            self.give(Input::Ran { step, way, round, ran });
        }
    }

    /// A signal comes for a step.
    ///
    /// # Panics
    ///
    /// If there is no such step.
    pub fn signal<T: Record>(&mut self, step: &str, said: &T) {
        let step = self.step(step);
        let said = to_raw_value(said).expect("a signal can be written as JSON");
        self.give(Input::Signalled { step, signal: Signal::Yes(said) });
    }

    /// Somebody cancels the run.
    pub fn cancel(&mut self, reason: &str) {
        self.give(Input::Cancel { by: "somebody".to_owned(), reason: reason.to_owned() });
    }

    /// Somebody does what an operator may do to a step.
    ///
    /// # Panics
    ///
    /// If there is no such step.
    pub fn operate(&mut self, verb: Verb, step: &str, reason: &str) {
        let (step, by, reason) = (self.step(step), "somebody".to_owned(), reason.to_owned());
        self.give(Input::Operate { verb, step, by, reason });
    }

    /// Time passes, and with it whatever is due in it.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.after(time);
        while let Some(wake) = self.wake.filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.give(Input::Tick);
        }
        self.now = until;
    }

    fn step(&self, name: &str) -> usize {
        self.plan.shape().position(name).unwrap_or_else(|| panic!("there is no step `{name}`"))
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.journal.end()
    }

    /// The run as a transcript.
    #[must_use]
    pub fn told(&self) -> String {
        tell(self.plan.shape(), &self.journal)
    }
}
