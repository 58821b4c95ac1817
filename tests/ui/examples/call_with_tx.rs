//! A call to the outside that reaches for the transaction.
//!
//! says: expected function signature `fn(&Inventory, &Call, &_) -> _`

use ballet::{Fault, Reactions, Tx, call};
use ui::{Inventory, OrderCreated};

async fn ask_supplier(_: &Inventory, _: &mut Tx, _: &OrderCreated) -> Result<u64, Fault> {
    Ok(1)
}

async fn note(_: &Inventory, _: &mut Tx, _: &OrderCreated, _: &u64) -> Result<(), Fault> {
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().on::<OrderCreated>(call(ask_supplier).react(note))
}

fn main() {
    reactions();
}
