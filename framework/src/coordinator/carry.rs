//! Deciding about a run, and carrying out what was decided.

use crate::clock::Time;
use crate::coordinator::input::Asked;
use crate::coordinator::{Carrier, Coordinator};
use crate::engine::Trouble;
use crate::error::{Fault, StepError};
use crate::message::{Key, Kind, StepRef, Way, commands_of, replies_of};
use crate::saga::decide::{Decision, Effect, Input, Ran, State};
use crate::saga::journal::{Journal, What};
use crate::saga::{Back, Cx, Head, Shape};
use crate::store::{Calling, Lock, Slot, Space, Status, Timer, Value};
use crate::tx::{Cause, Send, Tx};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is needed to run a method of a saga.
#[derive(Serialize, Deserialize)]
struct Errand {
    step: usize,
    way: Way,
    round: u32,
    attempt: u32,
    journal: Journal,
}

/// What a method brought, as it travels from its call to the run.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Brought {
    Done(Box<serde_json::value::RawValue>),
    Refused(crate::error::Refusal),
}

impl Coordinator {
    fn slot(&self, run: &str) -> Slot {
        Slot::new(Space::Runs, self.saga, run.to_owned())
    }

    /// Asks something of a run: decides, writes the journal, carries out the effects.
    pub(super) async fn ask(&self, tx: &mut Tx, run: &str, asked: Asked) -> Result<(), Trouble> {
        let slot = self.slot(run);
        let stored = tx.value(slot.clone(), Lock::Change).await;
        let mut journal = match (stored, &asked) {
            // Beginning is once by the run's id.
            (Some(_), Asked::Begin { .. }) => return Ok(()),
            (Some(stored), _) => serde_json::from_slice(&stored)?,
            (None, Asked::Begin { input }) => self.begun(tx, input.clone()),
            // The run was over long ago and is archived no more, or there never was one.
            (None, _) => return self.nobody(run, &asked),
        };
        let plan = self.plan(run, &journal)?;
        let Some(input) = input(plan.shape(), asked)? else { return Ok(()) };
        let decision = plan.decide(run, &journal, input, tx.now())?;
        let Decision { facts, effects, wake } = decision;
        let armed = self.arm(tx, run, &mut journal, wake);
        if facts.is_empty() && effects.is_empty() && !armed {
            return Ok(());
        }
        adopt(tx, &mut journal);
        journal.extend(facts);
        for effect in effects {
            self.carry_out(tx, plan, run, &journal, effect)?;
        }
        let status = Some(status(plan.shape(), &journal));
        let body = serde_json::to_vec(&journal).map_err(Fault::from)?.into();
        tx.write(slot, Some(Value { body, status }));
        Ok(())
    }

    fn begun(&self, tx: &Tx, input: Box<serde_json::value::RawValue>) -> Journal {
        let plan = self.current();
        let Cause { message, correlation, hop, traceparent, .. } = tx.cause.clone();
        Journal {
            version: plan.shape().version,
            digest: plan.digest().to_owned(),
            input,
            correlation,
            causation: message,
            hop,
            traceparent,
            armed: None,
            facts: Vec::new(),
        }
    }

    /// The plan that a run follows; if this process does not know it, the run waits for one that does.
    fn plan(&self, run: &str, journal: &Journal) -> Result<&dyn Carrier, Trouble> {
        let follows = |plan: &&Arc<dyn Carrier>| {
            plan.shape().version == journal.version && plan.digest() == journal.digest
        };
        self.plans.iter().find(follows).map(|plan| &**plan).ok_or_else(|| {
            Trouble::Unknown(format!(
                "run `{run}` follows plan {} ({}) of saga `{}`, which is not registered here; \
                 keep it with `.former(..)` until its runs have ended",
                journal.version, journal.digest, self.saga
            ))
        })
    }

    fn nobody(&self, run: &str, asked: &Asked) -> Result<(), Trouble> {
        match asked {
            Asked::Signal { .. } | Asked::Cancel { .. } | Asked::Operate { .. } => {
                Err(Trouble::Dead(format!("saga `{}` has no run `{run}`", self.saga)))
            }
            _ => Ok(()),
        }
    }

