//! Events: what reactions do on them, and what takes that back.
//!
//! ```text
//! the row is    an action …    its compensation …
//! (nothing)     is run         shuts the door
//! calling       is dropped     waits for what the call brings (H26)
//! done          is dropped     takes back what was made
//! refused       is dropped     shuts the door
//! void          is dropped     was done before
//! ```
//!
//! An action is dropped if the same message did it before; that another one did is a mistake (H28). Where
//! the reactor has a pivot, its row is looked at too: a compensation waits while the pivot is calling, is
//! too late when it is done, and shuts its door otherwise.

use crate::engine::handler::Trouble;
use crate::engine::react::outside::Errand;
use crate::engine::react::{Reacting, given, reaction_key};
use crate::error::{Fault, Refusal, StepError};
use crate::message::{Envelope, Message};
use crate::reactor::barrier::{self, Back, Barrier, Forward};
use crate::reactor::{Compensation, Given, Reactor, Said, Unit};
use crate::tx::Tx;
use uuid::Uuid;

impl<R: Reactor> Reacting<R> {
    pub(super) async fn event(&self, tx: &mut Tx, message: &Message) -> Result<(), Trouble> {
        let Message { envelope, body } = message;
        let Envelope { name, key, .. } = &**envelope;
        self.mind_waits(tx, name, key, body, None).await?;
        for unit in &self.table.units {
            if unit.topic.is_some() && unit.hears == name {
                self.react(tx, unit, message).await?;
            }
            if let Some(back) = way_back(unit, name) {
                self.take_back(tx, unit, back, message).await?;
            }
        }
        Ok(())
    }

    /// Where the row of a reaction stands: once a business transaction, or once a message when it only
    /// calls the outside. Plain reactions have none: edges are enough.
    fn key(unit: &Unit<R>, envelope: &Envelope) -> Option<String> {
        match (unit.is_once(), &unit.stages.call) {
            (true, _) => Some(reaction_key(unit.hears, &envelope.correlation)),
            (false, Some(_)) => Some(reaction_key(unit.hears, &envelope.id.to_string())),
            (false, None) => None,
        }
    }

    async fn react(&self, tx: &mut Tx, unit: &Unit<R>, message: &Message) -> Result<(), Trouble> {
        let envelope = &message.envelope;
        let key = Self::key(unit, envelope);
        if let Some(key) = &key {
            let row = Self::at::<Barrier>(tx, key).await?;
            match barrier::forward(row.as_ref(), Some(envelope.id), 0) {
                Forward::Run => {}
                Forward::Twice => return Err(twice::<R>(unit.hears, &envelope.correlation)),
                _ => return Ok(()),
            }
        }
        let given = given(unit.decode, message, None)?;
        let mut looked = None;
        if let Some(look) = &unit.stages.look {
            let Some(found) = look(&self.reactor, tx, &given).await? else { return Ok(()) };
            looked = Some(found);
        }
        if let (Some(key), Some(_)) = (&key, &unit.stages.call) {
            return Ok(Self::begin_call(tx, &Errand::forward(unit.hears, key, looked), message)?);
        }
        self.reacted(tx, unit, key.as_deref(), envelope.id, &given).await
    }

    /// The last stage of a reaction: does it, remembers it under its key, and says what it says.
    pub(super) async fn reacted(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        key: Option<&str>,
        by: Uuid,
        given: &Given,
    ) -> Result<(), Trouble> {
        let handle = &unit.stages.handle;
        let mut said = handle(&self.reactor, tx, given).await.map_err(trouble)?;
        match key {
            Some(key) if unit.is_once() => Self::set(tx, key, &outcome(by, &mut said))?,
            // What it called has answered, and its message does not come again.
            Some(key) => tx.write(Self::slot(key), None),
            None => {}
        }
        Ok(self.publish(tx, said.events).await?)
    }

