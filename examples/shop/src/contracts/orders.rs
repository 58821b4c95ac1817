//! Orders: the one writer of what becomes of an order.

use crate::contracts::{CustomerId, FailedCheck, Mode, OrderId, Sku};
use crate::order::NewOrder;
use ballet::clock::Time;
use ballet::{Refusal, service, topic};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was placed, and is being checked.
    Created,
    /// Every required check has passed.
    Valid,
    /// The money was taken: there is no way back.
    Paid,
    /// The parcel is on its way. An end.
    Shipped,
    /// A required check has failed. An end.
    Invalid,
    /// It was taken back. An end.
    Cancelled,
}

impl Status {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Valid => "valid",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing follows it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Shipped | Self::Invalid | Self::Cancelled)
    }

    /// Whether an order that stands here may come to stand there.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Created, Self::Valid | Self::Invalid | Self::Cancelled)
                | (Self::Valid, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::Shipped)
        )
    }
}

/// Why an order is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The customer asked for it.
    CustomerCancelled,
    /// The payment provider declined.
    Declined,
    /// Shipping has never heard of the customer.
    UnknownCustomer,
    /// Shipping does not go there.
    Undeliverable,
    /// The authorisation had expired when the money was to be taken.
    CaptureFailed,
    /// Somebody did not answer in time.
    Deadline,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::CustomerCancelled,
        Self::Declined,
        Self::UnknownCustomer,
        Self::Undeliverable,
        Self::CaptureFailed,
        Self::Deadline,
    ];

    /// The code of a refusal for this reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CustomerCancelled => "customer_cancelled",
            Self::Declined => "declined",
            Self::UnknownCustomer => "unknown_customer",
            Self::Undeliverable => "undeliverable",
            Self::CaptureFailed => "capture_failed",
            Self::Deadline => "deadline",
        }
    }

    /// The reason that a refusal gives, if it gives one.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == refusal.code)
    }
}

/// How an order ends that is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Ending {
    /// Checks have failed: all of them are named.
    Invalid {
        /// Those that failed, and why.
        failed_checks: Vec<FailedCheck>,
    },
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: Reason,
    },
}

impl Ending {
    /// Where the order stands then.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Invalid { .. } => Status::Invalid,
            Self::Cancelled { .. } => Status::Cancelled,
        }
    }
}

/// So many pieces of one thing, at a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// How many; whether that is a sensible number is for the checks to say.
    pub qty: i64,
    /// The price of one, in minor units.
    pub unit_price_minor: i64,
}

/// An order, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: CustomerId,
    /// What is bought.
    pub lines: Vec<Line>,
    /// What it costs, in minor units.
    pub total_minor: i64,
    /// The currency of all prices, as `USD`.
    pub currency: String,
    /// Where it stands.
    pub status: Status,
    /// The checks that it has to pass: those required when it was placed, whatever is required
    /// since.
    pub required_checks: Vec<String>,
    /// Counts the facts about it, from 1.
    pub version: u64,
    /// When it was placed.
    pub created_at: Time,
    /// When it is to be paid or given up.
    pub deadline_at: Time,
}

/// A fact about an order: the order as it is from now on, whole, and what else there is to say.
/// Readers keep what they need of it and never ask back.
macro_rules! order_fact {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The order, whole.
            #[serde(flatten)]
            pub order: Order,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Deref for $name {
            type Target = Order;
            fn deref(&self) -> &Order {
                &self.order
            }
        }
    };
}

order_fact! {
    /// An order was placed.
    OrderCreated {}
}
order_fact! {
    /// Every required check has passed.
    OrderValidated {}
}
order_fact! {
    /// Required checks have failed: the end.
    OrderInvalidated {
        /// All that failed, and why.
        failed_checks: Vec<FailedCheck>
    }
}
order_fact! {
    /// The money was taken.
    OrderPaid {}
}
order_fact! {
    /// The parcel is on its way: the end.
    OrderShipped {
        /// The shipment.
        shipment_id: String,
        /// By which the customer follows it.
        tracking_no: String
    }
}
order_fact! {
    /// Somebody wants the order cancelled, and it is not decided yet.
    OrderCancelRequested {
        /// Why.
        reason: Reason,
        /// Who wants it.
        by: String
    }
}
order_fact! {
    /// It was too late to cancel.
    OrderCancelRefused {
        /// Why it had been wanted.
        reason: Reason
    }
}
order_fact! {
    /// The order was cancelled: the end.
    OrderCancelled {
        /// Why.
        reason: Reason
    }
}

topic! {
    /// What Orders says.
    pub ORDER_FACTS = "shop.orders.v1", key order_id {
        OrderCreated = "order.created",
        OrderValidated = "order.validated",
        OrderInvalidated = "order.invalidated",
        OrderPaid = "order.paid",
        OrderShipped = "order.shipped",
        OrderCancelRequested = "order.cancel_requested",
        OrderCancelRefused = "order.cancel_refused",
        OrderCancelled = "order.cancelled",
    }
}

/// Place this order. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Its number, made at the edge from the request's key.
    pub order_id: OrderId,
    /// What is wanted.
    pub order: NewOrder,
}

/// The order is taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its number.
    pub order_id: OrderId,
}

/// Cancel this order, if it is not too late. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// Which.
    pub order_id: OrderId,
}

/// What became of the wish so far: cancelled; pending; or, when neither, too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelNoted {
    /// Where the order stands.
    pub status: Status,
    /// Whether it is not decided yet.
    pub pending: bool,
}

/// Require a check of all orders placed from now on, or do not. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRule {
    /// Which, as `limit`.
    pub check: String,
    /// Whether orders must pass it, or it only watches.
    pub mode: Mode,
    /// Whether it is required at all.
    pub enabled: bool,
}

/// Note that every check has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteValid {
    /// Which order.
    pub order_id: OrderId,
}

/// Note that the money was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotePaid {
    /// Which order.
    pub order_id: OrderId,
}

/// Note that the parcel is on its way: the order is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteOrder {
    /// Which order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: String,
    /// By which the customer follows it.
    pub tracking_no: String,
}

/// Note that the order was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOrder {
    /// Which order.
    pub order_id: OrderId,
    /// How it ends, with all reasons.
    pub ending: Ending,
}

service! {
    /// What Orders may be asked: by requests in both modes, by the coordinator in one.
    pub ORDERS = "orders" {
        PlaceOrder = "order.place" -> Placed,
        CancelOrder = "order.cancel" -> CancelNoted,
        SetRule = "rule.set" -> (),
        NoteValid = "order.note_valid" -> (),
        NotePaid = "order.note_paid" -> (),
        CompleteOrder = "order.complete" -> (),
        CloseOrder = "order.close" -> (),
    }
}
