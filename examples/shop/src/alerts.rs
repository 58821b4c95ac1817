//! Alerts: the list of what an operator should look at.
//!
//! It is made of facts that are said anyway, so no purchase takes another way because of it, and none
//! waits while nobody keeps the list.

use crate::contracts::{OrderId, Trouble};
use ballet::clock::Time;
use ballet::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};

/// The alerts, by order and by the name of what is wrong.
pub const ALERTS: Table<(OrderId, String), Alert> = Table::new("alerts");

/// Something that somebody should look at, or should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Since when.
    pub raised_at: Time,
    /// Since when nobody has to any more.
    pub settled_at: Option<Time>,
}

fn key(order_id: &OrderId, trouble: Trouble) -> (OrderId, String) {
    (order_id.clone(), trouble.name().to_owned())
}

/// Puts an order on the list.
///
/// # Errors
///
/// A fault if it cannot be written.
pub fn raise(tx: &mut Tx, order_id: &OrderId, trouble: Trouble) -> Result<(), Fault> {
    let alert = Alert { raised_at: tx.now(), settled_at: None };
    tx.put(ALERTS, &key(order_id, trouble), &alert)
}

/// Takes an order off the list; nothing if it is not on it.
///
/// # Errors
///
/// A fault if the table cannot be read.
pub async fn settle(tx: &mut Tx, order_id: &OrderId, trouble: Trouble) -> Result<(), Fault> {
    let key = key(order_id, trouble);
    match tx.get(ALERTS, &key).await?.filter(|alert| alert.settled_at.is_none()) {
        Some(open) => tx.put(ALERTS, &key, &Alert { settled_at: Some(tx.now()), ..open }),
        None => Ok(()),
    }
}
