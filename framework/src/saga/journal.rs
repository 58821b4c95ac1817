//! The journal of a run: what happened, in order, as it is written down.
//!
//! A run *is* its journal. Whatever else is known about it (its state, why it is taken back, what it
//! made) is computed from these facts. Repeated attempts are counted in place and not listed, so a
//! journal is short however long a run had to try.

use crate::clock::Time;
use crate::error::{Error, ErrorKind, Fault, Refusal};
use crate::message::{Way, pack};
use crate::saga::json;
use crate::saga::known::Why;
use crate::saga::shape::{Head, Shape};
use crate::saga::step::Json;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use uuid::Uuid;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Every step was done.
    Completed,
    /// Whatever had been done was taken back.
    Compensated,
}

/// What an operator may do to a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Try the step again now.
    Retry,
    /// Go on without it, where the plan allows that.
    Skip,
    /// Nothing of the step is left: whatever it did was taken back by hand.
    MarkCompensated,
    /// The step was not done, and will not be: somebody made sure.
    MarkNotDone,
    /// The step was done, by hand or as somebody found out, and made this.
    Force(#[serde(with = "json")] Json),
}

impl Verb {
    /// The word an operator uses.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::MarkCompensated => "mark-compensated",
            Self::MarkNotDone => "mark-not-done",
            Self::Force(_) => "force",
        }
    }
}

/// Something that happened to a run. Steps are told by their number in the plan. What is stored is the name and
/// an array of the fields: a new field goes to the end, with a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The fields are what their names say.
pub enum What {
    /// The run began.
    Begun,
    /// This run does not need the step.
    Skipped { step: usize },
    /// The step was begun: a command was sent, a method run, or a signal is awaited.
    Started { step: usize, round: u32, attempts: u32, last: Time, until: Option<Time> },
    /// An attempt that ran here broke.
    Faulted { step: usize, way: Way, times: u32, text: String },
    /// The step was done, and made this.
    Done {
        step: usize,
        #[serde(with = "json")]
        made: Json,
    },
    /// The business said no.
    Refused { step: usize, refusal: Refusal },
    /// The time of the step is up and nobody knows whether it was done.
    Unknown { step: usize, ready: Time },
    /// The run does not wait for this step any more: a signal, or what leaves nothing.
    Dropped { step: usize },
    /// A signal that came before its step.
    Signalled { step: usize, signal: Signal },
    /// Somebody wants the run to be taken back.
    Cancelled { by: String, reason: String },
    /// The time of the whole run is up.
    Late,
    /// A cancel came after the pivot.
    TooLate { by: String, reason: String },
    /// From here on the run is taken back.
    Turned,
    /// The step is being taken back.
    Compensating { step: usize, round: u32, attempts: u32, last: Time },
    /// The step was taken back; `made` says whether there was anything.
    Compensated { step: usize, made: bool },
    /// The step turned out to be done after all, and is taken back once more.
    Reopened { step: usize },
    /// An answer that came when nobody waited for it any more.
    Stray { step: usize, way: Way, text: String },
    /// A person is needed; what can be tried is still tried.
    Attention { step: usize, why: String },
    /// What an operator did, and whether it changed anything.
    Operated { verb: Verb, step: usize, by: String, reason: String, taken: bool },
    /// The run ended.
    Ended(End),
}

/// What a signal says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Yes, and this.
    Yes(#[serde(with = "json")] Json),
    /// No.
    No(Refusal),
}

/// A fact: what happened, and when by the clock of the lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
}

/// Everything that is written down about a run. It is stored as an array of these fields: a new one goes to the
/// end, with a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journal {
    /// The version of the plan it follows.
    pub version: u32,
    /// The digest of that plan's shape.
    pub digest: String,
    /// What it was begun with.
    #[serde(with = "json")]
    pub input: Json,
    /// The business transaction it belongs to.
    pub correlation: Text,
    /// The message that moved it last.
    pub causation: Option<Uuid>,
    /// How many messages lay between the beginning of the business transaction and its own.
    pub hop: u32,
    /// The trace it belongs to.
    pub traceparent: Option<Text>,
    /// When its timer rings, if one is set.
    pub armed: Option<Time>,
    /// What happened, in order.
    pub facts: Vec<Fact>,
}

