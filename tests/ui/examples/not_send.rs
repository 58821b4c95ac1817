//! An action that cannot move between threads.
//!
//! says: this is not an async method of borrowed things
//! says: if the signature is right, its future is not `Send`

use ballet::{Fault, Plan, act, ask};
use std::rc::Rc;
use ui::{Paid, Purchase};

async fn ship(_paid: &Paid) -> Result<(), Fault> {
    let parcel = Rc::new(());
    std::future::ready(()).await;
    drop(parcel);
    Ok(())
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("pay", act(Purchase::pay).pivot())
        .step("ship", act(ship))
        .end()
}

fn main() {
    plan();
}
