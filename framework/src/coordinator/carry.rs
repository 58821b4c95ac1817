//! Deciding about a run, and carrying out what was decided.

use crate::clock::Time;
use crate::coordinator::errand::Errand;
use crate::coordinator::input::Asked;
use crate::coordinator::{Carrier, Coordinator};
use crate::engine::Trouble;
use crate::error::Fault;
use crate::message::{Key, Kind, StepRef, Way, commands_of, replies_of};
use crate::mistake::Mistake;
use crate::saga::decide::{Decision, Effect, Input, State};
use crate::saga::journal::{End, Journal, Signal, Verb, What};
use crate::saga::{Back, Head, Shape, StepShape};
use crate::store::{Slot, Space, Status, Timer, Value};
use crate::text::Text;
use crate::tx::{Cause, Send, Should, Tx};
use bytes::Bytes;
use std::sync::Arc;

/// A run with its plan, as it is once the facts of a decision are written down.
struct Case<'a> {
    run: &'a str,
    plan: &'a dyn Carrier,
    journal: &'a Journal,
}

/// Which attempt of which step.
#[derive(Clone, Copy)]
struct Attempt {
    step: usize,
    way: Way,
    round: u32,
    attempt: u32,
}

impl Coordinator {
    fn slot(&self, run: &str) -> Slot {
        Slot::new(Space::Runs, self.saga, run.to_owned())
    }

    /// Asks something of a run: decides, writes the journal, carries out the effects.
    pub(super) async fn ask(&self, tx: &mut Tx, run: &str, asked: Asked) -> Result<(), Trouble> {
        let slot = self.slot(run);
        let mut journal = match &asked {
            Asked::Begin { input } => {
                let should = if tx.cause.unsure { Should::BeAnything } else { Should::BeAbsent };
                // Beginning is once by the run's id.
                if tx.is_there(&slot, should).await && !Mistake::BeginTwice.is_made() {
                    return Ok(());
                }
                self.begun(tx, input.clone())
            }
            _ => match tx.document(&slot, Should::BeAnything, Journal::decode).await? {
                Some(journal) => journal,
                // The run was over long ago and is archived no more, or there never was one.
                None => return self.nobody(run, &asked),
            },
        };
        if Mistake::RepliesByAttempt.is_made() && asked.is_of_an_earlier_attempt(&journal) {
            return Ok(());
        }
        let plan = self.plan(run, &journal)?;
        journal
            .fits(plan.shape())
            .map_err(|told| Fault::new(format!("{slot} is damaged: {told}")))?;
        let input = asked.input(plan.shape())?;
        self.can_be_made(run, plan, &input)?;
        let Decision { facts, effects, wake } = plan.decide(run, &journal, input, tx.now())?;
        let armed = self.arm(tx, run, &mut journal, wake);
        if facts.is_empty() && effects.is_empty() && !armed {
            return Ok(());
        }
        adopt(tx, &mut journal);
        journal.extend(facts);
        let case = Case { run, plan, journal: &journal };
        for effect in effects {
            self.carry_out(tx, &case, effect)?;
        }
        let status = Some(status(plan.shape(), &journal));
        let body = journal.encode().into();
        tx.write_document(slot, Value { body, status }, journal);
        Ok(())
    }

    /// The journal of a run that begins now, in the business transaction of what began it.
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
    pub(super) fn plan(&self, run: &str, journal: &Journal) -> Result<&dyn Carrier, Trouble> {
        let follows = |plan: &&Arc<dyn Carrier>| {
            let is_its_own =
                plan.shape().version == journal.version && plan.digest() == journal.digest;
            is_its_own || Mistake::AnyPlan.is_made()
        };
        self.plans.iter().find(follows).map(|plan| &**plan).ok_or_else(|| {
            Trouble::Unknown(format!(
                "run `{run}` follows plan {} ({}) of saga `{}`, which is not registered here; \
                 keep it with `.former(..)` until its runs have ended",
                journal.version, journal.digest, self.saga
            ))
        })
    }

    /// What somebody says that a step has made must be what it makes: later steps could not read it, and the
    /// run would go on no more.
    fn can_be_made(&self, run: &str, plan: &dyn Carrier, input: &Input) -> Result<(), Trouble> {
        let (step, made) = match input {
            Input::Operate { verb: Verb::Force(made), step, .. } => (step, made),
            // One that waits for no signal settles nothing, whatever it says.
            Input::Signalled { step, signal: Signal::Yes(made) }
                if plan.shape().steps[*step].head == Head::Hear =>
            {
                (step, made)
            }
            _ => return Ok(()),
        };
        plan.reads(*step, made).map_err(|told| {
            let (saga, name) = (self.saga, plan.shape().steps[*step].name);
            Trouble::Dead(format!(
                "step `{name}` of run `{run}` of saga `{saga}` makes no such thing: {told}"
            ))
        })
    }

