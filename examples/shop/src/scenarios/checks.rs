//! Orders that fail a check, or are not checked in time.

use crate::contracts::{
    DETAILS, FRAUD, Finding, INVENTORY, Line, OrderInvalidated, OrderValidation, Reason, Status,
};
use crate::fraud;
use crate::order::NewOrder;
use crate::orders::Row;
use crate::stage::Stage;
use std::time::Duration;

/// X1: "`invalid`; stock released; no payment attempt".
pub async fn x01_details_invalid(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    let cheap = NewOrder { total_minor: 5, ..Stage::basket("eva", 1, "ipad") };
    stage.place("1", cheap).await;

    assert_eq!(stage.failed_checks_of("1").await, ["details"]);
    assert_eq!(stage.quiet().await.letters, 1);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
    assert_eq!(stage.provider().calls().await, 0);
}

/// X2: "`invalid`; reservation released". Two iPads are more than anybody may try to spend in an
/// hour.
pub async fn x02_fraud(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    stage.buy("1", "eva", 2).await;

    assert_eq!(stage.failed_checks_of("1").await, ["fraud"]);
    stage.quiet().await;
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
    assert_eq!(stage.provider().calls().await, 0);
}

/// X3: "a race for the last iPad, 50 buyers, 1 unit: exactly 1 shipped, 49 invalid, stock 0".
pub async fn x03_last_ipad(stage: &mut Stage) {
    stage.stock("ipad", 1).await;
    stage.crowd((0..50).map(|buyer| format!("buyer-{buyer}"))).await;

    // All of them stand before the shelf when it opens.
    stage.kill(INVENTORY).await;
    for buyer in 0..50 {
        stage.buy(&buyer.to_string(), &format!("buyer-{buyer}"), 1).await;
    }
    stage.start(INVENTORY).await;

    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.invalid, tally.cancelled), (1, 49, 0));
    assert_eq!((tally.captured, tally.parcels, tally.letters), (1, 1, 50));
    assert_eq!(stage.on_shelf("ipad").await, (0, 0));
}

/// X4: "one `OrderInvalidated` listing both; one e-mail".
pub async fn x04_two_checks_fail(stage: &mut Stage) {
    stage.stock("ipad", 1).await;
    stage.customer("eva", "AT").await;

    stage.buy("1", "eva", 2).await;

    assert_eq!(stage.failed_checks_of("1").await, ["fraud", "inventory"]);
    assert_eq!(stage.quiet().await.letters, 1);
    let said = stage.said::<OrderInvalidated>("1").await;
    assert_eq!(said.len(), 1);
    let listed = said[0].failed_checks.iter().map(|failed| (&*failed.check, failed.reasons.len()));
    assert_eq!(listed.collect::<Vec<_>>(), [("fraud", 1), ("inventory", 1)]);
}

/// X5: "validator silent: deadline → cancelled, detected ≤ deadline + sweep". What it says when it is
/// back changes nothing.
pub async fn x05_silent_check(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.kill(FRAUD).await;

    stage.buy("1", "eva", 1).await;
    too_late_to_be_checked(stage).await;

    let ended = stage.order("1").await;
    stage.start(FRAUD).await;
    what_is_said_late_changes_nothing(stage, &ended).await;
}

/// X5: "validator slow". It is alive all the time, and says what it thinks when the order has ended.
pub async fn x05_slow_check(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.freeze(FRAUD).await;

    stage.buy("1", "eva", 1).await;
    too_late_to_be_checked(stage).await;

    let ended = stage.order("1").await;
    stage.thaw(FRAUD).await;
    what_is_said_late_changes_nothing(stage, &ended).await;
}

/// How long after a deadline somebody may notice that it has passed: a step of which nobody knows
/// whether it was done is given a margin before it is taken back, and then two services are asked.
const SWEEP: Duration = Duration::from_secs(15);

async fn too_late_to_be_checked(stage: &mut Stage) {
    assert_eq!(stage.reason_of("1").await, Some(Reason::Deadline));
    let order = stage.order("1").await;
    let took = order.history.last().map(|last| last.at.since(order.order.created_at));
    assert!(took.unwrap_or_default() <= stage.settings().validation_wait + SWEEP, "{took:?}");
}