    async fn take_back(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        back: &Compensation<R>,
        message: &Message,
    ) -> Result<(), Trouble> {
        let correlation = &message.envelope.correlation;
        let key = reaction_key(unit.hears, correlation);
        let row = Self::at::<Barrier>(tx, &key).await?;
        let pivots = self.pivots(tx, unit, correlation).await?;
        match barrier::back(row.as_ref(), pivots.iter().filter_map(|(_, row)| row.as_ref())) {
            Back::Again { .. } => Ok(()),
            Back::Wait => Err(Trouble::Wait),
            Back::TooLate => self.too_late(tx, back, message).await,
            Back::Run(made) => {
                for (pivot, _) in &pivots {
                    Self::set(tx, pivot, &Barrier::Void { made: false })?;
                }
                if back.call.is_some() {
                    let errand = Errand::back(unit.hears, back.hears, &key, made);
                    return Ok(Self::begin_call(tx, &errand, message)?);
                }
                let (was_made, given) = (made.is_some(), given(back.decode, message, made)?);
                self.taken_back(tx, back, &key, was_made, &given).await
            }
        }
    }

    /// The last stage of a compensation: does it, shuts the door, and says what it says.
    pub(super) async fn taken_back(
        &self,
        tx: &mut Tx,
        back: &Compensation<R>,
        key: &str,
        made: bool,
        given: &Given,
    ) -> Result<(), Trouble> {
        let said = (back.handle)(&self.reactor, tx, given).await.map_err(trouble)?;
        Self::set(tx, key, &Barrier::Void { made })?;
        Ok(self.publish(tx, said.events).await?)
    }

    /// The rows of the other pivots of the reactor, in this business transaction.
    async fn pivots(
        &self,
        tx: &mut Tx,
        of: &Unit<R>,
        correlation: &str,
    ) -> Result<Vec<(String, Option<Barrier>)>, Fault> {
        let mut rows = Vec::new();
        for unit in self.table.units.iter().filter(|unit| unit.pivot && unit.hears != of.hears) {
            let key = reaction_key(unit.hears, correlation);
            let row = Self::at::<Barrier>(tx, &key).await?;
            rows.push((key, row));
        }
        Ok(rows)
    }

    async fn too_late(
        &self,
        tx: &mut Tx,
        back: &Compensation<R>,
        message: &Message,
    ) -> Result<(), Trouble> {
        let Some((handle, _)) = &back.too_late else { return Ok(()) };
        let given = given(back.decode, message, None)?;
        let said = handle(&self.reactor, tx, &given).await.map_err(trouble)?;
        Ok(self.publish(tx, said.events).await?)
    }

    pub(super) fn pair_of_event(&self, name: &str, correlation: &str) -> Option<(String, bool)> {
        let once = |unit: &&Unit<R>| unit.topic.is_some() && unit.is_once();
        self.table.units.iter().filter(once).find_map(|unit| {
            let key = reaction_key(unit.hears, correlation);
            if unit.hears == name {
                return Some((key, false));
            }
            way_back(unit, name).map(|_| (key, true))
        })
    }
}

/// What is remembered of a reaction that happens once.
fn outcome(by: Uuid, said: &mut Said) -> Barrier {
    let by = Some(by);
    if said.no {
        let refusal = Refusal::new("no", "the reaction said no");
        return Barrier::Refused { by, round: 0, refusal };
    }
    Barrier::Done { by, made: said.made.take(), reply: None }
}

/// How a line is taken back on an event of this name.
fn way_back<'a, R>(unit: &'a Unit<R>, name: &str) -> Option<&'a Compensation<R>> {
    unit.back.iter().find(|back| back.topic.is_some() && back.hears == name)
}

/// A reaction cannot refuse; its types see to that.
pub(super) fn trouble(told: StepError) -> Trouble {
    match told {
        StepError::Fault(fault) => Trouble::Fault(fault),
        StepError::Refused(no) => Trouble::Dead(format!("a reaction refused: {no}")),
    }
}

fn twice<R: Reactor>(hears: &str, correlation: &str) -> Trouble {
    Trouble::Dead(format!(
        "`{}` reacts to `{hears}` once a business transaction, and a second one came for \
         `{correlation}`; give each its own correlation, or take the compensation away",
        R::NAME
    ))
}
