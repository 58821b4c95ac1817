//! Shipping: makes a parcel ready when the money is, gives it to the carrier when the money was
//! taken, and unpacks it when the order was cancelled.

use ballet::{Call, Fault, Reactions, Reactor, Tx, Verdict, look, react};
use shop::contracts::{
    OrderCancelled, PaymentAuthorized, PaymentCaptured, SHIPPING, ShipmentCancelled,
    ShipmentDispatched, ShipmentPrepared, ShipmentRejected,
};
use shop::fakes::{Carrier, Waybill, World};
use shop::shipping::{self, Shipment};
use std::sync::Arc;

/// Owns the parcels.
#[derive(Debug, Clone)]
pub struct Shipping {
    /// Who carries them.
    pub carrier: Arc<Carrier>,
}

impl From<&World> for Shipping {
    fn from(world: &World) -> Self {
        Self { carrier: Arc::clone(&world.carrier) }
    }
}

impl Reactor for Shipping {
    const NAME: &'static str = SHIPPING;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<PaymentAuthorized>(
                react(Self::prepare).compensate_on::<OrderCancelled>(Self::cancel),
            )
            .on::<PaymentCaptured>(look(Self::parcel).call(Self::hand_over).react(Self::dispatched))
    }
}

impl Shipping {
    async fn prepare(
        &self,
        tx: &mut Tx,
        said: &PaymentAuthorized,
    ) -> Result<Verdict<ShipmentPrepared, ShipmentRejected>, Fault> {
        shipping::prepare(tx, &said.order_id, &said.customer_id).await
    }

    async fn cancel(
        &self,
        tx: &mut Tx,
        why: &OrderCancelled,
        made: &Option<ShipmentPrepared>,
    ) -> Result<Option<ShipmentCancelled>, Fault> {
        match made {
            Some(_) => Ok(Some(shipping::cancel(tx, &why.order_id).await?)),
            None => Ok(None),
        }
    }

    async fn parcel(&self, tx: &mut Tx, paid: &PaymentCaptured) -> Result<Option<Shipment>, Fault> {
        Ok(Some(shipping::parcel(tx, &paid.order_id).await?))
    }

    async fn hand_over(
        &self,
        call: &Call,
        _: &PaymentCaptured,
        parcel: &Shipment,
    ) -> Result<Waybill, Fault> {
        Ok(self.carrier.take(&call.key, &parcel.shipment_id, &parcel.to.address).await?)
    }

    async fn dispatched(
        &self,
        tx: &mut Tx,
        paid: &PaymentCaptured,
        waybill: &Waybill,
    ) -> Result<ShipmentDispatched, Fault> {
        shipping::dispatched(tx, &paid.order_id, &waybill.tracking_no).await
    }
}
