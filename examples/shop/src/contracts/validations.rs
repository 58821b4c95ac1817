//! The checks: whether an order is one that we want.

use crate::contracts::{Order, OrderId};
use ballet::{Refusal, service, topic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a check says of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It is fine.
    Pass,
    /// It is not.
    Fail,
    /// The check could not be made; it will be made again.
    Error,
}

/// Whether a check counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The order must pass it.
    Gating,
    /// It only watches, beside the one that counts.
    Shadow,
}

/// A check was made. Checks are named by text, so that a new one changes no schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderValidation {
    /// The order.
    pub order_id: OrderId,
    /// The check, as `fraud`.
    pub check: String,
    /// What it says.
    pub verdict: Finding,
    /// Why not, each a code and a detail.
    pub reasons: Vec<String>,
    /// Who made it.
    pub validator: String,
    /// The version of who made it.
    pub validator_version: u32,
    /// Whether it counts.
    pub mode: Mode,
    /// The numbers behind it.
    pub evidence: BTreeMap<String, i64>,
}

impl OrderValidation {
    /// What a check found: it passes if there is no reason why not.
    #[must_use]
    pub fn new(order_id: &str, check: &str, reasons: Vec<String>) -> Self {
        Self {
            order_id: order_id.to_owned(),
            check: check.to_owned(),
            verdict: if reasons.is_empty() { Finding::Pass } else { Finding::Fail },
            reasons,
            validator: check.to_owned(),
            validator_version: 1,
            mode: Mode::Gating,
            evidence: BTreeMap::new(),
        }
    }

    /// The same, with a number behind it.
    #[must_use]
    pub fn because(mut self, name: &str, number: i64) -> Self {
        self.evidence.insert(name.to_owned(), number);
        self
    }

    /// The same, by a validator that only watches.
    #[must_use]
    pub fn shadow(mut self, validator: &str, version: u32) -> Self {
        self.validator = validator.to_owned();
        self.validator_version = version;
        self.mode = Mode::Shadow;
        self
    }

    /// The same no, as a refusal; [`FailedCheck::of`] reads it back.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::new(format!("{FAILED}{}", self.check), self.reasons.join(BETWEEN))
    }
}

/// How the code of a refusal by a check begins.
const FAILED: &str = "failed_";
/// What stands between the reasons of a refusal.
const BETWEEN: &str = "; ";

/// A check that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// The check.
    pub check: String,
    /// Why.
    pub reasons: Vec<String>,
}

impl FailedCheck {
    /// The failed check that a refusal tells of, if it does.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Option<Self> {
        let check = refusal.code.strip_prefix(FAILED)?;
        let reasons = refusal.detail.split(BETWEEN).map(str::to_owned).collect();
        Some(Self { check: check.to_owned(), reasons })
    }
}

topic! {
    /// What the checks say; for each order and check there is one writer.
    pub VALIDATIONS = "shop.order-validations.v1" many writers, key order_id {
        OrderValidation = "order.checked",
    }
}

/// Check what is ordered: quantities, prices, the sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckDetails {
    /// The order, whole.
    pub order: Order,
}

/// The details are in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailsFine {}

/// Judge whether this may be fraud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessFraud {
    /// The order, whole.
    pub order: Order,
}

/// It does not look like fraud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudScore {
    /// What the customer has tried to spend of late, in minor units.
    pub window_total_minor: i64,
}

/// Check that the customer does not buy too many of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLimit {
    /// The order, whole.
    pub order: Order,
}

/// The limit is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitKept {}

service! {
    /// What the check of details may be asked.
    pub DETAILS = "details" { CheckDetails = "details.check" -> DetailsFine }
}
service! {
    /// What the check for fraud may be asked.
    pub FRAUD = "fraud" { AssessFraud = "fraud.assess" -> FraudScore }
}
service! {
    /// What the check of the purchase limit may be asked.
    pub LIMITS = "limits" { CheckLimit = "limit.check" -> LimitKept }
}

#[cfg(test)]
mod tests {
    use super::{FailedCheck, OrderValidation};
    use crate::contracts::Reason;
    use ballet::Refusal;

    #[test]
    fn a_failed_check_is_read_back_from_its_refusal() {
        let reasons = vec!["unknown_sku: ipda".to_owned(), "total_mismatch: 5 is not 7".to_owned()];
        let said = OrderValidation::new("1", "details", reasons.clone());
        let read = FailedCheck::of(&said.refusal());
        assert_eq!(read, Some(FailedCheck { check: "details".to_owned(), reasons }));
    }

    #[test]
    fn no_other_refusal_is_read_as_a_failed_check() {
        let capture = Refusal::new(Reason::CaptureFailed.code(), "expired");
        assert_eq!(FailedCheck::of(&capture), None);
        assert_eq!(FailedCheck::of(&Refusal::new("declined", "")), None);
    }
}
