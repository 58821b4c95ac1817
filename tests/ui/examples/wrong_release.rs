//! A compensation that takes what its reaction did not make.
//!
//! says: `fn(&Inventory, &mut Tx, &OrderCancelled, &Option<StockReserved>) -> _`

use ballet::{Fault, Reactions, Tx, react};
use ui::{Inventory, OrderCancelled, OrderCreated};

async fn release(
    _: &Inventory,
    _: &mut Tx,
    _: &OrderCancelled,
    _made: &Option<OrderCreated>,
) -> Result<(), Fault> {
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new()
        .on::<OrderCreated>(react(Inventory::reserve).compensate_on::<OrderCancelled>(release))
}

fn main() {
    reactions();
}
