//! A reaction that may refuse: nobody asked it.
//!
//! says: a reaction cannot return `Result<(), StepError>`
//! says: return `Result<_, Fault>`: nobody asked, so there is nobody to refuse
//! says: say no with an event: `Ok(Verdict::No(..))`

use ballet::{Reactions, StepError, Tx, react};
use ui::{Inventory, OrderCreated};

async fn reserve(_: &Inventory, _: &mut Tx, _: &OrderCreated) -> Result<(), StepError> {
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().on::<OrderCreated>(react(reserve))
}

fn main() {
    reactions();
}
