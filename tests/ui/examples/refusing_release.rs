//! A compensation that may refuse, in a reactor.
//!
//! says: a compensation cannot refuse: it is tried until it is done

use ballet::{Reactions, StepError, Tx, react};
use ui::{Inventory, OrderCancelled, OrderCreated, StockReserved};

async fn release(
    _: &Inventory,
    _: &mut Tx,
    _: &OrderCancelled,
    _made: &Option<StockReserved>,
) -> Result<(), StepError> {
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new()
        .on::<OrderCreated>(react(Inventory::reserve).compensate_on::<OrderCancelled>(release))
}

fn main() {
    reactions();
}
