//! An answer that is not the reply of the command.
//!
//! says: this does not answer the command
//! says: an answer returns `StockHeld`, or `And<StockHeld, ..events..>`

use ballet::{Reactions, StepError, Tx, answer};
use ui::{Inventory, Paid, ReserveStock};

async fn reserve(_: &Inventory, _: &mut Tx, asked: &ReserveStock) -> Result<Paid, StepError> {
    Ok(Paid { receipt: asked.order_id.clone() })
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().to::<ReserveStock>(answer(reserve))
}

fn main() {
    reactions();
}
