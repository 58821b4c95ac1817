//! An order as Orders keeps it: what may become of it, as pure functions.
//!
//! ```text
//! created ──► valid ──► paid ──► shipped
//!    │ └────────┴────► cancelled             a wish to cancel is pending until it is decided
//!    └───────────────► invalid               late verdicts change nothing
//! ```

use crate::contracts::{
    Ending, FailedCheck, Finding, Mode, Order, OrderCancelRefused, OrderCancelRequested,
    OrderCancelled, OrderCreated, OrderInvalidated, OrderPaid, OrderShipped, OrderValidated,
    OrderValidation, PlaceOrder, Reason, Status,
};
use ballet::Event;
use ballet::clock::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An order and what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The order.
    pub order: Order,
    /// Who wants it cancelled, while that is not decided.
    pub pending_cancel: Option<Wish>,
    /// What the checks that count have said.
    pub verdicts: BTreeMap<String, Heard>,
    /// How it ended, if it was taken back.
    pub ending: Option<Ending>,
    /// By which the customer follows the parcel, once it is on its way.
    pub tracking_no: Option<String>,
    /// Everything that was ever said of it, in order.
    pub history: Vec<Entry>,
}

/// A wish to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Why.
    pub reason: Reason,
    /// Who.
    pub by: String,
}

/// What a check has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its verdict.
    pub verdict: Finding,
    /// Why not.
    pub reasons: Vec<String>,
}

/// Something that was said of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// The fact, as `order.paid`.
    pub fact: String,
    /// What it was said upon, as `payment.captured`.
    pub cause: String,
    /// Who had said that.
    pub actor: String,
}

/// When something is said, upon what, and by whom that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// Upon what.
    pub cause: &'static str,
    /// By whom that was said.
    pub actor: &'static str,
}

/// What the checks come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// All required ones have passed.
    Valid,
    /// These have failed.
    Invalid(Vec<FailedCheck>),
}

impl Row {
    /// An order that was just placed.
    #[must_use]
    pub fn open(
        placed: &PlaceOrder,
        required_checks: Vec<String>,
        deadline: Duration,
        moment: Moment,
    ) -> (Self, OrderCreated) {
        let wanted = placed.order.clone();
        let order = Order {
            order_id: placed.order_id.clone(),
            customer_id: wanted.customer_id,
            lines: wanted.lines,
            total_minor: wanted.total_minor,
            currency: wanted.currency,
            status: Status::Created,
            required_checks,
            version: 0,
            created_at: moment.at,
            deadline_at: moment.at.after(deadline),
        };
        let mut row = Self {
            order,
            pending_cancel: None,
            verdicts: BTreeMap::new(),
            ending: None,
            tracking_no: None,
            history: Vec::new(),
        };
        let order = row.say::<OrderCreated>(moment);
        (row, OrderCreated { order })
    }

    /// Writes down a fact, and hands out the order as it is from now on.
    fn say<E: Event>(&mut self, moment: Moment) -> Order {
        self.order.version += 1;
        self.history.push(Entry {
            at: moment.at,
            fact: E::NAME.to_owned(),
            cause: moment.cause.to_owned(),
            actor: moment.actor.to_owned(),
        });
        self.order.clone()
    }

    /// Goes on to a status, if it may.
    fn enter<E: Event>(&mut self, next: Status, moment: Moment) -> Option<Order> {
        self.order.status.may_become(next).then(|| {
            self.order.status = next;
            self.say::<E>(moment)
        })
    }

    /// Every required check has passed.
    pub fn validate(&mut self, moment: Moment) -> Option<OrderValidated> {
        let order = self.enter::<OrderValidated>(Status::Valid, moment)?;
        Some(OrderValidated { order })
    }

    /// Required checks have failed. They are named in one order, whoever spoke first.
    pub fn invalidate(
        &mut self,
        mut failed_checks: Vec<FailedCheck>,
        moment: Moment,
    ) -> Option<OrderInvalidated> {
        let order = self.enter::<OrderInvalidated>(Status::Invalid, moment)?;
        self.pending_cancel = None;
        failed_checks.sort_by(|one, other| one.check.cmp(&other.check));
        self.ending = Some(Ending::Invalid { failed_checks: failed_checks.clone() });
        Some(OrderInvalidated { order, failed_checks })
    }

    /// The money was taken. A pending wish is decided by that, and refused by
    /// [`refuse_cancel`](Self::refuse_cancel).
    pub fn pay(&mut self, moment: Moment) -> Option<OrderPaid> {
        let order = self.enter::<OrderPaid>(Status::Paid, moment)?;
        Some(OrderPaid { order })
    }

    /// The parcel is on its way.
    pub fn ship(
        &mut self,
        shipment_id: &str,
        tracking_no: &str,
        moment: Moment,
    ) -> Option<OrderShipped> {
        let order = self.enter::<OrderShipped>(Status::Shipped, moment)?;
        let (shipment_id, tracking_no) = (shipment_id.to_owned(), tracking_no.to_owned());
        self.tracking_no = Some(tracking_no.clone());
        Some(OrderShipped { order, shipment_id, tracking_no })
    }

    /// The order is given up. Whoever had asked for it first is the reason.
    pub fn cancel(&mut self, reason: Reason, moment: Moment) -> Option<OrderCancelled> {
        let order = self.enter::<OrderCancelled>(Status::Cancelled, moment)?;
        let reason = self.pending_cancel.take().map_or(reason, |wish| wish.reason);
        self.ending = Some(Ending::Cancelled { reason });
        Some(OrderCancelled { order, reason })
    }

    /// Somebody wants the order cancelled: it is pending from now on, unless it is already, or too
    /// late.
    pub fn request_cancel(
        &mut self,
        reason: Reason,
        moment: Moment,
    ) -> Option<OrderCancelRequested> {
        let may = self.order.status.may_become(Status::Cancelled) && self.pending_cancel.is_none();
        may.then(|| {
            let by = moment.actor.to_owned();
            self.pending_cancel = Some(Wish { reason, by: by.clone() });
            let order = self.say::<OrderCancelRequested>(moment);
            OrderCancelRequested { order, reason, by }
        })
    }

    /// It was too late: nothing is pending any more.
    pub fn refuse_cancel(&mut self, moment: Moment) -> Option<OrderCancelRefused> {
        let reason = self.pending_cancel.take()?.reason;
        let order = self.say::<OrderCancelRefused>(moment);
        Some(OrderCancelRefused { order, reason })
    }

    /// Hears what a check says. What only watches does not count, nor does what comes too late.
    pub fn hear(&mut self, said: &OrderValidation) {
        if said.mode == Mode::Gating && self.order.status == Status::Created {
            let heard = Heard { verdict: said.verdict, reasons: said.reasons.clone() };
            self.verdicts.insert(said.check.clone(), heard);
        }
    }

    /// What the checks come to, once all required ones have spoken, so that all that failed are
    /// named.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        let spoken = |check: &String| {
            self.verdicts.get(check).is_some_and(|heard| heard.verdict != Finding::Error)
        };
        self.order.required_checks.iter().all(spoken).then(|| match self.failed() {
            failed if failed.is_empty() => Decision::Valid,
            failed => Decision::Invalid(failed),
        })
    }

    /// The required checks that have failed so far.
    #[must_use]
    pub fn failed(&self) -> Vec<FailedCheck> {
        let required = |check: &String| self.order.required_checks.contains(check);
        let failed = self
            .verdicts
            .iter()
            .filter(|(check, heard)| heard.verdict == Finding::Fail && required(check));
        failed
            .map(|(check, heard)| FailedCheck {
                check: check.clone(),
                reasons: heard.reasons.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
