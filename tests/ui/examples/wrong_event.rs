//! A reaction to another event than the one it stands behind.
//!
//! says: this does not react to `OrderCancelled`

use ballet::{Reactions, react};
use ui::{Inventory, OrderCancelled};

fn reactions() -> Reactions<Inventory> {
    Reactions::new().on::<OrderCancelled>(react(Inventory::reserve))
}

fn main() {
    reactions();
}
