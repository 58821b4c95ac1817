//! Payment, and what follows from it.

use crate::contracts::{Reason, Status};
use crate::inventory::Kept;
use crate::settings::settings;
use crate::stage::Stage;

/// X6: "cancelled; release; no shipment".
pub async fn x06_payment_declined(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.world.provider.decline("eva");

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::Declined));
    let tally = stage.quiet().await;
    assert_eq!((tally.parcels, tally.captured, tally.held, tally.letters), (0, 0, 0, 1));
    assert_eq!(stage.times_said("1", "shipment.prepared"), 0);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X7: "PSP timeout with unknown outcome: retry same idempotency key; one authorisation".
pub async fn x07_answers_get_lost(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.world.provider.lose_answers(2);

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided), (1, 0, 0));
    assert_eq!(stage.world.provider.wire.calls(), 4, "two were lost, of a charge and a capture");
}

/// X10: "capture fails (auth expired): shipment cancelled, void, release, cancelled".
pub async fn x10_capture_fails(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.world.provider.expire("eva");

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::CaptureFailed));
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided, tally.parcels), (0, 0, 1, 0));
    assert_eq!(stage.times_said("1", "shipment.cancelled"), 1);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X18: "compensation fails repeatedly: parked, alert, operator resume works". Neighbours do not
/// notice.
pub async fn x18_taking_back_fails(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    // The money of a stranger is kept ready; then nobody can be reached to let it go.
    stage.buy("1", "stranger", 1).await;
    stage.until_money_is_held().await;
    stage.world.provider.wire.cut();
    stage.buy("2", "eva", 2).await;
    assert_eq!(stage.failed_checks_of("2").await, ["fraud"]);

    stage.pass(settings().order_deadline() * 2).await;
    assert_eq!(stage.overdue().await, ["1"]);
    assert_eq!(stage.tally().await.held, 1);

    stage.world.provider.wire.mend();
    stage.resume().await;
    assert_eq!(stage.reason_of("1").await, Some(Reason::UnknownCustomer));
    let tally = stage.quiet().await;
    assert_eq!((tally.held, tally.voided), (0, 1));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X20: "reservation TTL vs a late payment: expiry of a live order raises an alert and asks Orders
/// to cancel, it never releases by itself; no oversell".
pub async fn x20_reservation_outlives_its_age(stage: &mut Stage) {
    stage.stock("ipad", 1).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;

    // The money is about to be taken, for longer than stock should be kept.
    stage.buy("1", "eva", 1).await;
    stage.until_money_is_held().await;
    stage.world.provider.wire.hang();
    stage.pass(settings().reservation_ttl()).await;
    stage.seconds(60).await;

    let kept = stage.books().await.reservations["1"].clone();
    assert!(kept.status == Kept::Reserved && kept.expires_at < stage.now());
    assert_eq!(stage.overdue().await, ["1"], "somebody is alarmed");
    assert!(stage.cancel("1").await.pending, "whether it can be cancelled is not decided yet");
    stage.buy("2", "max", 1).await;
    assert_eq!(stage.failed_checks_of("2").await, ["inventory"], "it is still kept");

    stage.world.provider.wire.mend();
    assert_eq!(stage.end_of("1").await, Status::Shipped);
    assert_eq!(stage.quiet().await.captured, 1);
    assert_eq!(stage.times_said("1", "order.cancel_refused"), 1);
    assert_eq!(stage.on_shelf("ipad").await, (0, 0));
}
