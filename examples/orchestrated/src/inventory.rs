//! Inventory: keeps stock when asked, and gives it back or sells it when asked.

use crate::answers::{Answer, Noted, answer_with};
use ballet::{And, Fault, Reactions, Reactor, Tx, after, answer};
use shop::contracts::{
    CommitStock, INVENTORY, ReceiveStock, ReleaseStock, ReservationExpired, ReserveStock,
    StockCommitted, StockHeld, StockLevel, StockReleased, StockReserved,
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
            .to::<ReserveStock>(answer(Self::reserve).compensate_by::<ReleaseStock>(Self::release))
            .to::<CommitStock>(answer(Self::commit).leaves_nothing())
            .expect(
                "settlement",
                after::<StockReserved>()
                    .until::<(StockReleased, StockCommitted)>()
                    .within(settings().reservation_ttl(), Self::expired),
            )
    }
}

impl Inventory {
    async fn receive(&self, tx: &mut Tx, ask: &ReceiveStock) -> Noted<StockLevel> {
        Ok(And((), inventory::receive(tx, &ask.sku, ask.qty).await?))
    }

    async fn reserve(
        &self,
        tx: &mut Tx,
        ask: &ReserveStock,
    ) -> Answer<StockHeld, Reserved, Rejected> {
        let decided = inventory::reserve(tx, &ask.order_id, &ask.lines).await?;
        let held = |(reserved, ..): &Reserved| StockHeld { expires_at: reserved.expires_at };
        Ok(answer_with(decided, held, |(_, said)| said.refusal()))
    }

    async fn release(
        &self,
        tx: &mut Tx,
        ask: &ReleaseStock,
        _: &StockHeld,
    ) -> Result<And<(), Option<Released>>, Fault> {
        Ok(And((), inventory::release(tx, &ask.order_id, ask.reason).await?))
    }

    async fn commit(&self, tx: &mut Tx, ask: &CommitStock) -> Noted<Committed> {
        Ok(And((), inventory::commit(tx, &ask.order_id).await?))
    }

    /// Nothing is given back: whether the order can still be cancelled is for others to decide.
    async fn expired(&self, _: &mut Tx, kept: &StockReserved) -> Result<ReservationExpired, Fault> {
        Ok(inventory::expired(kept))
    }
}
