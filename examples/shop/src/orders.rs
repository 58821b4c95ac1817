//! Orders: what is written down of an order, and what is said of it.
//!
//! Each function moves one order upon one message, and says what there is to say; nothing if the
//! order has gone another way by then. Who is moved by what is for the reactors: see [`Row`] for
//! the rest.

mod cause;
mod row;

pub use cause::Cause;
pub use row::{Decision, Entry, Heard, Moment, Row, Wish};

use crate::contracts::{
    CancelNoted, CloseOrder, Ending, Mode, OrderCancelRefused, OrderCancelRequested,
    OrderCancelled, OrderCreated, OrderId, OrderInvalidated, OrderPaid, OrderShipped,
    OrderValidated, OrderValidation, PlaceOrder, Placed, Reason, SetRule, Status,
};
use crate::settings::settings;
use crate::{details, fraud, inventory};
use ballet::clock::Time;
use ballet::{Fault, StepError, Table, Tx, Verdict, refuse};
use serde::{Deserialize, Serialize};

/// The orders.
pub const ORDERS: Table<OrderId, Row> = Table::new("orders");
/// The checks that are required beside the usual ones.
pub const VALIDATION_RULES: Table<String, Rule> = Table::new("validation_rules");

/// The checks that every order has to pass.
pub const USUAL_CHECKS: [&str; 3] = [details::CHECK, fraud::CHECK, inventory::CHECK];

/// More rules than anybody will have.
const RULES_MAX: u32 = 100;

/// Whether a check is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Whether it counts, or only watches.
    pub mode: Mode,
    /// Whether it is required at all.
    pub enabled: bool,
    /// Since when.
    pub since: Time,
}

/// Takes an order up. Which checks it has to pass is settled now, whatever is required later.
///
/// # Errors
///
/// A fault if the tables cannot be read; a refusal if the number is that of another order.
pub async fn place(
    tx: &mut Tx,
    placed: &PlaceOrder,
) -> Result<(Placed, Option<OrderCreated>), StepError> {
    let order_id = placed.order_id.clone();
    if let Some(known) = tx.get(ORDERS, &order_id).await? {
        return match is_same(&known, placed) {
            true => Ok((Placed { order_id }, None)),
            false => Err(refuse("order_exists", order_id)),
        };
    }
    let required = required_checks(tx).await?;
    let moment = moment(tx, placed);
    let (row, created) = Row::open(placed, required, settings().order_deadline(), moment);
    tx.put(ORDERS, &order_id, &row)?;
    Ok((Placed { order_id }, Some(created)))
}

fn is_same(known: &Row, placed: &PlaceOrder) -> bool {
    let (known, wanted) = (&known.order, &placed.order);
    known.customer_id == wanted.customer_id
        && known.lines == wanted.lines
        && known.total_minor == wanted.total_minor
        && known.currency == wanted.currency
}

async fn required_checks(tx: &mut Tx) -> Result<Vec<String>, Fault> {
    let rules = tx.scan(VALIDATION_RULES, &String::new(), None, RULES_MAX).await?;
    let more = rules.into_iter().filter(|(_, rule)| rule.enabled && rule.mode == Mode::Gating);
    let mut checks: Vec<String> = USUAL_CHECKS.map(str::to_owned).into();
    checks.extend(more.map(|(check, _)| check));
    Ok(checks)
}

/// Writes down whether a check is required from now on.
///
/// # Errors
///
/// A refusal if it is one of the usual checks; a fault if the rule cannot be written.
pub fn set_rule(tx: &mut Tx, ask: &SetRule) -> Result<(), StepError> {
    if USUAL_CHECKS.contains(&ask.check.as_str()) {
        return Err(refuse("usual_check", &ask.check));
    }
    let rule = Rule { mode: ask.mode, enabled: ask.enabled, since: tx.now() };
    Ok(tx.put(VALIDATION_RULES, &ask.check, &rule)?)
}

/// Hears what a check says; decides when it was the last one.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn hear(
    tx: &mut Tx,
    said: &OrderValidation,
) -> Result<Option<Verdict<OrderValidated, OrderInvalidated>>, Fault> {
    change(tx, said, |row, moment| {
        row.hear(said);
        match row.decision()? {
            Decision::Valid => row.validate(moment).map(Verdict::Yes),
            Decision::Invalid(failed) => row.invalidate(failed, moment).map(Verdict::No),
        }
    })
    .await
}

