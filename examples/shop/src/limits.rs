//! The check of the purchase limit: so many iPads for each customer in a day. It is not required of
//! orders until a rule says so.

use crate::contracts::{CustomerId, Line, Order, OrderId, OrderValidation};
use crate::settings::settings;
use ballet::clock::Time;
use ballet::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};

/// The name of the check.
pub const CHECK: &str = "limit";
/// How many were let through for each customer and day.
pub const BOUGHT: Table<(CustomerId, u64), i64> = Table::new("bought");
/// What was decided of each order, so that an order is judged once.
pub const COUNTED: Table<OrderId, Counted> = Table::new("counted");

/// What was decided of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many the customer would have had that day.
    pub would_have: i64,
    /// How many were allowed.
    pub limit: i64,
}

/// Whether an order has to pass this check.
#[must_use]
pub fn is_required(order: &Order) -> bool {
    order.required_checks.iter().any(|check| check == CHECK)
}

/// Judges an order, and counts it if it passes.
///
/// # Errors
///
/// A fault if the tables cannot be read.
pub async fn check(tx: &mut Tx, order: &Order) -> Result<OrderValidation, Fault> {
    let Order { order_id, customer_id, .. } = order;
    if let Some(counted) = tx.get(COUNTED, order_id).await? {
        return Ok(said(order_id, counted));
    }
    let today = (customer_id.clone(), day(order.created_at));
    let bought = tx.get(BOUGHT, &today).await?.unwrap_or(0);
    let would_have = bought.saturating_add(ipads(&order.lines));
    let counted = Counted { would_have, limit: settings().ipads_a_day };
    if counted.would_have <= counted.limit {
        tx.put(BOUGHT, &today, &would_have)?;
    }
    tx.put(COUNTED, order_id, &counted)?;
    Ok(said(order_id, counted))
}

fn said(order_id: &str, Counted { would_have, limit }: Counted) -> OrderValidation {
    let over = (would_have > limit).then(|| format!("over_limit: {would_have} ipad"));
    OrderValidation::new(order_id, CHECK, over.into_iter().collect()).because("limit", limit)
}

fn ipads(lines: &[Line]) -> i64 {
    let ipads = lines.iter().filter(|line| line.sku == "ipad");
    ipads.fold(0, |sum, line| sum.saturating_add(line.qty.max(0)))
}

/// The day of a moment, counted from the epoch.
fn day(at: Time) -> u64 {
    at.since(Time::default()).as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use super::{Counted, day, ipads, is_required, said};
    use crate::contracts::Finding;
    use crate::testing::{line, order};
    use ballet::clock::Time;
    use std::time::Duration;

    #[test]
    fn the_limit_may_be_reached_and_not_passed() {
        let verdict = |would_have| said("1", Counted { would_have, limit: 2 }).verdict;
        assert_eq!([1, 2, 3].map(verdict), [Finding::Pass, Finding::Pass, Finding::Fail]);
    }

    #[test]
    fn only_ipads_are_counted() {
        assert_eq!(ipads(&[line("ipad", 1, 0), line("iphone", 9, 0), line("ipad", 2, 0)]), 3);
        assert_eq!(ipads(&[line("ipad", -5, 0)]), 0);
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let at = |seconds| day(Time::default().after(Duration::from_secs(seconds)));
        assert_eq!([0, 86_399, 86_400].map(at), [0, 0, 1]);
    }

    #[test]
    fn an_order_need_not_pass_it_unless_it_says_so() {
        let mut order = order();
        assert!(!is_required(&order));
        order.required_checks.push("limit".to_owned());
        assert!(is_required(&order));
    }
}
