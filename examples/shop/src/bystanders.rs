//! Reactors that are the same in both modes, because nobody waits for them: they hear facts or
//! answer requests, and no purchase takes another way because of them.

use crate::contracts::{
    CUSTOMERS, CustomerErased, CustomerUpserted, EraseCustomer, NOTIFICATION, NotificationSent,
    OrderCancelled, OrderCreated, OrderInvalidated, OrderShipped, OrderValidation, SaveCustomer,
};
use crate::customers;
use crate::fakes::Mail;
use crate::fraud;
use crate::notification::{self, Letter, Told};
use ballet::reactor::Reaction;
use ballet::{And, Call, Fault, Reactions, Reactor, StepError, Tx, answer, look, react};
use std::sync::Arc;

/// Tells customers what became of their orders.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Where letters are posted.
    pub mail: Arc<Mail>,
}

impl Reactor for Notification {
    const NAME: &'static str = NOTIFICATION;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<OrderShipped>(Self::tell())
            .on::<OrderInvalidated>(Self::tell())
            .on::<OrderCancelled>(Self::tell())
    }
}

impl Notification {
    fn tell<E: Told>() -> Reaction<Self, E, NotificationSent> {
        look(Self::letter).call(Self::post).react(Self::sent)
    }

    async fn letter<E: Told>(&self, tx: &mut Tx, told: &E) -> Result<Option<Letter>, Fault> {
        notification::letter(tx, told).await
    }

    async fn post<E: Told>(&self, _: &Call, told: &E, letter: &Letter) -> Result<Letter, Fault> {
        self.mail.send(&notification::key(told), &letter.to, &letter.text).await?;
        Ok(letter.clone())
    }

    async fn sent<E: Told>(
        &self,
        tx: &mut Tx,
        told: &E,
        letter: &Letter,
    ) -> Result<NotificationSent, Fault> {
        notification::sent(tx, told, letter)
    }
}

/// Knows the customers, and says who they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Customers;

impl Reactor for Customers {
    const NAME: &'static str = CUSTOMERS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<SaveCustomer>(answer(Self::save).leaves_nothing())
            .to::<EraseCustomer>(answer(Self::erase).leaves_nothing())
    }
}

impl Customers {
    async fn save(
        &self,
        tx: &mut Tx,
        ask: &SaveCustomer,
    ) -> Result<And<(), CustomerUpserted>, StepError> {
        Ok(And((), customers::save(tx, ask).await?))
    }

    async fn erase(
        &self,
        tx: &mut Tx,
        ask: &EraseCustomer,
    ) -> Result<And<(), CustomerErased>, StepError> {
        Ok(And((), customers::erase(tx, &ask.customer_id).await?))
    }
}

/// A stricter check for fraud that only watches: its verdicts are compared, and never count.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShadowFraud;

impl Reactor for ShadowFraud {
    const NAME: &'static str = fraud::SHADOW;

    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<OrderCreated>(react(Self::assess).leaves_nothing())
    }
}

impl ShadowFraud {
    async fn assess(&self, tx: &mut Tx, created: &OrderCreated) -> Result<OrderValidation, Fault> {
        fraud::assess_as_shadow(tx, created).await
    }
}