/// How an order ends that is taken back: in one of two ways.
pub type Closed = (Option<OrderInvalidated>, Option<OrderCancelled>);

/// Decides without the checks that did not speak in time: those that failed count.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn decide_late(tx: &mut Tx, cause: &impl Cause) -> Result<Closed, Fault> {
    change(tx, cause, |row, moment| match row.failed() {
        _ if row.order.status != Status::Created => Closed::default(),
        failed if failed.is_empty() => (None, row.cancel(Reason::Deadline, moment)),
        failed => (row.invalidate(failed, moment), None),
    })
    .await
}

/// Ends an order that was taken back.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn close(tx: &mut Tx, ask: &CloseOrder) -> Result<Closed, Fault> {
    change(tx, ask, |row, moment| match ask.ending.clone() {
        Ending::Invalid { failed_checks } => (row.invalidate(failed_checks, moment), None),
        Ending::Cancelled { reason } => (None, row.cancel(reason, moment)),
    })
    .await
}

/// Notes that every required check has passed.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn validate(tx: &mut Tx, cause: &impl Cause) -> Result<Option<OrderValidated>, Fault> {
    change(tx, cause, Row::validate).await
}

/// Notes that the money was taken.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn pay(tx: &mut Tx, cause: &impl Cause) -> Result<Option<OrderPaid>, Fault> {
    change(tx, cause, Row::pay).await
}

/// Notes that the parcel is on its way. That the money was taken may be heard later than that, for
/// it is said elsewhere: then this waits.
///
/// # Errors
///
/// A fault if there is no such order, or it is not paid yet.
pub async fn ship(
    tx: &mut Tx,
    cause: &impl Cause,
    shipment_id: &str,
    tracking_no: &str,
) -> Result<Option<OrderShipped>, Fault> {
    if row(tx, cause.order_id()).await?.order.status == Status::Valid {
        return Err(Fault::not_yet(format!("order {} is not paid", cause.order_id())));
    }
    change(tx, cause, |row, moment| row.ship(shipment_id, tracking_no, moment)).await
}

/// Gives an order up.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn cancel(
    tx: &mut Tx,
    cause: &impl Cause,
    reason: Reason,
) -> Result<Option<OrderCancelled>, Fault> {
    change(tx, cause, |row, moment| row.cancel(reason, moment)).await
}

/// Notes that somebody wants an order cancelled.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn request_cancel(
    tx: &mut Tx,
    cause: &impl Cause,
    reason: Reason,
) -> Result<Option<OrderCancelRequested>, Fault> {
    change(tx, cause, |row, moment| row.request_cancel(reason, moment)).await
}

/// Notes that it was too late to cancel.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn refuse_cancel(
    tx: &mut Tx,
    cause: &impl Cause,
) -> Result<Option<OrderCancelRefused>, Fault> {
    change(tx, cause, Row::refuse_cancel).await
}

/// Where an order stands, for somebody who wants it cancelled.
///
/// # Errors
///
/// A refusal if there is no such order; a fault if the table cannot be read.
pub async fn standing(tx: &mut Tx, order_id: &OrderId) -> Result<CancelNoted, StepError> {
    let row = tx.get(ORDERS, order_id).await?;
    let row = row.ok_or_else(|| refuse("unknown_order", order_id))?;
    Ok(CancelNoted { status: row.order.status, pending: row.pending_cancel.is_some() })
}

/// Where an order stands.
///
/// # Errors
///
/// A fault if there is no such order.
pub async fn status(tx: &mut Tx, order_id: &OrderId) -> Result<Status, Fault> {
    Ok(row(tx, order_id).await?.order.status)
}

async fn row(tx: &mut Tx, order_id: &OrderId) -> Result<Row, Fault> {
    let missing = || Fault::new(format!("there is no order {order_id}"));
    tx.get(ORDERS, order_id).await?.ok_or_else(missing)
}

/// Changes an order, upon a message about it.
async fn change<T>(
    tx: &mut Tx,
    cause: &impl Cause,
    change: impl FnOnce(&mut Row, Moment) -> T,
) -> Result<T, Fault> {
    let mut row = row(tx, cause.order_id()).await?;
    let said = change(&mut row, moment(tx, cause));
    tx.put(ORDERS, cause.order_id(), &row)?;
    Ok(said)
}

fn moment(tx: &Tx, cause: &impl Cause) -> Moment {
    Moment { at: tx.now(), cause: cause.name(), actor: cause.actor() }
}
