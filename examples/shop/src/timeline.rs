//! The timeline: what every service has said of an order, and which orders there are.
//!
//! Where somebody coordinates, a run has a journal. Where nobody does, the whole of a purchase is nowhere
//! but in what was said; this writes it down, for operators. It only listens: no purchase takes another
//! way because of it, and none waits while it is away.

use crate::contracts::{
    CancelTooLate, NotificationSent, Order, OrderCancelRefused, OrderCancelRequested,
    OrderCancelled, OrderCreated, OrderId, OrderInvalidated, OrderPaid, OrderShipped,
    OrderValidated, OrderValidation, PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured,
    PaymentDeclined, PaymentVoided, ReservationExpired, ShipmentCancelled, ShipmentDispatched,
    ShipmentPrepared, ShipmentRejected, Status, StockCommitted, StockRejected, StockReleased,
    StockReserved,
};
use ballet::clock::Time;
use ballet::{Event, Fault, Reactions, Reactor, Table, Tx, react};
use serde::{Deserialize, Serialize};

/// The service that keeps it; nobody asks it anything.
pub const TIMELINE: &str = "timeline";

/// Where a fact stands: its order, when it was heard, how many messages led to it, and how many facts of
/// the order were heard before. Those heard at the same moment are told in the order in which they led to
/// each other.
pub type Place = (OrderId, i64, (u32, u64));

/// All facts, each in its place.
pub const FACTS: Table<Place, Fact> = Table::new("facts");

/// Where an order stands in a list: the status that the list is of, nothing for the list of all; how new
/// the order is, the newest first; the order.
pub type Entry = (String, i64, OrderId);

/// Orders by status, and all of them, the newest first.
pub const LISTS: Table<Entry, Status> = Table::new("lists");

/// What is known of each order.
const KNOWN: Table<OrderId, Known> = Table::new("known");

/// A fact about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When it was heard.
    pub at: Time,
    /// Its name, as `stock.reserved`.
    pub fact: String,
    /// The service that said it.
    pub by: String,
}

/// What must be known of an order to put it where it belongs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    /// How many facts there are.
    facts: u64,
    /// In which lists it stands.
    listed: Option<(Status, Time)>,
}

/// The range of the facts of an order.
#[must_use]
pub fn of(order_id: &OrderId) -> (Place, Place) {
    let at = |time, hop, number| (order_id.clone(), time, (hop, number));
    (at(i64::MIN, 0, 0), at(i64::MAX, u32::MAX, u64::MAX))
}

/// The range of a list: of the orders of a status, or of all.
#[must_use]
pub fn list(status: Option<Status>) -> (Entry, Entry) {
    let at = |time| (status.map_or("", Status::name).to_owned(), time, OrderId::new());
    (at(i64::MIN), at(i64::MAX))
}

/// What is told.
trait Said: Event {
    /// Of which order.
    fn of(&self) -> &OrderId;
    /// Which service has said it.
    fn by(&self) -> &str;
    /// The order as it is from now on, if it is said by Orders.
    fn order(&self) -> Option<&Order> {
        None
    }
}

macro_rules! said {
    ($($by:literal: $($event:ident)+;)+) => {
        $($(impl Said for $event {
            fn of(&self) -> &OrderId {
                &self.order_id
            }
            fn by(&self) -> &str {
                $by
            }
        })+)+
    };
}

macro_rules! said_by_orders {
    ($($event:ident)+) => {
        $(impl Said for $event {
            fn of(&self) -> &OrderId {
                &self.order.order_id
            }
            fn by(&self) -> &'static str {
                "orders"
            }
            fn order(&self) -> Option<&Order> {
                Some(&self.order)
            }
        })+
    };
}

said_by_orders! {
    OrderCreated OrderValidated OrderInvalidated OrderPaid OrderShipped OrderCancelRequested
    OrderCancelRefused OrderCancelled
}

said! {
    "inventory": StockReserved StockRejected StockReleased StockCommitted ReservationExpired;
    "payments":
        PaymentAuthorized PaymentDeclined PaymentCaptured PaymentCaptureFailed PaymentVoided
        CancelTooLate;
    "shipping": ShipmentPrepared ShipmentRejected ShipmentDispatched ShipmentCancelled;
    "notification": NotificationSent;
}

impl Said for OrderValidation {
    fn of(&self) -> &OrderId {
        &self.order_id
    }
    fn by(&self) -> &str {
        &self.validator
    }
}

/// Writes down what it hears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeline;

impl Reactor for Timeline {
    const NAME: &'static str = TIMELINE;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<OrderCreated>(react(Self::note))
            .on::<OrderValidated>(react(Self::note))
            .on::<OrderInvalidated>(react(Self::note))
            .on::<OrderPaid>(react(Self::note))
            .on::<OrderShipped>(react(Self::note))
            .on::<OrderCancelRequested>(react(Self::note))
            .on::<OrderCancelRefused>(react(Self::note))
            .on::<OrderCancelled>(react(Self::note))
            .on::<OrderValidation>(react(Self::note))
            .on::<StockReserved>(react(Self::note))
            .on::<StockRejected>(react(Self::note))
            .on::<StockReleased>(react(Self::note))
            .on::<StockCommitted>(react(Self::note))
            .on::<ReservationExpired>(react(Self::note))
            .on::<PaymentAuthorized>(react(Self::note))
            .on::<PaymentDeclined>(react(Self::note))
            .on::<PaymentCaptured>(react(Self::note))
            .on::<PaymentCaptureFailed>(react(Self::note))
            .on::<PaymentVoided>(react(Self::note))
            .on::<CancelTooLate>(react(Self::note))
            .on::<ShipmentPrepared>(react(Self::note))
            .on::<ShipmentRejected>(react(Self::note))
            .on::<ShipmentDispatched>(react(Self::note))
            .on::<ShipmentCancelled>(react(Self::note))
            .on::<NotificationSent>(react(Self::note))
    }
}

impl Timeline {
    async fn note<E: Said>(&self, tx: &mut Tx, said: &E) -> Result<(), Fault> {
        let order_id = said.of();
        let mut known = tx.get(KNOWN, order_id).await?.unwrap_or_default();
        let (at, hop) = (tx.now(), tx.hop());
        let fact = Fact { at, fact: E::NAME.to_owned(), by: said.by().to_owned() };
        tx.put(FACTS, &(order_id.clone(), at.micros(), (hop, known.facts)), &fact)?;
        known.facts += 1;
        if let Some(order) = said.order() {
            relist(tx, known.listed, order)?;
            known.listed = Some((order.status, order.created_at));
        }
        tx.put(KNOWN, order_id, &known)
    }
}

/// Puts an order into the lists that it belongs to.
fn relist(tx: &mut Tx, before: Option<(Status, Time)>, order: &Order) -> Result<(), Fault> {
    let entry =
        |list: &str, created: Time| (list.to_owned(), -created.micros(), order.order_id.clone());
    if let Some((status, created)) = before {
        tx.delete(LISTS, &entry(status.name(), created));
    }
    for list in ["", order.status.name()] {
        tx.put(LISTS, &entry(list, order.created_at), &order.status)?;
    }
    Ok(())
}
