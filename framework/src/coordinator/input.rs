//! What a piece of work means to which run.

use crate::coordinator::Coordinator;
use crate::coordinator::errand::Errand;
use crate::coordinator::starts::Meaning;
use crate::engine::{Trouble, Work};
use crate::message::{Key, Kind, Message, Reply, StepRef, Way};
use crate::saga::Shape;
use crate::saga::decide::Input;
use crate::saga::journal::{Journal, Signal, Verb, What};
use crate::store::{Calling, Inboxed};
use crate::tx::{Cause, Entry, Tx};
use bytes::Bytes;
use serde_json::value::RawValue;

/// What is asked of a run, with steps still told by name.
pub(super) enum Asked {
    Begin { input: Box<RawValue> },
    Reply { step: StepRef, reply: Reply },
    Ran { calling: Calling, outcome: Result<Bytes, String> },
    Signal { step: String, signal: Signal },
    Cancel { by: String, reason: String },
    Operate { verb: Verb, step: String, by: String, reason: String },
    Tick,
}

impl Asked {
    /// Whether it is the reply to another attempt than the last.
    pub(super) fn is_of_an_earlier_attempt(&self, journal: &Journal) -> bool {
        let Self::Reply { step, .. } = self else { return false };
        let last = journal.facts.iter().rev().find_map(|fact| match fact.what {
            What::Started { attempts, .. } if step.way == Way::Forward => Some(attempts),
            What::Compensating { attempts, .. } if step.way == Way::Back => Some(attempts),
            _ => None,
        });
        last.is_some_and(|last| last > step.attempt)
    }

    /// The same with steps told by number, as the protocol knows them.
    pub(super) fn input(self, shape: &Shape) -> Result<Input, Trouble> {
        let number = |name: &str| {
            let told = || Trouble::Dead(format!("saga `{}` has no step `{name}`", shape.saga));
            shape.position(name).ok_or_else(told)
        };
        Ok(match self {
            Self::Begin { .. } => Input::Begin,
            Self::Tick => Input::Tick,
            Self::Cancel { by, reason } => Input::Cancel { by, reason },
            Self::Signal { step, signal } => Input::Signalled { step: number(&step)?, signal },
            Self::Operate { verb, step, by, reason } => {
                Input::Operate { verb, step: number(&step)?, by, reason }
            }
            Self::Reply { step: at, reply } => {
                let (way, round) = (at.way, at.round);
                Input::Replied { step: number(&at.step)?, way, round, reply }
            }
            Self::Ran { calling, outcome } => Errand::came_back(&calling, outcome, shape)?,
        })
    }
}

impl Coordinator {
    /// Finds out which run a piece of work is about, and asks it of that run.
    pub(super) async fn work(&self, tx: &mut Tx, work: &Work) -> Result<(), Trouble> {
        match work {
            Work::Message { message, .. } => self.message(tx, message).await,
            Work::Inbox { body, .. } => self.entry(tx, body).await,
            Work::Timer { key, .. } => self.ask(tx, key.as_str(), Asked::Tick).await,
            Work::Called { calling, outcome } => {
                let (calling, outcome) = (calling.clone(), outcome.clone());
                let run = calling.key.to_string();
                self.ask(tx, &run, Asked::Ran { calling, outcome }).await
            }
            Work::Poison { reason, .. } => Err(Trouble::Dead(reason.clone())),
        }
    }

    async fn message(&self, tx: &mut Tx, message: &Message) -> Result<(), Trouble> {
        let Message { envelope, body } = message;
        match (envelope.kind, &envelope.step) {
            (Kind::Reply, Some(step)) if step.saga == self.saga => {
                let reply = serde_json::from_slice(body)
                    .map_err(|told| Trouble::Dead(format!("the reply cannot be read: {told}")))?;
                let run = step.run.clone();
                self.ask(tx, &run, Asked::Reply { step: step.clone(), reply }).await
            }
            (Kind::Reply, _) => {
                let told = format!("the reply does not name a step of saga `{}`", self.saga);
                Err(Trouble::Dead(told))
            }
            (Kind::Event, _) => self.event(tx, &envelope.key, &envelope.name, body).await,
            (Kind::Command, _) => Ok(()),
        }
    }

    /// An event that begins, cancels or signals a run. If its key is not the run's id it may have come
    /// to another lane than the run's, and enters that lane's inbox.
    async fn event(&self, tx: &mut Tx, key: &Key, name: &str, body: &[u8]) -> Result<(), Trouble> {
        for meaning in self.starts.meanings(name, body)? {
            let run = match &meaning {
                Meaning::Begin { run, .. }
                | Meaning::Cancel { run, .. }
                | Meaning::Signal { run, .. } => run.clone(),
            };
            if key.as_str() == run {
                self.ask(tx, &run, asked(meaning, name)).await?;
            } else {
                self.pass_on(tx, &run, meaning, name);
            }
        }
        Ok(())
    }

    /// Writes what an event means into the inbox of the run's own lane, in this transaction.
    fn pass_on(&self, tx: &mut Tx, run: &str, meaning: Meaning, name: &str) {
        let Cause { message, correlation, hop, traceparent, .. } = tx.cause.clone();
        let run = run.to_owned();
        let id = format!("{name}/{}", message.unwrap_or_default());
        let entry = match meaning {
            Meaning::Begin { run, input } => {
                Entry::Begin { run, input, correlation, causation: message, hop, traceparent }
            }
            Meaning::Cancel { run, reason } => Entry::Cancel { run, by: name.to_owned(), reason },
            Meaning::Signal { run, step, signal } => Entry::Signal { run, step, signal },
        };
        let key = Key::new(run);
        let entry = Inboxed { id, key: key.clone(), body: entry.bytes() };
        tx.effects.inbox.push((self.saga.to_owned(), key, entry));
    }

    async fn entry(&self, tx: &mut Tx, body: &Bytes) -> Result<(), Trouble> {
        match Entry::read(body).map_err(|told| Trouble::Dead(told.to_string()))? {
            Entry::Begin { run, input, correlation, causation, hop, traceparent } => {
                tx.cause =
                    Cause { message: causation, correlation, hop, traceparent, ..tx.cause.clone() };
                self.ask(tx, &run, Asked::Begin { input }).await
            }
            Entry::Cancel { run, by, reason } => {
                self.ask(tx, &run, Asked::Cancel { by, reason }).await
            }
            Entry::Signal { run, step, signal } => {
                self.ask(tx, &run, Asked::Signal { step, signal }).await
            }
            Entry::Operate { run, verb, step, by, reason } => {
                self.ask(tx, &run, Asked::Operate { verb, step, by, reason }).await
            }
            Entry::Request { command, .. } => {
                Err(Trouble::Dead(format!("saga `{}` does not answer `{command}`", self.saga)))
            }
            Entry::Rebuild { .. } | Entry::ReadNext { .. } => {
                Err(Trouble::Dead("a coordinator is no view".to_owned()))
            }
            Entry::Replay { .. } => Ok(()),
        }
    }
}

fn asked(meaning: Meaning, name: &str) -> Asked {
    match meaning {
        Meaning::Begin { input, .. } => Asked::Begin { input },
        Meaning::Cancel { reason, .. } => Asked::Cancel { by: name.to_owned(), reason },
        Meaning::Signal { step, signal, .. } => Asked::Signal { step, signal },
    }
}
