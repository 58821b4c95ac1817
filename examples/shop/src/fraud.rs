//! The check for fraud: a session window for each customer.
//!
//! A window ends when a customer was quiet for an hour. Attempts count even if the order later
//! fails, for whoever tries stolen cards fails often. Keeping them is policy and leaves nothing to
//! take back.

use crate::contracts::{CustomerId, Order, OrderId, OrderValidation};
use crate::settings::{Settings, settings};
use ballet::clock::Time;
use ballet::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The name of the check.
pub const CHECK: &str = "fraud";
/// What each customer has tried to spend of late.
pub const WINDOWS: Table<CustomerId, Window> = Table::new("windows");
/// What was decided of each order, so that an order is judged once.
pub const DECISIONS: Table<OrderId, Decision> = Table::new("decisions");

/// Attempts of one customer, each within an hour of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first of them.
    pub opened_at: Time,
    /// The last of them.
    pub last_at: Time,
    /// What they come to, in minor units.
    pub total_minor: i64,
    /// How many there are.
    pub n: u32,
}

/// What was decided of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What the window came to with this order.
    pub window_total_minor: i64,
    /// The limit at that time.
    pub limit_minor: i64,
    /// Whether the order was older than the window's last one.
    pub late: bool,
}

impl Decision {
    /// Whether the order is fine.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.window_total_minor < self.limit_minor
    }
}

/// When too much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What a window must stay below, in minor units.
    pub limit_minor: i64,
    /// How long a customer must be quiet before the window ends.
    pub gap: Duration,
}

impl Policy {
    /// The one that counts.
    #[must_use]
    pub const fn gating(settings: &Settings) -> Self {
        Self { limit_minor: settings.fraud_limit_minor, gap: settings.fraud_window }
    }

    /// The stricter one that only watches.
    #[must_use]
    pub const fn shadow(settings: &Settings) -> Self {
        Self { limit_minor: settings.fraud_shadow_limit_minor, gap: settings.fraud_window }
    }

    /// Adds an attempt to a customer's window. One that comes late is merged into the window that
    /// is open by now.
    #[must_use]
    pub fn fold(&self, window: Option<Window>, at: Time, minor: i64) -> (Window, Decision) {
        let open = window.filter(|window| at.since(window.last_at) < self.gap);
        let late = open.is_some_and(|window| at < window.last_at);
        // A negative sum is no order, and must not buy anybody room.
        let minor = minor.max(0);
        let window = match open {
            None => Window { opened_at: at, last_at: at, total_minor: minor, n: 1 },
            Some(window) => Window {
                opened_at: window.opened_at.min(at),
                last_at: window.last_at.max(at),
                total_minor: window.total_minor.saturating_add(minor),
                n: window.n + 1,
            },
        };
        let limit_minor = self.limit_minor;
        (window, Decision { window_total_minor: window.total_minor, limit_minor, late })
    }
}

/// Judges an order, and remembers the attempt.
///
/// # Errors
///
/// A fault if the tables cannot be read.
pub async fn assess(tx: &mut Tx, order: &Order) -> Result<OrderValidation, Fault> {
    judge(tx, order, Policy::gating(settings())).await
}

/// The same by the stricter policy, which only watches.
///
/// # Errors
///
/// A fault if the tables cannot be read.
pub async fn assess_as_shadow(tx: &mut Tx, order: &Order) -> Result<OrderValidation, Fault> {
    let said = judge(tx, order, Policy::shadow(settings())).await?;
    Ok(said.shadow(SHADOW, 2))
}

/// The validator that only watches, and its reactor.
pub const SHADOW: &str = "fraud-v2";

async fn judge(tx: &mut Tx, order: &Order, policy: Policy) -> Result<OrderValidation, Fault> {
    let Order { order_id, customer_id, .. } = order;
    if let Some(decision) = tx.get(DECISIONS, order_id).await? {
        return Ok(said(order_id, &decision));
    }
    let window = tx.get(WINDOWS, customer_id).await?;
    let (window, decision) = policy.fold(window, order.created_at, order.total_minor);
    tx.put(WINDOWS, customer_id, &window)?;
    tx.put(DECISIONS, order_id, &decision)?;
    Ok(said(order_id, &decision))
}

fn said(order_id: &str, decision: &Decision) -> OrderValidation {
    let Decision { window_total_minor, limit_minor, late } = *decision;
    let over = (!decision.passes()).then(|| format!("over_limit: {window_total_minor}"));
    OrderValidation::new(order_id, CHECK, over.into_iter().collect())
        .because("window_total_minor", window_total_minor)
        .because("limit_minor", limit_minor)
        .because("late", late.into())
}

#[cfg(test)]
mod tests {
    use super::{Policy, Window, said};
    use crate::contracts::Finding;
    use crate::settings::Settings;
    use ballet::clock::Time;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const LIMIT: i64 = 200_000;

    fn policy() -> Policy {
        Policy::gating(&Settings::default())
    }

    fn minute(minutes: u64) -> Time {
        Time::default().after(Duration::from_secs(60 * minutes))
    }

    /// The verdicts on orders of (customer, minor units), one a minute.
    fn verdicts(orders: &[(u32, i64)]) -> String {
        let mut windows: BTreeMap<u32, Window> = BTreeMap::new();
        let verdicts = orders.iter().zip(0..).map(|((customer, minor), at)| {
            let (window, decision) =
                policy().fold(windows.get(customer).copied(), minute(at), *minor);
            windows.insert(*customer, window);
            if decision.passes() { 'P' } else { 'F' }
        });
        verdicts.collect()
    }

    #[test]
    fn attempts_count_even_if_the_order_fails() {
        let orders = [
            (0, 3 * 500),
            (0, 7_500),
            (1, 7_500),
            (1, 7_500),
            (1, 50 * 7_500),
            (2, 10 * 10_000),
            (2, 10 * 10_000),
            (2, 500),
        ];
        assert_eq!(verdicts(&orders), "PPPPFPFF");
    }

    #[test]
    fn the_second_ipad_within_the_hour_is_one_too_many() {
        assert_eq!(verdicts(&[(7, 109_900), (7, 109_900)]), "PF");
    }

    #[test]
    fn after_an_hour_of_quiet_all_is_forgotten() {
        let (window, _) = policy().fold(None, minute(0), LIMIT - 1);
        assert!(!policy().fold(Some(window), minute(59), 1).1.passes());
        let (fresh, decision) = policy().fold(Some(window), minute(60), 1);
        assert!(decision.passes());
        assert_eq!((fresh.n, fresh.total_minor), (1, 1));
    }

    #[test]
    fn a_late_attempt_is_merged_and_marked() {
        let (window, _) = policy().fold(None, minute(30), 100);
        let (merged, decision) = policy().fold(Some(window), minute(10), 100);
        assert!(decision.late);
        assert_eq!((merged.opened_at, merged.last_at, merged.n), (minute(10), minute(30), 2));
    }

    #[test]
    fn a_negative_sum_buys_no_room() {
        let (window, _) = policy().fold(None, minute(0), LIMIT - 1);
        assert_eq!(policy().fold(Some(window), minute(1), -LIMIT).0.total_minor, LIMIT - 1);
    }

    #[test]
    fn the_numbers_stand_behind_the_verdict() {
        let (_, decision) = policy().fold(None, minute(0), LIMIT);
        let said = said("1", &decision);
        assert_eq!((said.verdict, said.evidence["limit_minor"]), (Finding::Fail, LIMIT));
        assert_eq!(said.reasons, ["over_limit: 200000"]);
    }
}
