//! Reactions without a mistake.

use ballet::{Reactions, StepError, Tx, answer, react};
use ui::{Inventory, OrderCancelled, OrderCreated, ReserveStock, StockHeld};

async fn hold(_: &Inventory, _: &mut Tx, asked: &ReserveStock) -> Result<StockHeld, StepError> {
    Ok(StockHeld { hold: asked.order_id.clone() })
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new()
        .on::<OrderCreated>(
            react(Inventory::reserve).compensate_on::<OrderCancelled>(Inventory::release),
        )
        .to::<ReserveStock>(answer(hold))
}

fn main() {
    reactions();
}
