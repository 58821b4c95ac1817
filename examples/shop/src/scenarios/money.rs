//! Payment, and what follows from it.

use crate::contracts::{Reason, Status};
use crate::inventory::Kept;
use crate::stage::Stage;

/// X6: "cancelled; release; no shipment".
pub async fn x06_payment_declined(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.provider().decline("eva").await;

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::Declined));
    let tally = stage.quiet().await;
    assert_eq!((tally.parcels, tally.captured, tally.held, tally.letters), (0, 0, 0, 1));
    assert_eq!(stage.times_said("1", "shipment.prepared").await, 0);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X7: "PSP timeout with unknown outcome: retry same idempotency key; one authorisation".
pub async fn x07_answers_get_lost(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.provider().lose_answers(2).await;

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided), (1, 0, 0));
    assert_eq!(stage.provider().calls().await, 4, "two were lost, of a charge and a capture");
}

/// X10: "capture fails (auth expired): shipment cancelled, void, release, cancelled".
pub async fn x10_capture_fails(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.provider().expire("eva").await;

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::CaptureFailed));
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided, tally.parcels), (0, 0, 1, 0));
    assert_eq!(stage.times_said("1", "shipment.cancelled").await, 1);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X18: "compensation fails repeatedly: parked, alert". The provider cannot be reached to let money
/// go. The call is made again and again, an operator is called, and neighbours do not notice.
pub async fn x18_money_cannot_be_let_go(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    // The money of a stranger is kept ready; then nobody can be reached to let it go.
    stage.provider().cut_after(1).await;
    stage.buy("1", "stranger", 1).await;
    stage.until_money_is_held().await;
    stage.pass(stage.settings().customer_wait).await;
    let (asked, alerts) = (stage.provider().calls().await, stage.alerts().await);
    assert_eq!(alerts, [""; 0], "it is early");
    stage.buy("2", "eva", 2).await;
    assert_eq!(stage.failed_checks_of("2").await, ["fraud"]);

    stage.pass(stage.settings().overdue()).await;
    stage.until_alerts_are(&["1: order_overdue"]).await;
    assert_eq!(stage.tally().await.held, 1);
    assert!(stage.provider().calls().await > asked + 3, "it was tried again");

    stage.provider().mend().await;
    assert_eq!(stage.reason_of("1").await, Some(Reason::UnknownCustomer));
    let tally = stage.quiet().await;
    assert_eq!((tally.held, tally.voided), (0, 1));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
    assert_eq!(stage.alerts().await, [""; 0]);
}

/// X18: "parked, alert, operator resume works". What is kept for an order cannot be read, so it cannot
/// be given back: after ten attempts it is given up, by name, until somebody has put it right.
pub async fn x18_stock_cannot_be_given_back(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;

    stage.provider().hang().await;
    stage.buy("1", "eva", 1).await;
    stage.provider().until_called(1).await;
    let kept = stage.damage("1").await;
    assert!(stage.cancel("1").await.pending);
    stage.provider().mend().await;
    stage.until_given_up(1).await;
    let given_up = stage.given_up().await;
    assert!(given_up.iter().all(|why| why.contains("invalid type: string")), "{given_up:?}");
    assert_eq!(stage.on_shelf("ipad").await, (5, 1));

    stage.buy("2", "max", 1).await;
    assert_eq!(stage.end_of("2").await, Status::Shipped);
    stage.pass(stage.settings().reservation_ttl()).await;
    stage
        .until("an operator is called", async |stage| {
            stage.alerts().await.contains(&"1: reservation_expired".to_owned())
        })
        .await;

    stage.repair("1", &kept).await;
    stage.resume().await;
    assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.cancelled, tally.voided), (1, 1, 1));
    assert_eq!(stage.times_said("1", "stock.released").await, 1);
    assert_eq!(stage.on_shelf("ipad").await, (4, 0));
    assert_eq!(stage.given_up().await, [""; 0]);
    assert_eq!(stage.alerts().await, [""; 0]);
}

/// X20: "reservation TTL vs a late payment: expiry of a live order raises an alert and asks Orders
/// to cancel, it never releases by itself; no oversell". The money is being taken, for longer than
/// stock should be kept; that it was taken wins.
pub async fn x20_reservation_expires_while_the_money_is_taken(stage: &mut Stage) {
    stage.stock("ipad", 1).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;

    stage.provider().hang_after(1).await;
    stage.buy("1", "eva", 1).await;
    stage.until_money_is_held().await;
    a_reservation_expires(stage).await;
    stage.buy("2", "max", 1).await;
    assert_eq!(stage.failed_checks_of("2").await, ["inventory"], "it is still kept");

    stage.provider().mend().await;
    assert_eq!(stage.end_of("1").await, Status::Shipped);
    assert_eq!(stage.quiet().await.captured, 1);
    assert_eq!(stage.times_said("1", "order.cancel_refused").await, 1);
    assert_eq!(stage.on_shelf("ipad").await, (0, 0));
    assert_eq!(stage.alerts().await, [""; 0]);
}

/// X20, the other way: nobody knows whether the money is kept ready. When that is known it is let go,
/// and only then the stock.
pub async fn x20_reservation_expires_before_the_money_is_held(stage: &mut Stage) {
    stage.stock("ipad", 1).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;

    stage.provider().hang().await;
    stage.buy("1", "eva", 1).await;
    a_reservation_expires(stage).await;

    stage.provider().mend().await;
    assert_eq!(stage.reason_of("1").await, Some(Reason::Deadline));
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided, tally.letters), (0, 0, 1, 1));
    assert_eq!(stage.on_shelf("ipad").await, (1, 0));
    stage.buy("2", "max", 1).await;
    assert_eq!(stage.end_of("2").await, Status::Shipped);
    assert_eq!(stage.alerts().await, [""; 0]);
}

/// Stock of order 1 is kept for too long: it is said once, an operator is called, Orders has asked
/// for an end, and nothing was given back.
async fn a_reservation_expires(stage: &mut Stage) {
    stage.pass(stage.settings().reservation_ttl()).await;
    stage.until_alerts_are(&["1: order_overdue", "1: reservation_expired"]).await;
    stage.until_said("1", "order.cancel_requested").await;
    stage.seconds(60).await;
    assert_eq!(stage.times_said("1", "reservation.expired").await, 1);
    assert_eq!(stage.times_said("1", "order.cancel_requested").await, 1);
    assert!(stage.cancel("1").await.pending, "whether it can be cancelled is not decided yet");
    let kept = stage.books().await.reservations[&stage.number("1")].clone();
    assert!(kept.status == Kept::Reserved && kept.expires_at < stage.now());
    assert_eq!(stage.on_shelf("ipad").await, (1, 1));
}
