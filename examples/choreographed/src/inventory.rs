//! Inventory: keeps stock for every new order, gives it back when the order ends badly, and sells
//! it when the money was taken.

use ballet::{And, Fault, Reactions, Reactor, StepError, Tx, Verdict, after, answer, react};
use shop::contracts::{
    INVENTORY, OrderCancelled, OrderCreated, OrderInvalidated, PaymentCaptured, ReceiveStock,
    ReservationExpired, Status, StockCommitted, StockLevel, StockReleased, StockReserved,
};
use shop::inventory::{self, Committed, Rejected, Released, Reserved};
use shop::settings::settings;

/// Owns the shelves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inventory;

impl Reactor for Inventory {
    const NAME: &'static str = INVENTORY;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<ReceiveStock>(answer(Self::receive).leaves_nothing())
            .on::<OrderCreated>(
                react(Self::reserve)
                    .compensate_on::<OrderInvalidated>(Self::release_invalid)
                    .compensate_on::<OrderCancelled>(Self::release_cancelled),
            )
            .on::<PaymentCaptured>(react(Self::commit))
            .expect(
                "settlement",
                after::<StockReserved>()
                    .until::<(StockReleased, StockCommitted)>()
                    .within(settings().reservation_ttl(), Self::expired),
            )
    }
}

impl Inventory {
    async fn receive(
        &self,
        tx: &mut Tx,
        ask: &ReceiveStock,
    ) -> Result<And<(), StockLevel>, StepError> {
        Ok(And((), inventory::receive(tx, &ask.sku, ask.qty).await?))
    }

    async fn reserve(
        &self,
        tx: &mut Tx,
        created: &OrderCreated,
    ) -> Result<Verdict<Reserved, Rejected>, Fault> {
        inventory::reserve(tx, &created.order_id, &created.lines).await
    }

    async fn release_invalid(
        &self,
        tx: &mut Tx,
        why: &OrderInvalidated,
        _: &Option<StockReserved>,
    ) -> Result<Option<Released>, Fault> {
        inventory::release(tx, &why.order_id, Status::Invalid).await
    }

    async fn release_cancelled(
        &self,
        tx: &mut Tx,
        why: &OrderCancelled,
        _: &Option<StockReserved>,
    ) -> Result<Option<Released>, Fault> {
        inventory::release(tx, &why.order_id, Status::Cancelled).await
    }

    async fn commit(&self, tx: &mut Tx, paid: &PaymentCaptured) -> Result<Committed, Fault> {
        inventory::commit(tx, &paid.order_id).await
    }

    /// Nothing is given back: whether the order can still be cancelled is for others to decide.
    async fn expired(&self, _: &mut Tx, kept: &StockReserved) -> Result<ReservationExpired, Fault> {
        Ok(inventory::expired(kept))
    }
}
