//! Payments: what the provider keeps ready, and what was taken.
//!
//! What goes to the provider and what is written down are two functions, for they are two moments:
//! the call may be made more than once, under one key; what came of it is recorded once.

use crate::contracts::{
    Authorized, Bill, OrderId, PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured,
    PaymentDeclined, PaymentVoided,
};
use crate::fakes::{Capture, Charge};
use ballet::{Fault, Table, Tx, Verdict};
use serde::{Deserialize, Serialize};

/// The payments, one an order.
pub const PAYMENTS: Table<OrderId, Payment> = Table::new("payments");

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The provider keeps the money ready.
    Authorized,
    /// The provider declined.
    Declined,
    /// The money was taken.
    Captured,
    /// The provider keeps nothing any more.
    Voided,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub stage: Stage,
    /// What it is for.
    pub bill: Bill,
    /// The provider's number for what it keeps ready.
    pub auth_ref: Option<String>,
    /// The provider's number for what was taken.
    pub capture_ref: Option<String>,
}

/// Writes down what the provider said to an authorisation.
///
/// # Errors
///
/// A fault if the payment cannot be written.
pub fn authorized(
    tx: &mut Tx,
    bill: &Bill,
    charge: &Charge,
) -> Result<Verdict<PaymentAuthorized, PaymentDeclined>, Fault> {
    let (stage, auth_ref) = match charge {
        Charge::Approved { auth_ref } => (Stage::Authorized, Some(auth_ref.clone())),
        Charge::Declined { .. } => (Stage::Declined, None),
    };
    let payment = Payment { stage, bill: bill.clone(), auth_ref, capture_ref: None };
    tx.put(PAYMENTS, &bill.order_id, &payment)?;
    let Bill { order_id, customer_id, amount_minor, currency } = bill.clone();
    Ok(match charge.clone() {
        Charge::Approved { auth_ref } => Verdict::Yes(PaymentAuthorized {
            order_id,
            customer_id,
            amount_minor,
            currency,
            auth_ref,
        }),
        Charge::Declined { code } => Verdict::No(PaymentDeclined { order_id, code }),
    })
}

/// What the provider keeps ready for an order.
///
/// # Errors
///
/// A fault if there is no such payment.
pub async fn authorization(tx: &mut Tx, order_id: &OrderId) -> Result<Authorized, Fault> {
    let payment = tx.get(PAYMENTS, order_id).await?;
    let missing = || Fault::new(format!("nothing was authorised for {order_id}"));
    let auth_ref = payment.and_then(|payment| payment.auth_ref).ok_or_else(missing)?;
    Ok(Authorized { auth_ref })
}

/// Writes down what the provider said to a capture.
///
/// # Errors
///
/// A fault if there is no such payment.
pub async fn captured(
    tx: &mut Tx,
    order_id: &OrderId,
    capture: &Capture,
) -> Result<Verdict<PaymentCaptured, PaymentCaptureFailed>, Fault> {
    let missing = || Fault::new(format!("nothing was authorised for {order_id}"));
    let payment = tx.get(PAYMENTS, order_id).await?.ok_or_else(missing)?;
    let (order_id, amount_minor) = (order_id.clone(), payment.bill.amount_minor);
    match capture.clone() {
        Capture::Expired => {
            let code = "expired".to_owned();
            Ok(Verdict::No(PaymentCaptureFailed { order_id, code }))
        }
        Capture::Taken { capture_ref } => {
            let taken = Some(capture_ref.clone());
            let payment = Payment { stage: Stage::Captured, capture_ref: taken, ..payment };
            tx.put(PAYMENTS, &order_id, &payment)?;
            Ok(Verdict::Yes(PaymentCaptured { order_id, amount_minor, capture_ref }))
        }
    }
}

/// Writes down that nothing is kept ready for an order, nor ever will be; said once.
///
/// # Errors
///
/// A fault if the payment cannot be read.
pub async fn voided(tx: &mut Tx, order_id: &OrderId) -> Result<Option<PaymentVoided>, Fault> {
    match tx.get(PAYMENTS, order_id).await? {
        Some(Payment { stage: Stage::Voided, .. }) => return Ok(None),
        Some(payment @ Payment { stage: Stage::Authorized, .. }) => {
            tx.put(PAYMENTS, order_id, &Payment { stage: Stage::Voided, ..payment })?;
        }
        // There is nothing to let go; that there never will be is what the barrier sees to.
        Some(_) | None => {}
    }
    Ok(Some(PaymentVoided { order_id: order_id.clone() }))
}
