//! Commands: answers, and what takes them back.

use crate::engine::handler::Trouble;
use crate::engine::react::Reacting;
use crate::error::{Refusal, StepError};
use crate::message::{Envelope, Key, Kind, Reply, StepRef, Way};
use crate::reactor::barrier::{self, Back, Barrier, Forward};
use crate::reactor::{Compensation, Given, Reactor, Said, Unit};
use crate::tx::{Send, Tx};
use bytes::Bytes;
use serde_json::value::RawValue;

impl<R: Reactor> Reacting<R> {
    pub(super) async fn command(
        &self,
        tx: &mut Tx,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let name = &envelope.name;
        let Some(step) = &envelope.step else {
            return Err(Trouble::Dead(format!(
                "command `{name}` does not say for which step it is"
            )));
        };
        let answers = |unit: &&Unit<R>| unit.is_answer() && unit.hears == name.as_str();
        let back = |unit: &&Unit<R>| unit.back.iter().any(|back| back.hears == name.as_str());
        if let Some(unit) = self.table.units.iter().find(answers) {
            // What takes a step back may be an answer of its own.
            return self.answer(tx, unit, step, envelope, body).await;
        }
        match self.table.units.iter().filter(|unit| unit.is_answer()).find(back) {
            Some(unit) => self.answer_back(tx, unit, &unit.back[0], step, envelope, body).await,
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
            Way::Forward => step.pair(),
            Way::Back => format!("{}/back", step.pair()),
        }
    }

    async fn answer(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        step: &StepRef,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let key = Self::needs_barrier(unit, step).then(|| Self::command_key(step));
        if let Some(key) = &key {
            let row = Self::barrier(tx, key).await?;
            match barrier::forward(row.as_ref(), None, step.round) {
                Forward::Run => {}
                Forward::Drop | Forward::Twice => return Ok(()),
                Forward::Again(reply) => {
                    let made = reply.unwrap_or_else(|| RawValue::NULL.to_owned());
                    return reply_to(tx, envelope, step, &Reply::Done(made));
                }
                Forward::RefuseAgain(no) => {
                    return reply_to(tx, envelope, step, &Reply::Refused(no));
                }
                Forward::Void => {
                    let no =
                        Refusal::new("taken_back", "the step was taken back before it was done");
                    return reply_to(tx, envelope, step, &Reply::Refused(no));
                }
            }
        }
        let given = Given { message: (unit.decode)(body)?, extra: None };
        let mut looked = None;
        if let Some(look) = &unit.stages.look {
            looked = look(&self.reactor, tx, &given).await?;
            if looked.is_none() {
                let no = Refusal::new("not_found", "there is nothing to call for");
                return self.answered(tx, key.as_deref(), step, envelope, Err(no)).await;
            }
        }
        if let (Some(key), Some(_)) = (&key, &unit.stages.call) {
            let way = Way::Forward;
            return Ok(Self::begin_call(tx, unit.hears, None, key, way, looked, envelope, body)?);
        }
        let ended = (unit.stages.handle)(&self.reactor, tx, &given).await;
        self.answer_with(tx, key.as_deref(), step, envelope, ended).await
    }

    /// What a handler answered: an error that refuses discards what it wrote, a no that was returned
    /// keeps it.
    pub(super) async fn answer_with(
        &self,
        tx: &mut Tx,
        key: Option<&str>,
        step: &StepRef,
        envelope: &Envelope,
        ended: Result<Said, StepError>,
    ) -> Result<(), Trouble> {
        match ended {
            Ok(said) => self.answered(tx, key, step, envelope, Ok(said)).await,
            Err(StepError::Refused(no)) => {
                tx.discard();
                self.answered(tx, key, step, envelope, Err(no)).await
            }
            Err(StepError::Fault(fault)) => Err(Trouble::Fault(fault)),
        }
    }

    /// Writes down what was answered, and answers.
    async fn answered(
        &self,
        tx: &mut Tx,
        key: Option<&str>,
        step: &StepRef,
        envelope: &Envelope,
        answer: Result<Said, Refusal>,
    ) -> Result<(), Trouble> {
        let (said, refusal) = match answer {
            Ok(mut said) => {
                let refusal = said.refusal.take();
                (said, refusal)
            }
            Err(refusal) => (Said::default(), Some(refusal)),
        };
        let made = said.reply.unwrap_or_else(|| RawValue::NULL.to_owned());
        let reply = match &refusal {
            Some(no) => Reply::Refused(no.clone()),
            None => Reply::Done(made.clone()),
        };
        if let Some(key) = key {
            let round = step.round;
            let row = match refusal {
                Some(refusal) => Barrier::Refused { by: None, round, refusal },
                None => Barrier::Done { by: None, made: said.made, reply: Some(made) },
            };
            Self::set(tx, key, &row)?;
        }
        self.publish(tx, said.events).await?;
        reply_to(tx, envelope, step, &reply)
    }

    async fn answer_back(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        back: &Compensation<R>,
        step: &StepRef,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let key = step.pair();
        let row = Self::barrier(tx, &key).await?;
        match barrier::back(row.as_ref(), []) {
            Back::Again { made } => reply_to(tx, envelope, step, &Reply::Compensated { made }),
            Back::Wait | Back::TooLate => Err(Trouble::Wait),
            Back::Run(None) => {
                tx.effects.supersede = Some(key.clone());
                Self::set(tx, &key, &Barrier::Void { made: false })?;
                reply_to(tx, envelope, step, &Reply::Compensated { made: false })
            }
            Back::Run(made) if back.call.is_some() => {
                let (of, way) = (unit.hears, Way::Back);
                Ok(Self::begin_call(tx, of, Some(back.hears), &key, way, made, envelope, body)?)
            }
            Back::Run(made) => {
                let given = Given { message: (back.decode)(body)?, extra: made };
                self.answered_back(tx, back, &key, step, envelope, &given).await
            }
        }
    }

    /// Takes back, writes down that it was, and says so.
    pub(super) async fn answered_back(
        &self,
        tx: &mut Tx,
        back: &Compensation<R>,
        key: &str,
        step: &StepRef,
        envelope: &Envelope,
        given: &Given,
    ) -> Result<(), Trouble> {
        let said = (back.handle)(&self.reactor, tx, given).await.map_err(super::event::trouble)?;
        Self::set(tx, key, &Barrier::Void { made: true })?;
        self.publish(tx, said.events).await?;
        reply_to(tx, envelope, step, &Reply::Compensated { made: true })
    }
}

/// Answers whoever waits. A stored reply is a new message with the same body (H23).
fn reply_to(
    tx: &mut Tx,
    envelope: &Envelope,
    step: &StepRef,
    reply: &Reply,
) -> Result<(), Trouble> {
    let Some(topic) = &step.reply_to else { return Ok(()) };
    tx.effects.sends.push(Send {
        topic: topic.clone(),
        kind: Kind::Reply,
        name: format!("{}.reply", envelope.name),
        version: 1,
        key: Key::new(step.run.clone()),
        step: Some(step.clone()),
        body: serde_json::to_vec(reply)?.into(),
    });
    Ok(())
}
