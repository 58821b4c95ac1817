//! Commands: what answers do on them, and what takes that back. Whoever asked is always told.
//!
//! ```text
//! the row is    an action …              its compensation …
//! (nothing)     is run                   shuts the door, and says that nothing was made
//! calling       is dropped               waits for what the call brings (H26)
//! done          is answered the same     takes back what was made
//! refused       is refused the same      shuts the door, and says that nothing was made
//! void          is refused               is answered the same
//! ```
//!
//! A later round of a step that was refused is run anew.

use crate::engine::handler::Trouble;
use crate::engine::react::outside::Errand;
use crate::engine::react::{Reacting, given};
use crate::error::{Refusal, StepError};
use crate::message::{Envelope, Key, Kind, Message, Reply, StepRef, Way};
use crate::mistake::Mistake;
use crate::reactor::barrier::{self, Back, Barrier, Forward};
use crate::reactor::{Compensation, Given, Reactor, Said, Unit};
use crate::tx::{Send, Should, Tx};
use serde_json::value::RawValue;

impl<R: Reactor> Reacting<R> {
    pub(super) async fn command(&self, tx: &mut Tx, message: &Message) -> Result<(), Trouble> {
        let Envelope { name, step, .. } = &*message.envelope;
        let Some(step) = step else {
            let told = format!("command `{name}` does not say for which step it is");
            return Err(Trouble::Dead(told));
        };
        let answers = |unit: &&Unit<R>| unit.is_answer() && unit.hears == name;
        if let Some(unit) = self.table.units.iter().find(answers) {
            // What takes a step back may be an answer of its own.
            return self.answer(tx, unit, step, message).await;
        }
        let takes_back = |unit: &&Unit<R>| unit.back.iter().any(|back| back.hears == name);
        match self.table.units.iter().filter(|unit| unit.is_answer()).find(takes_back) {
            Some(unit) => self.answer_back(tx, unit, &unit.back[0], step, message).await,
            None => Err(Trouble::Dead(format!("`{}` does not answer `{name}`", R::NAME))),
        }
    }

    /// Whether duplicates of the command must be told: somebody waits for its reply, or it can be taken
    /// back. What is only told comes once by its edge.
    fn needs_barrier(unit: &Unit<R>, step: &StepRef) -> bool {
        step.reply_to.is_some() || unit.is_once() || unit.stages.call.is_some()
    }

    /// The key under which a command is remembered. An answer that stands in for a compensation has its
    /// own row beside that of the action.
    fn command_key(step: &StepRef) -> String {
        match step.way {
            _ if Mistake::BarrierByAttempt.is_made() => format!("{}/{}", step.pair(), step.attempt),
            Way::Forward => step.pair(),
            Way::Back => format!("{}/back", step.pair()),
        }
    }

    async fn answer(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        step: &StepRef,
        message: &Message,
    ) -> Result<(), Trouble> {
        let key = Self::needs_barrier(unit, step).then(|| Self::command_key(step));
        if let Some(key) = &key {
            let row = Self::of_command(tx, key, is_first(step, message, tx)).await?;
            match barrier::forward(row.as_ref(), None, step.round) {
                Forward::Run => {}
                settled => return say_again(tx, settled, step, message),
            }
        }
        let given = given(unit.decode, message, None)?;
        let mut looked = None;
        if let Some(look) = &unit.stages.look {
            looked = look(&self.reactor, tx, &given).await?;
            if looked.is_none() {
                let said = no(Refusal::new("not_found", "there is nothing to call for"));
                return self.settle(tx, key.as_deref(), step, message, said).await;
            }
        }
        if let (Some(key), Some(_)) = (&key, &unit.stages.call) {
            return Ok(Self::begin_call(tx, &Errand::forward(unit.hears, key, looked), message)?);
        }
        self.answered(tx, unit, key.as_deref(), step, message, &given).await
    }

    /// The last stage of an answer. An error that refuses discards what it wrote, a no that it returns
    /// keeps it.
    pub(super) async fn answered(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        key: Option<&str>,
        step: &StepRef,
        message: &Message,
        given: &Given,
    ) -> Result<(), Trouble> {
        let said = match (unit.stages.handle)(&self.reactor, tx, given).await {
            Ok(said) => said,
            Err(StepError::Refused(refusal)) => {
                if !Mistake::RefusalKeepsWrites.is_made() {
                    tx.discard();
                }
                no(refusal)
            }
            Err(StepError::Fault(fault)) if Mistake::FaultIsARefusal.is_made() => {
                no(Refusal::new("fault", fault.to_string()))
            }
            Err(StepError::Fault(fault)) => return Err(Trouble::Fault(fault)),
        };
        self.settle(tx, key, step, message, said).await
    }

