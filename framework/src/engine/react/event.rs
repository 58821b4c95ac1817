//! Events: forward reactions and what takes them back.

use crate::engine::handler::Trouble;
use crate::engine::react::{Reacting, reaction_key};
use crate::error::{Fault, StepError};
use crate::message::{Envelope, Way};
use crate::reactor::barrier::{self, Back, Barrier, Forward};
use crate::reactor::{Compensation, Given, Reactor, Said, Unit};
use crate::tx::Tx;
use bytes::Bytes;
use serde_json::value::RawValue;

impl<R: Reactor> Reacting<R> {
    pub(super) async fn event(
        &self,
        tx: &mut Tx,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        self.mind_waits(tx, &envelope.name, &envelope.key, body).await?;
        for unit in &self.table.units {
            if unit.topic.is_some() && unit.hears == envelope.name {
                self.react(tx, unit, envelope, body).await?;
            }
            if let Some(back) = way_back(unit, &envelope.name) {
                self.take_back(tx, unit, back, envelope, body).await?;
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

    async fn react(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let key = Self::key(unit, envelope);
        if let Some(key) = &key {
            let row = Self::barrier(tx, key).await?;
            match barrier::forward(row.as_ref(), Some(envelope.id), 0) {
                Forward::Run => {}
                Forward::Twice => return Err(twice::<R>(unit.hears, &envelope.correlation)),
                _ => return Ok(()),
            }
        }
        let given = Given { message: (unit.decode)(body)?, extra: None };
        let mut looked = None;
        if let Some(look) = &unit.stages.look {
            let Some(found) = look(&self.reactor, tx, &given).await? else { return Ok(()) };
            looked = Some(found);
        }
        if let (Some(key), Some(_)) = (&key, &unit.stages.call) {
            let way = Way::Forward;
            return Ok(Self::begin_call(tx, unit.hears, None, key, way, looked, envelope, body)?);
        }
        let said = (unit.stages.handle)(&self.reactor, tx, &given).await.map_err(trouble)?;
        self.record(tx, unit, key.as_deref(), envelope, said).await
    }

    /// Writes down what a reaction did, and says it.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        key: Option<&str>,
        envelope: &Envelope,
        said: Said,
    ) -> Result<(), Trouble> {
        if let Some(key) = key {
            let by = Some(envelope.id);
            let row = match said.no {
                true => Barrier::Refused {
                    by,
                    round: 0,
                    refusal: crate::error::Refusal::new("no", "the reaction said no"),
                },
                false => Barrier::Done { by, made: said.made, reply: None },
            };
            if unit.is_once() {
                Self::set(tx, key, &row)?;
            } else {
                tx.write(Self::slot(key), None);
            }
        }
        Ok(self.publish(tx, said.events).await?)
    }

    async fn take_back(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        back: &Compensation<R>,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let key = reaction_key(unit.hears, &envelope.correlation);
        let row = Self::barrier(tx, &key).await?;
        let pivots = self.pivots(tx, unit, envelope).await?;
        let given = Given { message: (back.decode)(body)?, extra: None };
        match barrier::back(row.as_ref(), pivots.iter().filter_map(|(_, row)| row.as_ref())) {
            Back::Again { .. } => Ok(()),
            Back::Wait => Err(Trouble::Wait),
            Back::TooLate => self.too_late(tx, back, &given).await,
            Back::Run(made) => {
                for (pivot, _) in &pivots {
                    Self::set(tx, pivot, &Barrier::Void { made: false })?;
                }
                tx.effects.supersede = Some(key.clone());
                self.go_back(tx, unit, back, &key, made, envelope, body).await
            }
        }
    }

    /// The rows of the other pivots of the reactor, in this business transaction.
    async fn pivots(
        &self,
        tx: &mut Tx,
        of: &Unit<R>,
        envelope: &Envelope,
    ) -> Result<Vec<(String, Option<Barrier>)>, Fault> {
        let mut rows = Vec::new();
        for unit in self.table.units.iter().filter(|unit| unit.pivot && unit.hears != of.hears) {
            let key = reaction_key(unit.hears, &envelope.correlation);
            let row = Self::barrier(tx, &key).await?;
            rows.push((key, row));
        }
        Ok(rows)
    }

    async fn too_late(
        &self,
        tx: &mut Tx,
        back: &Compensation<R>,
        given: &Given,
    ) -> Result<(), Trouble> {
        let Some((handle, _)) = &back.too_late else { return Ok(()) };
        let said = handle(&self.reactor, tx, given).await.map_err(trouble)?;
        Ok(self.publish(tx, said.events).await?)
    }

    #[allow(clippy::too_many_arguments)] // What a compensation is about has this many parts.
    async fn go_back(
        &self,
        tx: &mut Tx,
        unit: &Unit<R>,
        back: &Compensation<R>,
        key: &str,
        made: Option<Box<RawValue>>,
        envelope: &Envelope,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        if back.call.is_some() {
            let (of, way) = (unit.hears, Way::Back);
            return Ok(Self::begin_call(tx, of, Some(back.hears), key, way, made, envelope, body)?);
        }
        let was_made = made.is_some();
        let given = Given { message: (back.decode)(body)?, extra: made };
        let said = (back.handle)(&self.reactor, tx, &given).await.map_err(trouble)?;
        Self::set(tx, key, &Barrier::Void { made: was_made })?;
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
