//! A reaction that says a command: only facts are for everybody.
//!
//! says: `ReserveStock` cannot be emitted
//! says: commands are not facts and cannot be published

use ballet::{Fault, Reactions, Tx, react};
use ui::{Inventory, OrderCreated, ReserveStock};

async fn reserve(_: &Inventory, _: &mut Tx, created: &OrderCreated) -> Result<ReserveStock, Fault> {
    Ok(ReserveStock { order_id: created.order_id.clone() })
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().on::<OrderCreated>(react(reserve))
}

fn main() {
    reactions();
}