impl Journal {
    /// The bytes to store, in [MessagePack](https://msgpack.org). What the users' types are written as stays JSON,
    /// as a text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("a journal is plain data")
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Codec`] if these are not the bytes of a journal, and of nothing more.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |told: &dyn fmt::Display| Error::new(ErrorKind::Codec, told.to_string());
        let mut rest = bytes;
        let journal = pack::read(&mut rest).map_err(|told| damaged(&told))?;
        match rest.len() {
            0 => Ok(journal),
            more => Err(damaged(&format_args!("{more} bytes stand behind the journal"))),
        }
    }

    /// What a step made, if it is known.
    #[must_use]
    pub fn made(&self, step: usize) -> Option<&RawValue> {
        self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::Done { step: at, made } if *at == step => Some(&**made),
            _ => None,
        })
    }

    /// Why the run is taken back.
    #[must_use]
    pub fn why(&self, shape: &Shape) -> Why {
        let mut why = Why::default();
        let name = |step: &usize| shape.name_of(*step).into_owned();
        for fact in &self.facts {
            match &fact.what {
                What::Refused { step, refusal } => why.refusals.push((name(step), refusal.clone())),
                What::Unknown { step, .. } => why.late.push(name(step)),
                What::Late => why.late.push("deadline".to_owned()),
                What::Cancelled { reason, .. } => why.cancelled = Some(reason.clone()),
                _ => {}
            }
        }
        why
    }

    /// Whether these can be the facts of a run of this plan. Of what was damaged, or follows another plan,
    /// nothing can be decided.
    ///
    /// # Errors
    ///
    /// A fault that names the first fact that cannot be one.
    pub fn fits(&self, shape: &Shape) -> Result<(), Fault> {
        let number_and_why = self.facts.iter().enumerate().find_map(|(number, fact)| {
            let step = fact.what.step()?;
            let Some(line) = shape.steps.get(step) else { return Some((number, step, "is none")) };
            let why = match fact.what {
                What::Started { .. } => (line.head == Head::Begun).then_some("is never begun"),
                What::Compensating { .. } => {
                    (!line.is_compensable()).then_some("is never taken back")
                }
                _ => None,
            };
            why.map(|why| (number, step, why))
        });
        let Some((number, step, why)) = number_and_why else { return Ok(()) };
        let Shape { saga, version, .. } = shape;
        let text = format!("fact {number} is of step {step}, which {why} in plan {version}");
        Err(Fault::new(format!("the journal is no journal of saga `{saga}`: {text}")))
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.facts.iter().rev().find_map(|fact| match fact.what {
            What::Ended(end) => Some(end),
            _ => None,
        })
    }

    /// Adds facts; what only counts another attempt is counted in place.
    pub fn extend(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            match self.counted(&fact) {
                Some(earlier) => *earlier = Fact { at: earlier.at, what: fact.what },
                None => self.facts.push(fact),
            }
        }
    }

    /// The fact that this one only repeats. A fault names no round: it repeats one that stands below
    /// the beginning of its round, and no other.
    fn counted(&mut self, new: &Fact) -> Option<&mut Fact> {
        let same =
            self.facts.iter_mut().rev().find(|old| old.what.is_of_the_round_of(&new.what))?;
        let repeats = std::mem::discriminant(&same.what) == std::mem::discriminant(&new.what);
        repeats.then_some(same)
    }
}

impl What {
    /// The step that it is about, if it is about one.
    const fn step(&self) -> Option<usize> {
        match self {
            Self::Skipped { step }
            | Self::Started { step, .. }
            | Self::Faulted { step, .. }
            | Self::Done { step, .. }
            | Self::Refused { step, .. }
            | Self::Unknown { step, .. }
            | Self::Dropped { step }
            | Self::Signalled { step, .. }
            | Self::Compensating { step, .. }
            | Self::Compensated { step, .. }
            | Self::Reopened { step }
            | Self::Stray { step, .. }
            | Self::Attention { step, .. }
            | Self::Operated { step, .. } => Some(*step),
            Self::Begun
            | Self::Cancelled { .. }
            | Self::Late
            | Self::TooLate { .. }
            | Self::Turned
            | Self::Ended(_) => None,
        }
    }

    /// Whether two facts are about attempts of one round. Of a fault and a beginning, the beginning that
    /// stands nearest above the fault is that of its round.
    fn is_of_the_round_of(&self, new: &Self) -> bool {
        use Way::{Back, Forward};
        match (self, new) {
            (Self::Started { step: a, round: r, .. }, Self::Started { step: b, round: q, .. })
            | (
                Self::Compensating { step: a, round: r, .. },
                Self::Compensating { step: b, round: q, .. },
            ) => a == b && r == q,
            (Self::Faulted { step: a, way: v, .. }, Self::Faulted { step: b, way: w, .. }) => {
                a == b && v == w
            }
            (Self::Started { step: a, .. }, Self::Faulted { step: b, way: Forward, .. })
            | (Self::Compensating { step: a, .. }, Self::Faulted { step: b, way: Back, .. }) => {
                a == b
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Fact, Journal, Signal, Verb, What};
    use crate::clock::Time;
    use crate::error::Refusal;
    use crate::message::Way;
    use serde_json::value::RawValue;

    fn of(facts: Vec<What>) -> Journal {
        let at = Time::from_micros(1_700_000_000_000_000);
        Journal {
            version: 1,
            digest: "4d9cfc64c839".into(),
            input: json("{\"order_id\":\"1041\"}"),
            correlation: "1041".into(),
            causation: None,
            hop: 3,
            traceparent: None,
            armed: None,
            facts: facts.into_iter().map(|what| Fact { at, what }).collect(),
        }
    }

    fn json(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    /// One that has everything, and one that has nothing that may be left out.
    fn journals() -> [Journal; 2] {
        let (by, reason, last) = ("somebody".to_owned(), "why".to_owned(), Time::from_micros(7));
        let refusal = || Refusal::new("no", "it cannot be");
        let full = of(vec![
            What::Begun,
            What::Started { step: 0, round: 0, attempts: 2, last, until: Some(last) },
            What::Faulted { step: 0, way: Way::Back, times: 3, text: "it broke".into() },
            What::Done { step: 0, made: json("{\"a\": \"\\n\"}") },
            What::Signalled { step: 1, signal: Signal::Yes(json("null")) },
            What::Operated {
                verb: Verb::Force(json("[ 1, 2 ]")),
                step: 1,
                by,
                reason,
                taken: true,
            },
        ]);
        let causation = Some(crate::id::derived(&["begin"]));
        let full = Journal { causation, traceparent: Some("t".into()), armed: Some(last), ..full };
        let bare = of(vec![
            What::Started { step: 0, round: 0, attempts: 1, last, until: None },
            What::Signalled { step: 1, signal: Signal::No(refusal()) },
            What::Refused { step: 1, refusal: refusal() },
            What::Ended(End::Compensated),
        ]);
        [full, bare]
    }

    #[test]
    fn a_journal_is_read_as_it_was_written_and_what_is_cut_or_too_long_is_none() {
        for journal in journals() {
            let written = journal.encode();
            let read = Journal::decode(&written).unwrap();
            assert_eq!(format!("{read:?}"), format!("{journal:?}"));
            for length in 0..written.len() {
                assert!(Journal::decode(&written[..length]).is_err(), "{length} bytes");
            }
            let told = Journal::decode(&[&written[..], b"\0"].concat()).unwrap_err();
            assert_eq!(told.to_string(), "1 bytes stand behind the journal");
        }
    }

    #[test]
    fn a_journal_whose_number_of_facts_is_damaged_is_none() {
        let [_, journal] = journals();
        let mut written = journal.encode();
        let four = written.iter().position(|byte| *byte == 0x94).expect("an array of four");
        written[four] = 0x93;
        let told = Journal::decode(&written).unwrap_err().to_string();
        assert!(told.ends_with("stand behind the journal"), "{told}");
    }

    #[test]
    fn in_json_what_users_wrote_is_a_part_of_it_and_no_text() {
        let [journal, _] = journals();
        let shown = serde_json::to_string(&journal).unwrap();
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["input"]["order_id"], "1041");
        let read: Journal = serde_json::from_str(&shown).unwrap();
        assert_eq!(format!("{read:?}"), format!("{journal:?}"));
    }
}
