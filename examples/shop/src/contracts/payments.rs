//! Payments: the customer's money.

use crate::contracts::{CustomerId, Order, OrderId};
use ballet::{service, topic};
use serde::{Deserialize, Serialize};

/// Who is to pay what, and for which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The order.
    pub order_id: OrderId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: String,
}

impl From<&Order> for Bill {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.order_id.clone(),
            customer_id: order.customer_id.clone(),
            amount_minor: order.total_minor,
            currency: order.currency.clone(),
        }
    }
}

/// The provider keeps the money ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: OrderId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: String,
    /// The provider's number for it.
    pub auth_ref: String,
}

/// The provider declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The provider's reason.
    pub code: String,
}

/// The money was taken: there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// The provider's number for it.
    pub capture_ref: String,
}

/// The money could not be taken any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptureFailed {
    /// The order.
    pub order_id: OrderId,
    /// The provider's reason.
    pub code: String,
}

/// No money is kept ready for the order, nor ever will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    /// The order.
    pub order_id: OrderId,
}

/// The order cannot be cancelled: its money was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelTooLate {
    /// The order.
    pub order_id: OrderId,
}

topic! {
    /// What Payments says.
    pub PAYMENT_FACTS = "shop.payments.v1", key order_id {
        PaymentAuthorized = "payment.authorized",
        PaymentDeclined = "payment.declined",
        PaymentCaptured = "payment.captured",
        PaymentCaptureFailed = "payment.capture_failed",
        PaymentVoided = "payment.voided",
        CancelTooLate = "payment.cancel_too_late",
    }
}

/// Have the provider keep the money ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizePayment {
    /// What is to be paid.
    pub bill: Bill,
}

/// It is kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorized {
    /// The provider's number for it.
    pub auth_ref: String,
}

/// Have the provider let go of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidPayment {
    /// The order.
    pub order_id: OrderId,
}

/// Take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturePayment {
    /// The order.
    pub order_id: OrderId,
    /// The provider's number for what it keeps ready.
    pub auth_ref: String,
}

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The provider's number for it.
    pub capture_ref: String,
}

service! {
    /// What Payments may be asked.
    pub PAYMENTS = "payments" {
        AuthorizePayment = "payment.authorize" -> Authorized,
        VoidPayment = "payment.void" -> (),
        CapturePayment = "payment.capture" -> Captured,
    }
}
