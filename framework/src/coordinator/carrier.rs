//! A plan with the saga whose functions it calls, whatever its types.

use crate::clock::Time;
use crate::error::{Error, ErrorKind, Fault, StepError};
use crate::future::BoxFuture;
use crate::message::Way;
use crate::saga::decide::{Decision, Input, decide};
use crate::saga::journal::Journal;
use crate::saga::{Cx, Plan, Saga, Shape};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Decides and computes for one plan.
pub(crate) trait Carrier: Send + Sync {
    fn shape(&self) -> &Shape;
    fn digest(&self) -> &str;
    /// What the run does next.
    fn decide(
        &self,
        run: &str,
        journal: &Journal,
        input: Input,
        now: Time,
    ) -> Result<Decision, Fault>;
    /// What the command of a step says.
    fn command(
        &self,
        run: &str,
        step: usize,
        way: Way,
        journal: &Journal,
    ) -> Result<Box<RawValue>, Fault>;
    /// Runs the method of a step.
    fn run<'a>(
        &'a self,
        cx: Cx,
        step: usize,
        journal: &'a Journal,
    ) -> BoxFuture<'a, Result<Box<RawValue>, StepError>>;
    /// Whether a step can have made this.
    fn reads(&self, step: usize, made: &RawValue) -> Result<(), Fault>;
}

/// A plan and its saga.
pub(crate) struct Carried<S: Saga> {
    saga: Arc<S>,
    plan: Plan<S>,
    digest: String,
    /// What is wrong about the times that the saga sets.
    faults: Vec<String>,
}

impl<S: Saga> Carried<S> {
    pub(crate) fn new(saga: S) -> Self {
        let (plan, faults) = Plan::of(&saga);
        Self { saga: Arc::new(saga), digest: plan.shape().digest(), plan, faults }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.faults.is_empty() {
            true => self.plan.check(),
            false => Err(Error::new(ErrorKind::Definition, self.faults.join("; "))),
        }
    }
}

impl<S: Saga> Carrier for Carried<S> {
    fn shape(&self) -> &Shape {
        self.plan.shape()
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn decide(
        &self,
        run: &str,
        journal: &Journal,
        input: Input,
        now: Time,
    ) -> Result<Decision, Fault> {
        let mut needed =
            |journal: &Journal, step: usize| self.plan.is_needed(&self.saga, run, step, journal);
        decide(self.plan.shape(), journal, input, now, &mut needed)
    }

    fn command(
        &self,
        run: &str,
        step: usize,
        way: Way,
        journal: &Journal,
    ) -> Result<Box<RawValue>, Fault> {
        self.plan.command(&self.saga, run, step, way, journal)
    }

    fn run<'a>(
        &'a self,
        cx: Cx,
        step: usize,
        journal: &'a Journal,
    ) -> BoxFuture<'a, Result<Box<RawValue>, StepError>> {
        self.plan.run(&self.saga, cx, step, journal)
    }

    fn reads(&self, step: usize, made: &RawValue) -> Result<(), Fault> {
        self.plan.reads(step, made)
    }
}
