//! What is there at first, so that somebody can buy something: customers, and stock, each from whoever
//! serves them.

use crate::contracts::{Address, Customer, INVENTORY, Level, ReceiveStock, SaveCustomer};
use crate::http::desk::Desk;
use ballet::{Error, ErrorKind};
use std::time::Duration;

/// `c1` to `c20`.
const CUSTOMERS: usize = 20;
/// What can be bought.
pub const STOCKED: [&str; 2] = ["ipad", "iphone"];
/// So many of each thing.
pub const PIECES: i64 = 1_000;
/// How long each may take. What takes longer is done later all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for it all, each under a key of its own: at the next start nothing happens.
pub(super) async fn seed(desk: &Desk) -> Result<(), Error> {
    for sku in STOCKED.into_iter().filter(|_| desk.has(INVENTORY)) {
        let ask = ReceiveStock { sku: sku.to_owned(), qty: PIECES };
        once(desk.ask(&format!("seed/stock/{sku}"), sku, &ask, PATIENCE).await)?;
    }
    for number in (1..=CUSTOMERS).filter(|_| desk.has(crate::contracts::CUSTOMERS)) {
        let customer = customer(number);
        let id = customer.customer_id.clone();
        let ask = SaveCustomer { customer };
        once(desk.ask(&format!("seed/customer/{id}"), &id, &ask, PATIENCE).await)?;
    }
    Ok(())
}

/// A file that was begun with other seeds keeps them.
fn once<T>(asked: Result<T, Error>) -> Result<(), Error> {
    match asked {
        Err(told) if told.kind() != ErrorKind::Conflict => Err(told),
        _ => Ok(()),
    }
}

fn customer(number: usize) -> Customer {
    Customer {
        customer_id: format!("c{number}"),
        name: format!("Customer {number}"),
        email: format!("c{number}@shop.example"),
        address: Address {
            line1: format!("{number} Main Street"),
            city: "Vienna".to_owned(),
            postcode: "1010".to_owned(),
            country: "AT".to_owned(),
        },
        level: Level::Bronze,
    }
}
