//! A compensation that does not reckon with nothing having been made.
//!
//! says: `fn(&Inventory, &mut Tx, &OrderCancelled, &Option<StockReserved>) -> _`

use ballet::{Fault, Reactions, Tx, react};
use ui::{Inventory, OrderCancelled, OrderCreated, StockReserved};

async fn release(
    _: &Inventory,
    _: &mut Tx,
    _: &OrderCancelled,
    _made: &StockReserved,
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
