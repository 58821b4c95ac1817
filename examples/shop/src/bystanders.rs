//! Reactors that are the same in both modes, because nobody waits for them: they hear facts or
//! answer requests, and no purchase takes another way because of them.

use crate::alerts;
use crate::contracts::{
    ALERTS, CUSTOMERS, CustomerErased, CustomerUpserted, EraseCustomer, NOTIFICATION,
    NotificationSent, OrderCancelled, OrderCreated, OrderInvalidated, OrderShipped,
    OrderValidation, ReservationExpired, SaveCustomer, StockCommitted, StockReleased, Trouble,
};
use crate::customers;
use crate::fakes::{Mail, World};
use crate::fraud;
use crate::notification::{self, Letter, Told};
use crate::settings::settings;
use ballet::reactor::Reaction;
use ballet::{And, Call, Fault, Reactions, Reactor, StepError, Tx, after, answer, look, react};
use std::sync::Arc;

/// Tells customers what became of their orders.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Where letters are posted.
    pub mail: Arc<Mail>,
}

impl From<&World> for Notification {
    fn from(world: &World) -> Self {
        Self { mail: Arc::clone(&world.mail) }
    }
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

    async fn post<E: Told>(&self, call: &Call, told: &E, letter: &Letter) -> Result<Letter, Fault> {
        let (key, trace) = (notification::key(told), call.traceparent.as_deref());
        self.mail.send(&key, &letter.to, &letter.text, trace).await?;
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

/// Keeps the list of what an operator should look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alerts;

impl Reactor for Alerts {
    const NAME: &'static str = ALERTS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<OrderShipped>(react(Self::ended))
            .on::<OrderInvalidated>(react(Self::ended))
            .on::<OrderCancelled>(react(Self::ended))
            .on::<ReservationExpired>(react(Self::expired))
            .on::<StockReleased>(react(Self::released))
            .on::<StockCommitted>(react(Self::committed))
            .expect(
                "end",
                after::<OrderCreated>()
                    .until::<(OrderShipped, OrderInvalidated, OrderCancelled)>()
                    .within(settings().overdue(), Self::overdue),
            )
    }
}

impl Alerts {
    async fn overdue(&self, tx: &mut Tx, created: &OrderCreated) -> Result<(), Fault> {
        alerts::raise(tx, &created.order_id, Trouble::OrderOverdue)
    }

    async fn ended<E: Told>(&self, tx: &mut Tx, told: &E) -> Result<(), Fault> {
        alerts::settle(tx, &told.order_id, Trouble::OrderOverdue).await
    }

    async fn expired(&self, tx: &mut Tx, said: &ReservationExpired) -> Result<(), Fault> {
        alerts::raise(tx, &said.order_id, Trouble::ReservationExpired)
    }

    async fn released(&self, tx: &mut Tx, said: &StockReleased) -> Result<(), Fault> {
        alerts::settle(tx, &said.order_id, Trouble::ReservationExpired).await
    }

    async fn committed(&self, tx: &mut Tx, said: &StockCommitted) -> Result<(), Fault> {
        alerts::settle(tx, &said.order_id, Trouble::ReservationExpired).await
    }
}