    /// What comes too late for a run is no news; what somebody wanted of one that never was, is.
    fn nobody(&self, run: &str, asked: &Asked) -> Result<(), Trouble> {
        match asked {
            Asked::Signal { .. } | Asked::Cancel { .. } | Asked::Operate { .. } => {
                Err(Trouble::Dead(format!("saga `{}` has no run `{run}`", self.saga)))
            }
            _ => Ok(()),
        }
    }

    fn carry_out(&self, tx: &mut Tx, case: &Case<'_>, effect: Effect) -> Result<(), Trouble> {
        let Case { run, plan, journal } = *case;
        match effect {
            Effect::Send { step, way, round, attempt } => {
                let send = self.command(case, Attempt { step, way, round, attempt })?;
                tx.say(send);
            }
            Effect::Run { step, way, round, attempt } => {
                let journal = journal.clone();
                let errand = Errand { step, way, round, attempt, journal };
                tx.effects.calls.push(errand.calling(run)?);
            }
            Effect::Attend { step, why } => {
                let step = plan.shape().steps[step].name;
                tracing::error!(saga = self.saga, run, step, why, "a run needs attention");
            }
            Effect::End(end) => tracing::debug!(saga = self.saga, run, ?end, "a run is over"),
            Effect::Contradicted { step, .. } => {
                return Err(Trouble::Dead(contradicted(run, &plan.shape().steps[step])));
            }
        }
        Ok(())
    }

    /// The command of an attempt. Only those that somebody waits for are answered.
    fn command(&self, case: &Case<'_>, at: Attempt) -> Result<Send, Trouble> {
        let Case { run, plan, journal } = *case;
        let Attempt { step, way, round, attempt } = at;
        let shape = &plan.shape().steps[step];
        let (name, to, waits) = match (way, shape.head, shape.back) {
            (Way::Forward, Head::Ask { command, to }, _) => (command, to, true),
            (Way::Forward, Head::Tell { command, to }, _) => (command, to, false),
            (Way::Back, _, Back::Ask { command, to }) => (command, to, true),
            _ => {
                let text = format!("step `{}` sends no command {}", shape.name, way.name());
                return Err(Fault::new(text).into());
            }
        };
        let body = plan.command(run, step, way, journal)?;
        Ok(Send {
            topic: commands_of(to).into(),
            kind: Kind::Command,
            name: Text::of(name),
            version: 1,
            key: Key::new(run),
            step: Some(StepRef {
                saga: Text::of(self.saga),
                run: run.into(),
                step: Text::of(shape.name),
                way,
                round,
                attempt,
                reply_to: waits.then(|| replies_of(self.saga).into()),
                deadline: until(journal, step).filter(|_| way == Way::Forward),
            }),
            body: Bytes::from(String::from(Box::<str>::from(body))),
        })
    }

    /// Sets the run's timer, when it would otherwise ring too late. One that rings too early is only set
    /// again, which is cheaper than moving it at every step. Says whether it was set.
    fn arm(&self, tx: &mut Tx, run: &str, journal: &mut Journal, wake: Option<Time>) -> bool {
        let timer = |due| Timer { due, id: run.to_owned() };
        let armed = journal.armed.filter(|armed| *armed > tx.now());
        match (armed, wake) {
            (Some(armed), Some(wake)) if armed <= wake || Mistake::RingsTooLate.is_made() => false,
            (None, None) if journal.armed.is_none() => false,
            (_, wake) => {
                tx.effects.timers_gone.extend(journal.armed.map(timer));
                tx.effects.timers.extend(wake.map(|wake| (timer(wake), Key::new(run))));
                journal.armed = wake;
                true
            }
        }
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

/// What a person must know when a run that is over learns of an effect that it did not take back.
fn contradicted(run: &str, step: &StepShape) -> String {
    let by = match step.back {
        Back::Ask { command, to } => format!(", as `{command}` of `{to}` would"),
        Back::Act => ", as its compensation would".to_owned(),
        Back::Nothing => String::new(),
    };
    let name = step.name;
    format!(
        "run `{run}` is over, and step `{name}` turns out to be done after all; \
         take it back by hand{by}"
    )
}

/// When the sender of a step's command stops waiting.
fn until(journal: &Journal, step: usize) -> Option<Time> {
    journal.facts.iter().rev().find_map(|fact| match fact.what {
        What::Started { step: at, until, .. } if at == step => until,
        _ => None,
    })
}

/// What lists of runs say of it.
fn status(shape: &Shape, journal: &Journal) -> Status {
    let state = State::fold(shape, journal);
    match state.ended {
        Some(End::Completed) => Status::Completed,
        Some(End::Compensated) => Status::Compensated,
        None if !state.attention.is_empty() => Status::NeedsAttention,
        None if state.turned => Status::Compensating,
        None => Status::Running,
    }
}
