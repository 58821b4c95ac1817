//! Parcels, letters, and where they go.

use crate::contracts::{Reason, Status};
use crate::stage::Stage;

/// X8: "customer not yet in view: waits; ships when it arrives".
pub async fn x08_customer_comes_late(stage: &mut Stage) {
    stage.stock("ipad", 5).await;

    stage.buy("1", "eva", 1).await;
    stage.until_it_is(Status::Valid, "1").await;
    stage.seconds(20).await;
    assert_eq!(stage.order("1").await.order.status, Status::Valid, "it waits");
    stage.customer("eva", "AT").await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.parcels, tally.captured, tally.letters), (1, 1, 1));
}

/// X8: "never: cancelled `unknown_customer` at deadline".
pub async fn x08_customer_never_comes(stage: &mut Stage) {
    stage.stock("ipad", 5).await;

    stage.buy("1", "stranger", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::UnknownCustomer));
    let tally = stage.quiet().await;
    assert_eq!((tally.held, tally.voided, tally.parcels), (0, 1, 0));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X9: "undeliverable address: void + release + cancelled".
pub async fn x09_undeliverable(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AQ").await;

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::Undeliverable));
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided), (0, 0, 1));
    assert_eq!((tally.parcels, tally.letters), (0, 1));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X11: "carrier down after capture: ships later; never refunds".
pub async fn x11_carrier_down(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.carrier().cut().await;

    stage.buy("1", "eva", 1).await;
    stage.pass(stage.settings().order_deadline() * 2).await;
    let tally = stage.tally().await;
    assert_eq!((tally.open, tally.captured, tally.parcels), (1, 1, 0));
    stage.carrier().mend().await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.voided, tally.parcels), (1, 0, 1));
}

/// X12: "Notification down: order ships; mail later, once".
pub async fn x12_mail_down(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.mail().cut().await;

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    stage.seconds(300).await;
    assert_eq!(stage.tally().await.letters, 0);
    stage.mail().mend().await;
    assert_eq!(stage.quiet().await.letters, 1);
}
