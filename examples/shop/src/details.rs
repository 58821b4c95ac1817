//! The check of details: is this an order that makes sense? It keeps nothing.

use crate::contracts::{Line, Order, OrderValidation};
use crate::settings::{Settings, settings};

/// The name of the check.
pub const CHECK: &str = "details";

/// Checks an order.
#[must_use]
pub fn check(order: &Order) -> OrderValidation {
    OrderValidation::new(&order.order_id, CHECK, reasons(order, settings()))
}

/// All that is wrong with an order.
fn reasons(order: &Order, settings: &Settings) -> Vec<String> {
    let mut reasons = Vec::new();
    if order.customer_id.is_empty() {
        reasons.push("missing_customer".to_owned());
    }
    if order.lines.is_empty() {
        reasons.push("no_lines".to_owned());
    }
    if order.currency != settings.currency {
        reasons.push(format!("unsupported_currency: {}", order.currency));
    }
    reasons.extend(order.lines.iter().flat_map(|line| of_line(line, settings)));
    if sum(&order.lines) != Some(order.total_minor) {
        reasons.push(format!("total_mismatch: {}", order.total_minor));
    }
    reasons
}

fn of_line(line: &Line, settings: &Settings) -> Vec<String> {
    let Line { sku, qty, unit_price_minor } = line;
    let mut reasons = Vec::new();
    if !(1..=settings.qty_max).contains(qty) {
        reasons.push(format!("qty_out_of_range: {qty} {sku}"));
    }
    match settings.catalogue.get(sku) {
        None => reasons.push(format!("unknown_sku: {sku}")),
        Some(price) if price != unit_price_minor => {
            reasons.push(format!("price_mismatch: {sku} at {unit_price_minor}"));
        }
        Some(_) => {}
    }
    reasons
}

/// What the lines cost; `None` if that is no amount of money.
fn sum(lines: &[Line]) -> Option<i64> {
    let costs = lines.iter().map(|line| line.qty.checked_mul(line.unit_price_minor));
    costs.into_iter().try_fold(0_i64, |sum, cost| sum.checked_add(cost?))
}

#[cfg(test)]
mod tests {
    use super::{check, reasons};
    use crate::contracts::{Finding, Order};
    use crate::settings::Settings;
    use crate::testing::{line, order};

    #[track_caller]
    fn finds(change: impl FnOnce(&mut Order), expected: &[&str]) {
        let mut order = order();
        change(&mut order);
        assert_eq!(reasons(&order, &Settings::default()), expected);
    }

    #[test]
    fn an_order_that_makes_sense_passes() {
        finds(|_| {}, &[]);
        assert_eq!(check(&order()).verdict, Finding::Pass);
    }

    #[test]
    fn whatever_makes_no_sense_is_named() {
        let lines = |lines, total| {
            move |order: &mut Order| (order.lines, order.total_minor) = (lines, total)
        };
        finds(lines(vec![line("ipad", 0, 109_900)], 0), &["qty_out_of_range: 0 ipad"]);
        finds(lines(vec![line("ipad", -1, 109_900)], -109_900), &["qty_out_of_range: -1 ipad"]);
        finds(lines(vec![line("ipad", 21, 109_900)], 2_307_900), &["qty_out_of_range: 21 ipad"]);
        finds(lines(vec![line("ipad", 1, 1)], 1), &["price_mismatch: ipad at 1"]);
        finds(lines(vec![line("ipda", 1, 5)], 5), &["unknown_sku: ipda"]);
        finds(lines(Vec::new(), 0), &["no_lines"]);
        finds(|order| order.customer_id.clear(), &["missing_customer"]);
        finds(|order| order.total_minor = 5, &["total_mismatch: 5"]);
        finds(|order| order.currency = "EUR".to_owned(), &["unsupported_currency: EUR"]);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let overflow = line("ipda", i64::MAX, 2);
        let found = [
            "qty_out_of_range: 9223372036854775807 ipda",
            "unknown_sku: ipda",
            "total_mismatch: 109900",
        ];
        finds(|order| order.lines = vec![overflow], &found);
    }
}
