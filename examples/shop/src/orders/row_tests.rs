use super::{Decision, Moment, Row};
use crate::contracts::{FailedCheck, Finding, OrderValidation, PlaceOrder, Reason, Status};
use crate::order::NewOrder;
use crate::testing::order;
use ballet::clock::Time;
use std::time::Duration;

const NOW: Moment = Moment { at: Time::from_micros(7), cause: "test.ran", actor: "test" };
const CHECKS: [&str; 3] = ["details", "fraud", "inventory"];

fn created(checks: &[&str]) -> Row {
    let order = order();
    let wanted = NewOrder {
        customer_id: order.customer_id,
        lines: order.lines,
        total_minor: order.total_minor,
        currency: order.currency,
    };
    let placed = PlaceOrder { order_id: order.order_id, order: wanted };
    let checks = checks.iter().map(|check| (*check).to_owned()).collect();
    Row::open(&placed, checks, Duration::from_secs(600), NOW).0
}

fn standing(status: Status) -> Row {
    let mut row = created(&CHECKS);
    row.order.status = status;
    row
}

fn said(check: &str, verdict: Finding) -> OrderValidation {
    let reasons = (verdict == Finding::Fail).then(|| format!("{check} is wrong"));
    let mut said = OrderValidation::new("1", check, reasons.into_iter().collect());
    said.verdict = verdict;
    said
}

/// What the decision is when the checks speak in this order.
fn decided(row: &mut Row, order: &[(&str, Finding)]) -> Vec<Option<Decision>> {
    let mut decisions = Vec::new();
    for (check, verdict) in order {
        row.hear(&said(check, *verdict));
        decisions.push(row.decision());
    }
    decisions
}

/// All orders in which things may come.
fn permutations<T: Copy>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let pick = |at: usize| {
        let mut rest = things.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |tail| [vec![first], tail].concat())
    };
    (0..things.len()).flat_map(pick).collect()
}