    fn carry_out(
        &self,
        tx: &mut Tx,
        plan: &dyn Carrier,
        run: &str,
        journal: &Journal,
        effect: Effect,
    ) -> Result<(), Trouble> {
        match effect {
            Effect::Send { step, way, round, attempt } => {
                let send = self.command(plan, run, journal, step, way, round, attempt)?;
                tx.effects.sends.push(send);
            }
            Effect::Run { step, way, round, attempt } => {
                let journal = journal.clone();
                let errand = Errand { step, way, round, attempt, journal };
                tx.effects.calls.push(Calling {
                    id: format!("{run}/{step}/{}/{round}/{attempt}", way.name()),
                    key: Key::new(run),
                    holds: false,
                    body: serde_json::to_vec(&errand).map_err(Fault::from)?.into(),
                });
            }
            Effect::Attend { step, why } => {
                let step = plan.shape().steps[step].name;
                tracing::error!(saga = self.saga, run, step, why, "a run needs attention");
            }
            Effect::End(end) => tracing::debug!(saga = self.saga, run, ?end, "a run is over"),
            Effect::Contradicted { step, .. } => {
                let step = plan.shape().steps[step].name;
                return Err(Trouble::Dead(format!(
                    "run `{run}` is over, and step `{step}` turns out to be done after all; \
                     take it back by hand"
                )));
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // What a command is about has this many parts.
    fn command(
        &self,
        plan: &dyn Carrier,
        run: &str,
        journal: &Journal,
        step: usize,
        way: Way,
        round: u32,
        attempt: u32,
    ) -> Result<Send, Trouble> {
        let shape = &plan.shape().steps[step];
        let (name, to, waits) = match (way, shape.head, shape.back) {
            (Way::Forward, Head::Ask { command, to }, _) => (command, to, true),
            (Way::Forward, Head::Tell { command, to }, _) => (command, to, false),
            (Way::Back, _, Back::Ask { command, to }) => (command, to, true),
            _ => unreachable!("only asked and told steps send commands"),
        };
        let body = plan.command(run, step, way, journal)?;
        Ok(Send {
            topic: commands_of(to),
            kind: Kind::Command,
            name: name.to_owned(),
            version: 1,
            key: Key::new(run),
            step: Some(StepRef {
                saga: self.saga.to_owned(),
                run: run.to_owned(),
                step: shape.name.to_owned(),
                way,
                round,
                attempt,
                reply_to: waits.then(|| replies_of(self.saga)),
                deadline: until(journal, step).filter(|_| way == Way::Forward),
            }),
            body: Bytes::from(String::from(Box::<str>::from(body))),
        })
    }

    /// Sets the run's timer, when it would otherwise ring too late. One that rings too early is only set
    /// again, which is cheaper than moving it at every step. Says whether it was set.
    fn arm(&self, tx: &mut Tx, run: &str, journal: &mut Journal, wake: Option<Time>) -> bool {
        let timer = |due| Timer { id: run.to_owned(), due, key: Key::new(run) };
        let armed = journal.armed.filter(|armed| *armed > tx.now());
        match (armed, wake) {
            (Some(armed), Some(wake)) if armed <= wake => false,
            (None, None) if journal.armed.is_none() => false,
            (_, wake) => {
                tx.effects.timers.push(timer(wake));
                journal.armed = wake;
                true
            }
        }
    }

    /// Runs a method of the saga: no transaction is in reach.
    pub(super) async fn go_out(&self, calling: &Calling, _: u32) -> Result<Bytes, Fault> {
        let Errand { step, way, attempt, journal, .. } = serde_json::from_slice(&calling.body)?;
        let run = calling.key.as_str();
        let Ok(plan) = self.plan(run, &journal) else {
            return Err(Fault::new("its plan is not registered here"));
        };
        let name = plan.shape().steps[step].name;
        let cx = Cx { saga: self.saga, run: run.to_owned(), step: name, way, attempt };
        let brought = match plan.run(cx, step, &journal).await {
            Ok(made) => Brought::Done(made),
            Err(StepError::Refused(no)) => Brought::Refused(no),
            Err(StepError::Fault(fault)) => return Err(fault),
        };
        Ok(serde_json::to_vec(&brought)?.into())
    }
}

/// What follows from a run follows from what began its business transaction, and from the message that
/// moves it now if there is one.
fn adopt(tx: &mut Tx, journal: &mut Journal) {
    let Cause { message, hop, .. } = tx.cause.clone();
    if let Some(message) = message {
        journal.causation = Some(message);
        journal.hop = journal.hop.max(hop);
    }
    tx.cause.correlation.clone_from(&journal.correlation);
    tx.cause.traceparent.clone_from(&journal.traceparent);
    tx.cause.message = journal.causation;
    tx.cause.hop = journal.hop;
}

/// What is asked, with steps told by number; `None` if it is about a step that the plan has not.
fn input(shape: &Shape, asked: Asked) -> Result<Option<Input>, Trouble> {
    let number = |name: &str| {
        let told = || Trouble::Dead(format!("saga `{}` has no step `{name}`", shape.saga));
        shape.position(name).ok_or_else(told)
    };
    Ok(Some(match asked {
        Asked::Begin { .. } => Input::Begin,
        Asked::Tick => Input::Tick,
        Asked::Cancel { by, reason } => Input::Cancel { by, reason },
        Asked::Signal { step, signal } => Input::Signalled { step: number(&step)?, signal },
        Asked::Operate { verb, step, by, reason } => {
            Input::Operate { verb, step: number(&step)?, by, reason }
        }
        Asked::Reply { step: at, reply } => {
            let (way, round) = (at.way, at.round);
            Input::Replied { step: number(&at.step)?, way, round, reply }
        }
        Asked::Ran { calling, outcome } => {
            let Errand { step, way, round, .. } = serde_json::from_slice(&calling.body)?;
            let ran = match outcome {
                Ok(brought) => match serde_json::from_slice(&brought)? {
                    Brought::Done(made) => Ran::Done(made),
                    Brought::Refused(no) => Ran::Refused(no),
                },
                Err(told) => Ran::Fault(told),
            };
            Input::Ran { step, way, round, ran }
        }
    }))
}

/// When the sender of a step's command stops waiting.
fn until(journal: &Journal, step: usize) -> Option<Time> {
    journal.facts.iter().rev().find_map(|fact| match fact.what {
        What::Started { step: at, until, .. } if at == step => until,
        _ => None,
    })
}

fn status(shape: &Shape, journal: &Journal) -> Status {
    let state = State::fold(shape, journal);
    match state.ended {
        Some(crate::saga::journal::End::Completed) => Status::Completed,
        Some(crate::saga::journal::End::Compensated) => Status::Compensated,
        None if !state.attention.is_empty() => Status::NeedsAttention,
        None if state.turned => Status::Compensating,
        None => Status::Running,
    }
}
