//! Transcripts: one line a thing that happened.

use crate::clock::Time;
use crate::message::{Kind, Message, Way};
use crate::saga::Shape;
use crate::saga::journal::{End, Journal, Signal, What};
use std::collections::BTreeMap;
use std::fmt::Write;
use uuid::Uuid;

/// Tells a run: one line a fact, by the names of its steps.
///
/// Attempts are not told, only what came of them, so that a transcript is the same however often
/// something had to be tried.
#[must_use]
pub fn tell(shape: &Shape, journal: &Journal) -> String {
    let mut text = String::new();
    let width = shape.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for fact in &journal.facts {
        if let Some((step, what)) = line(&fact.what) {
            let name = step.map(|step| shape.name_of(step)).unwrap_or_default();
            let _ = match step {
                Some(_) => writeln!(text, "{name:width$}  {what}"),
                None => writeln!(text, "{what}"),
            };
        }
    }
    text
}

/// What a fact says, and of which step.
fn line(what: &What) -> Option<(Option<usize>, String)> {
    let of = |step: &usize, what: &str| Some((Some(*step), what.to_owned()));
    match what {
        What::Begun
        | What::Started { .. }
        | What::Compensating { .. }
        | What::Turned
        | What::Faulted { .. } => None,
        What::Skipped { step } => of(step, "skipped"),
        What::Done { step, .. } => of(step, "done"),
        What::Refused { step, refusal } => of(step, &format!("refused: {refusal}")),
        What::Unknown { step, .. } => of(step, "unknown: its time is up"),
        What::Dropped { step } => of(step, "not awaited any more"),
        What::Signalled { step, signal: Signal::Yes(_) } => of(step, "signalled early"),
        What::Signalled { step, signal: Signal::No(no) } => of(step, &format!("early no: {no}")),
        What::Cancelled { by, reason } => Some((None, format!("cancelled by {by}: {reason}"))),
        What::Late => Some((None, "its time is up".to_owned())),
        What::TooLate { by, .. } => Some((None, format!("too late for {by} to cancel"))),
        What::Compensated { step, made: true } => of(step, "taken back"),
        What::Compensated { step, made: false } => of(step, "had not been done"),
        What::Reopened { step } => of(step, "was done after all"),
        What::Stray { step, way, text } => of(step, &format!("late {} {text}", way.name())),
        What::Attention { step, why } => of(step, &format!("needs attention: {why}")),
        What::Operated { verb, step, by, reason, taken } => {
            let effect = if *taken { "" } else { ", which changed nothing" };
            of(step, &format!("{} by {by}: {reason}{effect}", verb.name()))
        }
        What::Ended(End::Completed) => Some((None, "completed".to_owned())),
        What::Ended(End::Compensated) => Some((None, "compensated".to_owned())),
    }
}

/// A message as it was heard: who said it, and because of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it was written down.
    pub at: Time,
    /// Who said it; `outside` for those who stand on no edge.
    pub by: String,
    /// Its name; commands and replies say to which step they belong.
    pub what: String,
    /// The name of the message that it follows from, and who had said that.
    pub because: Option<(String, String)>,
    /// How many messages lie before it.
    pub hop: u32,
}

impl Heard {
    /// Orders the messages of one business transaction as they follow from each other.
    ///
    /// What follows from a message that is not among them says so by having no cause.
    #[must_use]
    pub fn all(messages: &[Message]) -> Vec<Self> {
        let known: BTreeMap<Uuid, &Message> =
            messages.iter().map(|message| (message.envelope.id, message)).collect();
        let mut all: Vec<&Message> = known.values().copied().collect();
        all.sort_by_key(|message| {
            let envelope = &message.envelope;
            (envelope.occurred_at, envelope.hop, envelope.stamp.clone(), envelope.id)
        });
        let one = |message: &&Message| {
            let cause = message.envelope.causation.and_then(|id| known.get(&id));
            Self {
                at: message.envelope.occurred_at,
                by: speaker(message),
                what: words(message),
                because: cause.map(|cause| (speaker(cause), words(cause))),
                hop: message.envelope.hop,
            }
        };
        all.iter().map(one).collect()
    }
}

fn speaker(message: &Message) -> String {
    let stamp = message.envelope.stamp.as_ref();
    stamp.map_or_else(|| "outside".to_owned(), |stamp| stamp.source.to_string())
}

fn words(message: &Message) -> String {
    let envelope = &message.envelope;
    match (&envelope.step, envelope.kind) {
        (Some(step), Kind::Reply) if step.way == Way::Back => format!("{} taken back", step.step),
        (Some(step), Kind::Reply) => format!("{} answered", step.step),
        (Some(step), _) if step.way == Way::Back => format!("{} (take back)", envelope.name),
        _ => envelope.name.to_string(),
    }
}