#[test]
fn an_order_goes_only_where_the_table_says() {
    use Status::{Cancelled, Created, Invalid, Paid, Shipped, Valid};
    let all = [Created, Valid, Paid, Shipped, Invalid, Cancelled];
    let told: Vec<String> = all
        .iter()
        .map(|from| {
            let next = all.iter().filter(|to| from.may_become(**to));
            let next: Vec<String> = next.map(|to| format!("{to:?}")).collect();
            format!("{from:?} -> {}", next.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "Created -> Valid, Invalid, Cancelled",
            "Valid -> Paid, Cancelled",
            "Paid -> Shipped",
            "Shipped -> ",
            "Invalid -> ",
            "Cancelled -> ",
        ]
    );
    assert!(all.iter().all(|from| from.is_end() == all.iter().all(|to| !from.may_become(*to))));
}

#[test]
fn an_order_that_goes_well_says_so_step_by_step() {
    let mut row = created(&CHECKS);
    assert!(row.validate(NOW).is_some());
    assert!(row.pay(NOW).is_some());
    let shipped = row.ship("s-1", "T1", NOW).unwrap();
    assert_eq!((shipped.order.status, shipped.order.version), (Status::Shipped, 4));
    let facts: Vec<&str> = row.history.iter().map(|entry| entry.fact.as_str()).collect();
    assert_eq!(facts, ["order.created", "order.validated", "order.paid", "order.shipped"]);
    assert_eq!(
        (row.history[0].cause.as_str(), row.history[0].actor.as_str()),
        ("test.ran", "test")
    );
}

#[test]
fn nothing_is_said_twice() {
    let mut row = standing(Status::Valid);
    assert!(row.cancel(Reason::Declined, NOW).is_some());
    let before = row.clone();
    assert!(row.cancel(Reason::Deadline, NOW).is_none());
    assert!(row.validate(NOW).is_none() && row.pay(NOW).is_none());
    assert!(row.ship("s-1", "T1", NOW).is_none() && row.invalidate(Vec::new(), NOW).is_none());
    assert_eq!(row, before);
}

#[test]
fn the_checks_may_speak_in_any_order_and_decide_once() {
    use Finding::{Fail, Pass};
    let cases: [([Finding; 3], &[&str]); 4] = [
        ([Pass, Pass, Pass], &[]),
        ([Pass, Fail, Pass], &["fraud"]),
        ([Fail, Pass, Fail], &["details", "inventory"]),
        ([Fail, Fail, Fail], &["details", "fraud", "inventory"]),
    ];
    for (verdicts, expected) in cases {
        let speakers: Vec<_> = CHECKS.into_iter().zip(verdicts).collect();
        for order in permutations(&speakers) {
            let decisions = decided(&mut created(&CHECKS), &order);
            assert_eq!(decisions[..2], [None, None], "{order:?}");
            let failed: Vec<&str> = match &decisions[2] {
                Some(Decision::Invalid(failed)) => {
                    failed.iter().map(|f| f.check.as_str()).collect()
                }
                Some(Decision::Valid) => Vec::new(),
                None => panic!("all have spoken"),
            };
            assert_eq!(failed, expected, "{order:?}");
        }
    }
}

#[test]
fn failed_checks_are_named_in_one_order() {
    let failed = |check: &str| FailedCheck { check: check.to_owned(), reasons: Vec::new() };
    let said = created(&CHECKS).invalidate(vec![failed("inventory"), failed("fraud")], NOW);
    assert_eq!(said.unwrap().failed_checks, [failed("fraud"), failed("inventory")]);
}

#[test]
fn the_same_verdict_twice_is_one_verdict() {
    use Finding::Pass;
    let decisions =
        decided(&mut created(&CHECKS), &[("details", Pass), ("details", Pass), ("fraud", Pass)]);
    assert_eq!(decisions, [None, None, None]);
}

#[test]
fn an_error_is_not_a_verdict() {
    use Finding::{Error, Pass};
    let order = [("details", Pass), ("fraud", Error), ("inventory", Pass), ("fraud", Pass)];
    let decisions = decided(&mut created(&CHECKS), &order);
    assert_eq!(decisions, [None, None, None, Some(Decision::Valid)]);
}

#[test]
fn a_check_that_is_not_required_does_not_count() {
    use Finding::{Fail, Pass};
    let order = [("limit", Fail), ("details", Pass), ("fraud", Pass), ("inventory", Pass)];
    assert_eq!(decided(&mut created(&CHECKS), &order)[3], Some(Decision::Valid));
    let four = ["details", "fraud", "inventory", "limit"];
    assert!(matches!(decided(&mut created(&four), &order)[3], Some(Decision::Invalid(_))));
}

#[test]
fn a_check_that_only_watches_does_not_count() {
    let mut row = created(&["fraud"]);
    row.hear(&said("fraud", Finding::Fail).shadow("fraud-v2", 2));
    assert_eq!((row.decision(), row.failed()), (None, Vec::new()));
}

#[test]
fn a_late_verdict_changes_nothing() {
    let mut row = created(&["fraud"]);
    row.hear(&said("fraud", Finding::Pass));
    row.validate(NOW);
    let before = row.clone();
    row.hear(&said("fraud", Finding::Fail));
    assert_eq!(row, before);
}

#[test]
fn a_wish_to_cancel_is_pending_until_it_is_decided() {
    let mut row = standing(Status::Valid);
    let requested = row.request_cancel(Reason::CustomerCancelled, NOW).unwrap();
    assert_eq!((requested.reason, requested.by.as_str()), (Reason::CustomerCancelled, "test"));
    assert!(row.request_cancel(Reason::Deadline, NOW).is_none());

    let mut too_late = row.clone();
    assert!(too_late.pay(NOW).is_some());
    assert_eq!(
        too_late.refuse_cancel(NOW).map(|said| said.reason),
        Some(Reason::CustomerCancelled)
    );
    assert!(too_late.refuse_cancel(NOW).is_none());

    let cancelled = row.cancel(Reason::CaptureFailed, NOW).unwrap();
    assert_eq!(cancelled.reason, Reason::CustomerCancelled);
    assert_eq!(row.pending_cancel, None);
}

#[test]
fn only_what_may_still_be_cancelled_is_asked_for() {
    use Status::{Cancelled, Created, Invalid, Paid, Shipped, Valid};
    let asked = [Created, Valid, Paid, Shipped, Invalid, Cancelled]
        .map(|status| standing(status).request_cancel(Reason::CustomerCancelled, NOW).is_some());
    assert_eq!(asked, [true, true, false, false, false, false]);
}
