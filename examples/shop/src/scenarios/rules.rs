//! Checks that are added while the shop is open.

use crate::contracts::{INVENTORY, Status};
use crate::stage::Stage;

/// X22: "validator added while orders in flight: in-flight keep snapshot; new gate on it".
pub async fn x22_check_is_added(stage: &mut Stage) {
    stage.stock("ipad", 9).await;
    stage.crowd(["old", "old-greedy", "new", "new-greedy"].map(str::to_owned)).await;

    stage.kill(INVENTORY).await;
    stage.buy("old", "old", 1).await;
    stage.buy("old-greedy", "old-greedy", 3).await;
    stage.require("limit").await;
    stage.buy("new", "new", 1).await;
    stage.buy("new-greedy", "new-greedy", 3).await;
    stage.start(INVENTORY).await;

    assert_eq!(stage.end_of("old").await, Status::Shipped);
    assert_eq!(stage.failed_checks_of("old-greedy").await, ["fraud"]);
    assert_eq!(stage.order("old").await.order.required_checks.len(), 3);
    assert_eq!(stage.end_of("new").await, Status::Shipped);
    assert_eq!(stage.failed_checks_of("new-greedy").await, ["fraud", "limit"]);
    assert_eq!(stage.order("new").await.order.required_checks.len(), 4);
}