    /// Remembers what was answered, says what else it says, and answers.
    async fn settle(
        &self,
        tx: &mut Tx,
        key: Option<&str>,
        step: &StepRef,
        message: &Message,
        said: Said,
    ) -> Result<(), Trouble> {
        let Said { refusal, reply, made, events, .. } = said;
        let (row, reply) = match refusal {
            Some(refusal) => {
                let (by, round) = (None, step.round);
                let row = Barrier::Refused { by, round, refusal: refusal.clone() };
                (row, Reply::Refused(refusal))
            }
            None => {
                let reply = reply.unwrap_or_else(|| RawValue::NULL.to_owned());
                let made = match Mistake::CompensateWhatWasAsked.is_made() {
                    true => serde_json::from_slice(&message.body)?,
                    false => made,
                };
                (Barrier::Done { by: None, made, reply: Some(reply.clone()) }, Reply::Done(reply))
            }
        };
        if let Some(key) = key {
            Self::set(tx, key, &row)?;
        }
        self.publish(tx, events).await?;
        reply_to(tx, step, message, &reply)
    }

    async fn answer_back(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        back: &Compensation<R>,
        step: &StepRef,
        message: &Message,
    ) -> Result<(), Trouble> {
        let key = step.pair();
        let row = Self::of_command(tx, &key, Should::BeAnything).await?;
        match barrier::back(row.as_ref(), []) {
            Back::Again { made } => reply_to(tx, step, message, &Reply::Compensated { made }),
            Back::Wait | Back::TooLate => Err(Trouble::Wait),
            Back::Run(None) => {
                if !Mistake::BarrierForgetsVoid.is_made() {
                    Self::set(tx, &key, &Barrier::Void { made: false })?;
                }
                reply_to(tx, step, message, &Reply::Compensated { made: false })
            }
            Back::Run(made) if back.call.is_some() => {
                let errand = Errand::back(unit.hears, back.hears, &key, made);
                Ok(Self::begin_call(tx, &errand, message)?)
            }
            Back::Run(made) => {
                let given = given(back.decode, message, made)?;
                self.answered_back(tx, back, &key, step, message, &given).await
            }
        }
    }

    /// The last stage of a compensation: takes back, and says that it was.
    pub(super) async fn answered_back(
        &self,
        tx: &mut Tx,
        back: &Compensation<R>,
        key: &str,
        step: &StepRef,
        message: &Message,
        given: &Given,
    ) -> Result<(), Trouble> {
        self.taken_back(tx, back, key, true, given).await?;
        reply_to(tx, step, message, &Reply::Compensated { made: true })
    }
}

/// A command that comes for the first time on an edge finds nothing that is remembered of it: who sends it
/// again says so, and what takes it back comes behind it. A stranger may send anything.
fn is_first(step: &StepRef, message: &Message, tx: &Tx) -> Should {
    let is_ours = message.envelope.stamp.is_some() && !tx.cause.unsure;
    match (step.attempt, step.round) {
        (1, 0) if is_ours => Should::BeAbsent,
        _ => Should::BeAnything,
    }
}

/// A no that nothing else is said with.
fn no(refusal: Refusal) -> Said {
    Said { refusal: Some(refusal), ..Said::default() }
}

/// Answers what was answered before; what is under way is answered when it has ended.
fn say_again(
    tx: &mut Tx,
    settled: Forward,
    step: &StepRef,
    message: &Message,
) -> Result<(), Trouble> {
    let reply = match settled {
        Forward::Run | Forward::Drop | Forward::Twice => return Ok(()),
        Forward::Again(_) if Mistake::BarrierAnswersAnew.is_made() => {
            Reply::Done(RawValue::NULL.to_owned())
        }
        Forward::Again(reply) => Reply::Done(reply.unwrap_or_else(|| RawValue::NULL.to_owned())),
        Forward::RefuseAgain(refusal) => Reply::Refused(refusal),
        Forward::Void => {
            let why = "the step was taken back before it was done";
            Reply::Refused(Refusal::new("taken_back", why))
        }
    };
    reply_to(tx, step, message, &reply)
}

/// Answers whoever waits. A stored reply is a new message with the same body (H23).
fn reply_to(tx: &mut Tx, step: &StepRef, to: &Message, reply: &Reply) -> Result<(), Trouble> {
    let Some(topic) = &step.reply_to else { return Ok(()) };
    tx.say(Send {
        topic: topic.clone(),
        kind: Kind::Reply,
        name: format!("{}.reply", to.envelope.name).into(),
        version: 1,
        key: Key::new(step.run.clone()),
        step: Some(step.clone()),
        body: serde_json::to_vec(reply)?.into(),
    });
    Ok(())
}
