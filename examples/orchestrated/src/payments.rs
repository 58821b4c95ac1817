//! Payments: authorises, captures and voids when asked, each by a call to the provider.

use crate::answers::{Answer, answer_with};
use ballet::{And, Call, Fault, Reactions, Reactor, Refusal, Tx, call};
use shop::contracts::{
    AuthorizePayment, Authorized, CapturePayment, Captured, PAYMENTS, PaymentAuthorized,
    PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentVoided, Reason, VoidPayment,
};
use shop::fakes::{Capture, Charge, Provider, World};
use shop::payments;
use std::sync::Arc;

/// Handles the customers' money.
#[derive(Debug, Clone)]
pub struct Payments {
    /// Who keeps it and takes it.
    pub provider: Arc<Provider>,
}

impl From<&World> for Payments {
    fn from(world: &World) -> Self {
        Self { provider: Arc::clone(&world.provider) }
    }
}

impl Reactor for Payments {
    const NAME: &'static str = PAYMENTS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<AuthorizePayment>(
                call(Self::charge)
                    .answer(Self::authorized)
                    .compensate_by_call::<VoidPayment, _>(Self::void, Self::voided),
            )
            .to::<CapturePayment>(call(Self::capture).answer(Self::captured).leaves_nothing())
    }
}

impl Payments {
    async fn charge(&self, call: &Call, ask: &AuthorizePayment) -> Result<Charge, Fault> {
        let bill = &ask.bill;
        Ok(self.provider.authorize(&call.key, &bill.customer_id, bill.amount_minor).await?)
    }

    async fn authorized(
        &self,
        tx: &mut Tx,
        ask: &AuthorizePayment,
        charge: &Charge,
    ) -> Answer<Authorized, PaymentAuthorized, PaymentDeclined> {
        let decided = payments::authorized(tx, &ask.bill, charge)?;
        let kept = |said: &PaymentAuthorized| Authorized { auth_ref: said.auth_ref.clone() };
        Ok(answer_with(decided, kept, |said| Refusal::new(Reason::Declined.code(), &said.code)))
    }

    async fn void(&self, call: &Call, _: &VoidPayment, made: &Authorized) -> Result<(), Fault> {
        Ok(self.provider.void(&call.key, &made.auth_ref).await?)
    }

    async fn voided(
        &self,
        tx: &mut Tx,
        ask: &VoidPayment,
        _: &(),
    ) -> Result<And<(), Option<PaymentVoided>>, Fault> {
        Ok(And((), payments::voided(tx, &ask.order_id).await?))
    }

    async fn capture(&self, call: &Call, ask: &CapturePayment) -> Result<Capture, Fault> {
        Ok(self.provider.capture(&call.key, &ask.auth_ref).await?)
    }

    async fn captured(
        &self,
        tx: &mut Tx,
        ask: &CapturePayment,
        capture: &Capture,
    ) -> Answer<Captured, PaymentCaptured, PaymentCaptureFailed> {
        let decided = payments::captured(tx, &ask.order_id, capture).await?;
        let taken = |said: &PaymentCaptured| Captured { capture_ref: said.capture_ref.clone() };
        Ok(answer_with(decided, taken, |said| {
            Refusal::new(Reason::CaptureFailed.code(), &said.code)
        }))
    }
}
