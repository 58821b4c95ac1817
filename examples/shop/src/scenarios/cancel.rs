//! Customers who change their minds (G12).

use crate::contracts::{Reason, Status};
use crate::stage::Stage;
use std::time::Duration;

/// X13: "customer cancels before pivot: cancelled".
pub async fn x13_cancel_before_the_money_is_taken(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.world.provider.wire.hang();

    stage.buy("1", "eva", 1).await;
    stage.seconds(5).await;
    assert!(stage.cancel("1").await.pending);
    stage.world.provider.wire.mend();

    assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.parcels), (0, 0, 0));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X13: "racing: exactly one winner". The money is being taken when the wish comes.
pub async fn x13_cancel_while_the_money_is_taken(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;
    stage.world.provider.expire("max");

    for (order, customer) in [("1", "eva"), ("2", "max")] {
        stage.buy(order, customer, 1).await;
        stage.until_money_is_held().await;
        stage.world.provider.wire.hang();
        stage.seconds(5).await;
        assert!(stage.cancel(order).await.pending);
        stage.seconds(5).await;
        stage.world.provider.wire.mend();
        stage.end_of(order).await;
    }

    assert_eq!(stage.end_of("1").await, Status::Shipped, "the money was taken");
    assert_eq!(stage.times_said("1", "order.cancel_refused"), 1);
    assert_eq!(stage.end_of("2").await, Status::Cancelled, "the money could not be taken");
    let tally = stage.quiet().await;
    assert_eq!((tally.captured, tally.held, tally.voided, tally.parcels), (1, 0, 1, 1));
}

/// X13: "racing: exactly one winner". The wish comes at any moment of a slow purchase.
pub async fn x13_cancel_at_any_moment(stage: &mut Stage) {
    let a_moment = Duration::from_millis(100);
    stage.stock("ipad", 20).await;
    stage.machine.delay(move |_, _| a_moment);
    for moments in 0..20 {
        let id = moments.to_string();
        stage.customer(&id, "AT").await;
        stage.buy(&id, &id, 1).await;
        stage.pass(a_moment * moments).await;
        stage.cancel(&id).await;
    }

    let tally = stage.quiet().await;
    assert!(tally.shipped > 0 && tally.cancelled > 0, "{tally:?}");
    assert_eq!(tally.shipped + tally.cancelled, 20);
    assert_eq!((tally.captured, tally.parcels), (tally.shipped, tally.shipped));
    assert!(stage.orders().await.iter().all(|row| row.pending_cancel.is_none()));
}

/// X13: "after pivot: 409".
pub async fn x13_cancel_too_late(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;

    stage.buy("1", "eva", 1).await;
    stage.end_of("1").await;
    let noted = stage.cancel("1").await;

    assert_eq!((noted.status, noted.pending), (Status::Shipped, false));
    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.captured, tally.voided), (1, 1, 0));
}