async fn what_is_said_late_changes_nothing(stage: &mut Stage, ended: &Row) {
    let tally = stage.quiet().await;
    assert_eq!((tally.cancelled, tally.letters, tally.held, tally.voided), (1, 1, 0, 0));
    let said = stage.said::<OrderValidation>("1").await;
    assert!(said.iter().any(|said| said.validator == FRAUD), "it has spoken");
    assert_eq!(stage.order("1").await, *ended);
    assert_eq!(stage.taken_back("1").await.len(), 2, "it has ended once, and the stock is back");
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// B5, with the numbers of the reference: attempts count even if the order fails. "Verdicts
/// P,P,P,P,F,P,F,F".
pub async fn b05_fraud_remembers(stage: &mut Stage) {
    let tries = [
        ("ada", 3, 500),
        ("ada", 1, 7_500),
        ("bob", 1, 7_500),
        ("bob", 1, 7_500),
        ("bob", 50, 7_500),
        ("cyd", 10, 10_000),
        ("cyd", 10, 10_000),
        ("cyd", 1, 500),
    ];
    stage.crowd(["ada", "bob", "cyd"].map(str::to_owned)).await;

    // None of these is in the catalogue, but that is for another check to say.
    let mut verdicts = String::new();
    for (number, (customer, qty, unit_price_minor)) in tries.into_iter().enumerate() {
        let lines = vec![Line { sku: "underpants".to_owned(), qty, unit_price_minor }];
        let total_minor = qty * unit_price_minor;
        let order = NewOrder { lines, total_minor, ..Stage::basket(customer, qty, "ipad") };
        let id = number.to_string();
        stage.place(&id, order).await;
        let failed = stage.failed_checks_of(&id).await;
        verdicts.push(if failed.contains(&"fraud".to_owned()) { 'F' } else { 'P' });
    }

    assert_eq!(verdicts, "PPPPFPFF");
}

/// B6: "permute arrival of the 3 verdicts: all 6 orders give the same outcome, one decision event".
pub async fn b06_verdicts_in_any_order(stage: &mut Stage) {
    let arrivals = [
        [DETAILS, FRAUD, INVENTORY],
        [DETAILS, INVENTORY, FRAUD],
        [FRAUD, DETAILS, INVENTORY],
        [FRAUD, INVENTORY, DETAILS],
        [INVENTORY, DETAILS, FRAUD],
        [INVENTORY, FRAUD, DETAILS],
    ];
    stage.stock("ipad", 12).await;
    for (number, arrival) in arrivals.into_iter().enumerate() {
        let (good, bad) = (format!("good-{number}"), format!("bad-{number}"));
        stage.crowd([good.clone(), bad.clone()]).await;
        for check in arrival {
            stage.kill(check).await;
        }

        stage.buy(&good, &good, 1).await;
        stage.buy(&bad, &bad, 2).await;
        for check in arrival {
            stage.start(check).await;
            stage.until_checked(&good, check).await;
            stage.until_checked(&bad, check).await;
        }

        assert_eq!(stage.end_of(&good).await, Status::Shipped, "{arrival:?}");
        assert_eq!(stage.failed_checks_of(&bad).await, ["fraud"], "{arrival:?}");
        stage.quiet().await;
        assert_eq!(stage.times_said(&good, "order.validated").await, 1, "{arrival:?}");
        assert_eq!(stage.times_said(&bad, "order.invalidated").await, 1, "{arrival:?}");
    }
}

/// B6: "run `fraud@v2` in shadow with a stricter limit: no order is blocked by v2". Two iPhones are
/// too many for the one that only watches.
pub async fn b06_a_check_that_only_watches(stage: &mut Stage) {
    stage.stock("iphone", 5).await;
    for (order, iphones) in [("one", 1), ("two", 2)] {
        stage.customer(order, "AT").await;
        stage.place(order, Stage::basket(order, iphones, "iphone")).await;
    }

    assert_eq!(stage.quiet().await.shipped, 2, "neither is blocked");
    for (order, watched) in [("one", Finding::Pass), ("two", Finding::Fail)] {
        let said = stage.said::<OrderValidation>(order).await;
        let verdicts = |validator: &str| -> Vec<Finding> {
            let theirs = said.iter().filter(|said| said.check == FRAUD);
            theirs.filter(|said| said.validator == validator).map(|said| said.verdict).collect()
        };
        assert_eq!(verdicts(FRAUD), [Finding::Pass]);
        assert_eq!(verdicts(fraud::SHADOW), [watched], "whether it differs is known");
    }
}

/// G11: "three parallel validators, one fails, one slow success: slow one's reservation is still
/// released".
pub async fn g11_slow_check_is_waited_for(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.kill(INVENTORY).await;

    stage.buy("1", "eva", 2).await;
    stage.until_checked("1", FRAUD).await;
    stage.seconds(30).await;
    stage.start(INVENTORY).await;

    assert_eq!(stage.failed_checks_of("1").await, ["fraud"]);
    stage.quiet().await;
    assert_eq!(stage.times_said("1", "stock.reserved").await, 1);
    assert_eq!(stage.times_said("1", "stock.released").await, 1);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}
