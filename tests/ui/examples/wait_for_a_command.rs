//! A wait that is to be ended by a command.
//!
//! says: `ReleaseStock` is not an event

use ballet::{Fault, Reactions, Tx, after};
use std::time::Duration;
use ui::{Inventory, OrderCreated, ReleaseStock};

const A_MINUTE: Duration = Duration::from_secs(60);

async fn too_late(_: &Inventory, _: &mut Tx, _: &OrderCreated) -> Result<(), Fault> {
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().expect(
        "release",
        after::<OrderCreated>().until::<(ReleaseStock,)>().within(A_MINUTE, too_late),
    )
}

fn main() {
    reactions();
}
