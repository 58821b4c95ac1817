//! What may move an order, in either mode: the words upon which Orders says something.

use crate::contracts::{
    CancelOrder, CancelTooLate, CloseOrder, CompleteOrder, NotePaid, NoteValid, OrderCreated,
    OrderId, OrderValidated, OrderValidation, PaymentCaptureFailed, PaymentCaptured,
    PaymentDeclined, PaymentVoided, PlaceOrder, ReservationExpired, ShipmentDispatched,
    ShipmentRejected,
};
use ballet::{Command, Event};

/// A message that is about one order, and who sent it.
pub trait Cause {
    /// The order.
    fn order_id(&self) -> &OrderId;
    /// Its name, as `payment.captured`.
    fn name(&self) -> &'static str;
    /// Who sent it.
    fn actor(&self) -> &'static str;
}

macro_rules! causes {
    ($($word:ident of $actor:literal: $($message:ident)+;)+) => {
        $($(impl Cause for $message {
            fn order_id(&self) -> &OrderId {
                &self.order_id
            }
            fn name(&self) -> &'static str {
                <Self as $word>::NAME
            }
            fn actor(&self) -> &'static str {
                $actor
            }
        })+)+
    };
}

causes! {
    Command of "customer": PlaceOrder CancelOrder;
    Command of "coordinator": NoteValid NotePaid CompleteOrder CloseOrder;
    Event of "validators": OrderValidation;
    Event of "inventory": ReservationExpired;
    Event of "payments":
        PaymentDeclined PaymentCaptured PaymentCaptureFailed PaymentVoided CancelTooLate;
    Event of "shipping": ShipmentRejected ShipmentDispatched;
    Event of "orders": OrderCreated OrderValidated;
}
