//! Methods of a saga that run here: what goes out with them, and what they bring.

use crate::coordinator::Coordinator;
use crate::error::{Fault, Refusal, StepError};
use crate::message::{Key, Way};
use crate::saga::decide::{Input, Ran};
use crate::saga::journal::Journal;
use crate::saga::{Cx, Shape};
use crate::store::Calling;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// All that is needed to run a method, with no transaction in reach.
#[derive(Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) step: usize,
    pub(super) way: Way,
    pub(super) round: u32,
    pub(super) attempt: u32,
    pub(super) journal: Journal,
}

/// What a method brought, as it travels from its call to the run.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Brought {
    Done(Box<RawValue>),
    Refused(Refusal),
}

impl Errand {
    /// The call that the lane makes once the run is written down. It holds up nothing: the run goes on
    /// with whatever else comes.
    pub(super) fn calling(&self, run: &str) -> Result<Calling, Fault> {
        let Self { step, way, round, attempt, .. } = self;
        Ok(Calling {
            id: format!("{run}/{step}/{}/{round}/{attempt}", way.name()),
            key: Key::new(run),
            holds: false,
            body: serde_json::to_vec(self)?.into(),
        })
    }

    /// What was written down of a call.
    fn read(calling: &Calling) -> Result<Self, Fault> {
        let damaged = |told| Fault::new(format!("call `{}` is damaged: {told}", calling.id));
        serde_json::from_slice(&calling.body).map_err(damaged)
    }

    /// The same, if it is one of a step of this plan.
    fn of(calling: &Calling, shape: &Shape) -> Result<Self, Fault> {
        let errand = Self::read(calling)?;
        let (id, step) = (&calling.id, errand.step);
        match step < shape.steps.len() {
            true => Ok(errand),
            false => Err(Fault::new(format!("call `{id}` is damaged: there is no step {step}"))),
        }
    }

    /// What came of a call.
    pub(super) fn came_back(
        calling: &Calling,
        outcome: Result<Bytes, String>,
        shape: &Shape,
    ) -> Result<Input, Fault> {
        let Self { step, way, round, .. } = Self::of(calling, shape)?;
        let damaged =
            |told| Fault::new(format!("what call `{}` brought is damaged: {told}", calling.id));
        let ran = match outcome {
            Ok(brought) => match serde_json::from_slice(&brought).map_err(damaged)? {
                Brought::Done(made) => Ran::Done(made),
                Brought::Refused(no) => Ran::Refused(no),
            },
            Err(told) => Ran::Fault(told),
        };
        Ok(Input::Ran { step, way, round, ran })
    }
}

impl Coordinator {
    /// Runs a method of the saga: no transaction is in reach.
    pub(super) async fn go_out(&self, calling: &Calling, _: u32) -> Result<Bytes, Fault> {
        let Errand { step, way, attempt, journal, .. } = Errand::read(calling)?;
        let run = calling.key.as_str();
        let Ok(plan) = self.plan(run, &journal) else {
            return Err(Fault::new("its plan is not registered here"));
        };
        Errand::of(calling, plan.shape())?;
        let name = plan.shape().steps[step].name;
        let traceparent = journal.traceparent.clone();
        let cx = Cx { saga: self.saga, run: run.to_owned(), step: name, way, attempt, traceparent };
        let brought = match plan.run(cx, step, &journal).await {
            Ok(made) => Brought::Done(made),
            Err(StepError::Refused(no)) => Brought::Refused(no),
            Err(StepError::Fault(fault)) => return Err(fault),
        };
        Ok(serde_json::to_vec(&brought)?.into())
    }
}
