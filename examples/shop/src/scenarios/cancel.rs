//! Customers who change their minds (G12).

use crate::contracts::{Reason, Status};
use crate::stage::{Stage, Whim};
use std::time::Duration;

/// X13: "customer cancels before pivot: cancelled".
pub async fn x13_cancel_before_the_money_is_taken(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.provider().hang().await;

    stage.buy("1", "eva", 1).await;
    stage.provider().until_called(1).await;
    assert!(stage.cancel("1").await.pending);
    stage.provider().mend().await;

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
    stage.provider().expire("max").await;

    for (order, customer) in [("1", "eva"), ("2", "max")] {
        let calls = stage.provider().calls().await;
        stage.provider().hang_after(1).await;
        stage.buy(order, customer, 1).await;
        stage.provider().until_called(calls + 2).await;
        assert!(stage.cancel(order).await.pending);
        stage.until_said(order, "order.cancel_requested").await;
        stage.seconds(5).await;
        stage.provider().mend().await;
        stage.end_of(order).await;
    }

    assert_eq!(stage.end_of("1").await, Status::Shipped, "the money was taken");
    assert_eq!(stage.end_of("2").await, Status::Cancelled, "the money could not be taken");
    let tally = stage.quiet().await;
    assert_eq!(stage.times_said("1", "order.cancel_refused").await, 1);
    assert_eq!((tally.captured, tally.held, tally.voided, tally.parcels), (1, 0, 1, 1));
}

/// X13: "racing: exactly one winner". The wish comes at any moment of a slow purchase.
pub async fn x13_cancel_at_any_moment(stage: &mut Stage) {
    stage.stock("ipad", 21).await;
    stage.crowd((0..20).map(|moment| moment.to_string()).chain(["slow".to_owned()])).await;
    stage.broker(Whim::Dawdle(Duration::from_millis(100)));
    let begun = stage.now();
    stage.buy("slow", "slow", 1).await;
    assert_eq!(stage.end_of("slow").await, Status::Shipped);
    let a_moment = stage.now().since(begun) / 15;
    for moments in 0..20 {
        let id = moments.to_string();
        stage.buy(&id, &id, 1).await;
        stage.pass(a_moment * moments).await;
        stage.cancel(&id).await;
    }

    let tally = stage.quiet().await;
    assert!(tally.shipped > 0 && tally.cancelled > 0, "{tally:?}");
    assert_eq!(tally.shipped + tally.cancelled, 21);
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
