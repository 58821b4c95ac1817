//! Payments: authorises for every valid order, captures when the parcel is ready, voids when Orders
//! asks in time. It has the last word: capture and void of an order exclude each other.

use ballet::{Call, Fault, Reactions, Reactor, Tx, Verdict, call, look};
use shop::contracts::{
    Authorized, Bill, CancelTooLate, OrderCancelRequested, OrderValidated, PAYMENTS,
    PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentVoided,
    ShipmentPrepared,
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
            .on::<OrderValidated>(
                call(Self::charge)
                    .react(Self::authorized)
                    .compensate_on_call::<OrderCancelRequested, _, _>(Self::void, Self::voided)
                    .too_late(Self::too_late),
            )
            .on::<ShipmentPrepared>(
                look(Self::authorization).call(Self::capture).react(Self::captured).pivot(),
            )
    }
}

/// A capture that failed has let go of its authorisation, too.
type Failed = (PaymentCaptureFailed, Option<PaymentVoided>);

impl Payments {
    async fn charge(&self, call: &Call, valid: &OrderValidated) -> Result<Charge, Fault> {
        Ok(self.provider.authorize(&call.key, &valid.customer_id, valid.total_minor).await?)
    }

    async fn authorized(
        &self,
        tx: &mut Tx,
        valid: &OrderValidated,
        charge: &Charge,
    ) -> Result<Verdict<PaymentAuthorized, PaymentDeclined>, Fault> {
        payments::authorized(tx, &Bill::from(&valid.order), charge)
    }

    async fn void(
        &self,
        _: &Call,
        _: &OrderCancelRequested,
        made: &Option<PaymentAuthorized>,
    ) -> Result<(), Fault> {
        match made {
            Some(made) => self.let_go(&made.auth_ref).await,
            None => Ok(()),
        }
    }

    /// Under one key, for a wish to cancel may find that a failed capture has let go already.
    async fn let_go(&self, auth_ref: &str) -> Result<(), Fault> {
        Ok(self.provider.void(&format!("{auth_ref}/void"), auth_ref).await?)
    }

    async fn voided(
        &self,
        tx: &mut Tx,
        why: &OrderCancelRequested,
        _: &(),
    ) -> Result<Option<PaymentVoided>, Fault> {
        payments::voided(tx, &why.order_id).await
    }

    async fn too_late(
        &self,
        _: &mut Tx,
        why: &OrderCancelRequested,
    ) -> Result<CancelTooLate, Fault> {
        Ok(CancelTooLate { order_id: why.order_id.clone() })
    }

    async fn authorization(
        &self,
        tx: &mut Tx,
        ready: &ShipmentPrepared,
    ) -> Result<Option<Authorized>, Fault> {
        Ok(Some(payments::authorization(tx, &ready.order_id).await?))
    }

    /// Nobody else would let go of an authorisation that can no longer be captured.
    async fn capture(
        &self,
        call: &Call,
        _: &ShipmentPrepared,
        kept: &Authorized,
    ) -> Result<Capture, Fault> {
        let capture = self.provider.capture(&call.key, &kept.auth_ref).await?;
        if capture == Capture::Expired {
            self.let_go(&kept.auth_ref).await?;
        }
        Ok(capture)
    }

    async fn captured(
        &self,
        tx: &mut Tx,
        ready: &ShipmentPrepared,
        capture: &Capture,
    ) -> Result<Verdict<PaymentCaptured, Failed>, Fault> {
        Ok(match payments::captured(tx, &ready.order_id, capture).await? {
            Verdict::Yes(captured) => Verdict::Yes(captured),
            Verdict::No(failed) => {
                Verdict::No((failed, payments::voided(tx, &ready.order_id).await?))
            }
        })
    }
}
