//! Orders that fail a check.

use crate::contracts::Status;
use crate::stage::{Stage, Tally};

/// X1: details invalid. The order is invalid, its stock is given back, and nobody asks for money.
pub async fn x01_details_invalid(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    stage.buy("1", "eva", 0).await;

    assert_eq!(stage.failed_checks_of("1").await, ["details", "inventory"]);
    let shelf = stage.shelf("ipad").await;
    assert_eq!((shelf.on_hand, shelf.reserved), (5, 0));
    assert_eq!(stage.world.provider.wire.calls(), 0);
}
