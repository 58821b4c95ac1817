//! Shipping: makes a parcel ready, unpacks it or gives it to the carrier when asked.

use crate::answers::{Answer, answer_with};
use ballet::{And, Call, Fault, Reactions, Reactor, Refusal, StepError, Tx, answer, look};
use shop::contracts::{
    CancelShipment, DispatchShipment, Dispatched, PrepareShipment, Prepared, SHIPPING,
    ShipmentCancelled, ShipmentDispatched, ShipmentPrepared, ShipmentRejected,
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
            .to::<PrepareShipment>(
                answer(Self::prepare).compensate_by::<CancelShipment>(Self::cancel),
            )
            .to::<DispatchShipment>(
                look(Self::parcel).call(Self::hand_over).answer(Self::dispatched).leaves_nothing(),
            )
    }
}

impl Shipping {
    async fn prepare(
        &self,
        tx: &mut Tx,
        ask: &PrepareShipment,
    ) -> Answer<Prepared, ShipmentPrepared, ShipmentRejected> {
        let decided = shipping::prepare(tx, &ask.order_id, &ask.customer_id).await?;
        let ready = |said: &ShipmentPrepared| Prepared { shipment_id: said.shipment_id.clone() };
        Ok(answer_with(decided, ready, |said| Refusal::new(said.code.code(), &said.detail)))
    }

    async fn cancel(
        &self,
        tx: &mut Tx,
        ask: &CancelShipment,
        _: &Prepared,
    ) -> Result<And<(), ShipmentCancelled>, Fault> {
        Ok(And((), shipping::cancel(tx, &ask.order_id).await?))
    }

    async fn parcel(&self, tx: &mut Tx, ask: &DispatchShipment) -> Result<Option<Shipment>, Fault> {
        Ok(Some(shipping::parcel(tx, &ask.order_id).await?))
    }

    async fn hand_over(
        &self,
        call: &Call,
        _: &DispatchShipment,
        parcel: &Shipment,
    ) -> Result<Waybill, Fault> {
        Ok(self.carrier.take(&call.key, &parcel.shipment_id, &parcel.to.address).await?)
    }

    async fn dispatched(
        &self,
        tx: &mut Tx,
        ask: &DispatchShipment,
        waybill: &Waybill,
    ) -> Result<And<Dispatched, ShipmentDispatched>, StepError> {
        let said = shipping::dispatched(tx, &ask.order_id, &waybill.tracking_no).await?;
        Ok(And(Dispatched { tracking_no: said.tracking_no.clone() }, said))
    }
}
