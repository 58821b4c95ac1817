//! Notification: a letter for each order that has come to an end.

use crate::contracts::{
    Kind, NotificationSent, Order, OrderCancelled, OrderId, OrderInvalidated, OrderShipped,
};
use crate::customers::Contacts;
use crate::settings::settings;
use ballet::{Event, Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// What was sent, so that nobody is told the same thing twice.
pub const SENT: Table<(OrderId, String), Letter> = Table::new("sent");

/// An end of an order that its customer is told of.
pub trait Told: Event + Deref<Target = Order> {
    /// What the letter is about.
    const KIND: Kind;
}

impl Told for OrderShipped {
    const KIND: Kind = Kind::Shipped;
}

impl Told for OrderInvalidated {
    const KIND: Kind = Kind::Invalid;
}

impl Told for OrderCancelled {
    const KIND: Kind = Kind::Cancelled;
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The mail address.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// The letter that is still to be written, if there is one. A customer that is not known yet is
/// waited for, but not for ever: nobody can write to a stranger.
///
/// # Errors
///
/// A fault if the customer is not known yet, or the tables cannot be read.
pub async fn letter<E: Told>(tx: &mut Tx, told: &E) -> Result<Option<Letter>, Fault> {
    let Order { order_id, customer_id, .. } = &**told;
    if tx.get(SENT, &(order_id.clone(), E::KIND.name().to_owned())).await?.is_some() {
        return Ok(None);
    }
    match tx.view::<Contacts>(customer_id).await? {
        Some(contact) => Ok(Some(Letter {
            to: contact.email,
            text: format!("{}: order {order_id} is {}", contact.name, E::KIND.name()),
        })),
        None if tx.waited() < settings().customer_wait => {
            Err(Fault::not_yet(format!("customer {customer_id} is not known")))
        }
        None => Ok(None),
    }
}

/// The key under which a letter is sent once.
#[must_use]
pub fn key<E: Told>(told: &E) -> String {
    format!("{}:{}", told.order_id, E::KIND.name())
}

/// Writes down that a letter was sent.
///
/// # Errors
///
/// A fault if it cannot be written.
pub fn sent<E: Told>(tx: &mut Tx, told: &E, letter: &Letter) -> Result<NotificationSent, Fault> {
    let order_id = told.order_id.clone();
    tx.put(SENT, &(order_id.clone(), E::KIND.name().to_owned()), letter)?;
    Ok(NotificationSent { order_id, kind: E::KIND, channel: "mail".to_owned() })
}
