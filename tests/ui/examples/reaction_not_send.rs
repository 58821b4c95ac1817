//! A reaction that cannot move between threads.
//!
//! says: future returned by `reserve` is not `Send`
//! says: has type `Rc<()>` which is not `Send`

use ballet::{Fault, Reactions, Tx, react};
use std::rc::Rc;
use ui::{Inventory, OrderCreated};

async fn reserve(_: &Inventory, _: &mut Tx, _: &OrderCreated) -> Result<(), Fault> {
    let shelf = Rc::new(());
    std::future::ready(()).await;
    drop(shelf);
    Ok(())
}

fn reactions() -> Reactions<Inventory> {
    Reactions::new().on::<OrderCreated>(react(reserve))
}

fn main() {
    reactions();
}
