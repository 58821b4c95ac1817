//! The checks, as they react to a new order. Who waits for them they do not know.

use ballet::{Fault, Reactions, Reactor, Tx, react};
use shop::contracts::{DETAILS, FRAUD, LIMITS, OrderCreated, OrderValidation};
use shop::{details, fraud, limits};

/// Checks whether an order makes sense.
#[derive(Debug, Clone, Copy, Default)]
pub struct Details;

impl Reactor for Details {
    const NAME: &'static str = DETAILS;

    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<OrderCreated>(react(Self::check).leaves_nothing())
    }
}

impl Details {
    async fn check(&self, _: &mut Tx, created: &OrderCreated) -> Result<OrderValidation, Fault> {
        Ok(details::check(created))
    }
}

/// Judges whether an order may be fraud.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fraud;

impl Reactor for Fraud {
    const NAME: &'static str = FRAUD;

    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<OrderCreated>(react(Self::assess).leaves_nothing())
    }
}

impl Fraud {
    async fn assess(&self, tx: &mut Tx, created: &OrderCreated) -> Result<OrderValidation, Fault> {
        fraud::assess(tx, created).await
    }
}

/// Checks that nobody buys too many iPads, where a rule requires it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits;

impl Reactor for Limits {
    const NAME: &'static str = LIMITS;

    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<OrderCreated>(react(Self::check).leaves_nothing())
    }
}

impl Limits {
    async fn check(
        &self,
        tx: &mut Tx,
        created: &OrderCreated,
    ) -> Result<Option<OrderValidation>, Fault> {
        match limits::is_required(created) {
            true => Ok(Some(limits::check(tx, created).await?)),
            false => Ok(None),
        }
    }
}
