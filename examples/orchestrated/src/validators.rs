//! The checks, as they are asked by the coordinator. What they say is published too: others
//! compare.

use crate::answers::{Answer, judged};
use ballet::{Reactions, Reactor, Tx, answer};
use shop::contracts::{
    AssessFraud, CheckDetails, CheckLimit, DETAILS, DetailsFine, FRAUD, FraudScore, LIMITS,
    LimitKept, OrderValidation,
};
use shop::{details, fraud, limits};

/// What a check answers.
type Checked<R> = Answer<R, OrderValidation, OrderValidation>;

/// Checks whether an order makes sense.
#[derive(Debug, Clone, Copy, Default)]
pub struct Details;

impl Reactor for Details {
    const NAME: &'static str = DETAILS;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<CheckDetails>(answer(Self::check).leaves_nothing())
    }
}

impl Details {
    async fn check(&self, _: &mut Tx, ask: &CheckDetails) -> Checked<DetailsFine> {
        judged(details::check(&ask.order), DetailsFine {})
    }
}

/// Judges whether an order may be fraud.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fraud;

impl Reactor for Fraud {
    const NAME: &'static str = FRAUD;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<AssessFraud>(answer(Self::assess).leaves_nothing())
    }
}

impl Fraud {
    async fn assess(&self, tx: &mut Tx, ask: &AssessFraud) -> Checked<FraudScore> {
        let said = fraud::assess(tx, &ask.order).await?;
        let window_total_minor = said.evidence["window_total_minor"];
        judged(said, FraudScore { window_total_minor })
    }
}

/// Checks that nobody buys too many iPads, where a rule requires it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits;

impl Reactor for Limits {
    const NAME: &'static str = LIMITS;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<CheckLimit>(answer(Self::check).leaves_nothing())
    }
}

impl Limits {
    async fn check(&self, tx: &mut Tx, ask: &CheckLimit) -> Checked<LimitKept> {
        judged(limits::check(tx, &ask.order).await?, LimitKept {})
    }
}
