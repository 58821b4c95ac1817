//! G2: in which order a purchase is taken back. What is taken back is the same for both casts, and a
//! scenario says so; in which order is what a way of coordinating promises, so here each has its own.
//!
//! A coordinator takes back strictly in reverse, one step after the other, and closes the order last.
//! Without one the order is cancelled as soon as Payments has let the money go, and whoever keeps
//! something for it hears of that and gives it back, side by side.

use shop::cast::Cast;
use shop::stage::Stage;

/// The payment cannot be taken, when everything before it is done.
async fn capture_fails(cast: Cast) -> Vec<String> {
    let mut stage = Stage::open(cast).await;
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.provider().expire("eva").await;
    stage.buy("1", "eva", 1).await;
    stage.quiet().await;
    let lines = stage.taken_back("1").await;
    stage.curtain().await;
    lines
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_takes_back_strictly_in_reverse() {
    let lines = capture_fails(orchestrated::CAST).await;
    let reverse = ["shipment.cancelled", "payment.voided", "stock.released", "order.cancelled"];
    assert_eq!(lines, reverse);
}

#[tokio::test(start_paused = true)]
async fn without_one_the_order_is_cancelled_first_and_then_all_give_back_what_they_keep() {
    let lines = capture_fails(choreographed::CAST).await;
    assert_eq!(lines, ["payment.voided", "order.cancelled", "shipment.cancelled, stock.released"]);
}
