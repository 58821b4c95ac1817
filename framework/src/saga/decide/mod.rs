//! The protocol: what a run does next, as a pure function of what was written down.
//!
//! ```text
//!            ┌── forward, group by group ──► pivot done ──► forward only ──► completed
//!   begun ───┤
//!            └── refusal, unknown, cancel, deadline ──► taken back in reverse ──► compensated
//! ```
//!
//! The rules, each with its number in the design review:
//!
//! - A command is sent again under the same command id; an answer matches on that id and nothing else (H4, H23).
//! - When the time of an *asked* step is up it is **unknown** and is taken back without knowing; the
//!   participant's barrier resolves it. An *acted* step whose outcome is unknown is run again under
//!   its key until it answers. Neither before the time of the step and a margin have passed (H22).
//! - The pivot is sent only when every step before it is done. From then on cancel and deadline are
//!   written down and wait for its answer, and an unknown pivot is asked until it answers (H24).
//! - After the pivot only forward; a no from an asked step needs a person at once (H25).
//! - Compensation goes in reverse over the steps that were done or may have been, group by group. One
//!   that cannot be done blocks those before it, needs a person after some attempts, and is still tried.
//! - An answer that comes late is judged by the table of F27.
//!
//! No clock, no randomness, no I/O: `now` is an argument, and whether a step is needed is asked of the
//! caller, who asks a pure function of the user's.

mod advance;
mod operate;
mod state;
mod take;

pub use state::{Progress, State};

use crate::clock::Time;
use crate::error::Refusal;
use crate::message::{Reply, Way};
use crate::saga::journal::{End, Fact, Journal, Signal, Verb, What};
use crate::saga::shape::Shape;
use crate::saga::step::Json;

/// What happened outside, that a run must know.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // The fields are what their names say.
pub enum Input {
    /// It was begun.
    Begin,
    /// A participant answered.
    Replied { step: usize, way: Way, round: u32, reply: Reply },
    /// A method that ran here ended.
    Ran { step: usize, way: Way, round: u32, ran: Ran },
    /// A signal came.
    Signalled { step: usize, signal: Signal },
    /// Somebody wants it to be taken back.
    Cancel { by: String, reason: String },
    /// Time has passed.
    Tick,
    /// An operator did something.
    Operate { verb: Verb, step: usize, by: String, reason: String },
}

/// How a method that ran here ended.
#[derive(Debug, Clone)]
pub enum Ran {
    /// It is done, and made this.
    Done(Json),
    /// The business said no.
    Refused(Refusal),
    /// It broke.
    Fault(String),
}

/// What the rim must do, after the facts are written down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The fields are what their names say.
pub enum Effect {
    /// Send the command of the step.
    Send { step: usize, way: Way, round: u32, attempt: u32 },
    /// Run the method of the step.
    Run { step: usize, way: Way, round: u32, attempt: u32 },
    /// Call a person.
    Attend { step: usize, why: String },
    /// The run is over.
    End(End),
    /// An answer came to a run that is over, and contradicts what it knew.
    Contradicted { step: usize, way: Way },
}

/// What is to be written down, and what is to be done then.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// To be appended to the journal.
    pub facts: Vec<Fact>,
    /// To be done once the facts are written down.
    pub effects: Vec<Effect>,
    /// When to ask again if nothing else happens.
    pub wake: Option<Time>,
}

/// Decides what a run does next.
///
/// `needed` says whether a step with `.when` is needed by this run; it is asked once a step, when its
/// group begins.
///
/// Deciding twice on the same journal gives the same; a decision that was not written down has not
/// happened.
///
/// # Errors
///
/// What `needed` returned, if it could not say.
pub fn decide<E>(
    shape: &Shape,
    journal: &Journal,
    input: Input,
    now: Time,
    needed: &mut dyn FnMut(&Journal, usize) -> Result<bool, E>,
) -> Result<Decision, E> {
    let mut draft = Draft::new(shape, journal, now);
    if draft.state.ended.is_some() {
        draft.take_after_the_end(&input);
        return Ok(draft.finish());
    }
    draft.take(input);
    draft.advance(&mut |facts, step| needed(&so_far(journal, facts), step))?;
    Ok(draft.finish())
}

/// The journal with what this decision has added: what a step made a moment ago is known to the next.
fn so_far(journal: &Journal, facts: &[Fact]) -> Journal {
    let mut journal = journal.clone();
    journal.extend(facts.to_vec());
    journal
}

/// A decision in the making: what is known, with the facts that were added.
struct Draft<'a> {
    shape: &'a Shape,
    state: State,
    now: Time,
    decision: Decision,
}

impl<'a> Draft<'a> {
    fn new(shape: &'a Shape, journal: &Journal, now: Time) -> Self {
        Self { shape, state: State::fold(shape, journal), now, decision: Decision::default() }
    }

    /// Writes down that something happened.
    fn note(&mut self, what: What) {
        let fact = Fact { at: self.now, what };
        self.state.apply(self.shape, &fact);
        self.decision.facts.push(fact);
    }

    fn effect(&mut self, effect: Effect) {
        self.decision.effects.push(effect);
    }

    /// Calls a person, once for each step that needs one.
    fn attend(&mut self, step: usize, why: impl Into<String>) {
        if self.state.attention.contains_key(&step) {
            return;
        }
        let why = why.into();
        self.note(What::Attention { step, why: why.clone() });
        self.effect(Effect::Attend { step, why });
    }

    fn finish(mut self) -> Decision {
        self.decision.wake = self.state.wake(self.shape, self.now);
        self.decision
    }
}
