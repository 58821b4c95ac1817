//! Every step fails once, and what was not done is taken back.

use crate::contracts::{FRAUD, INVENTORY, Reason, SHIPPING};
use crate::fakes::Held;
use crate::order::NewOrder;
use crate::stage::Stage;
use std::time::Duration;

/// G2: "fail at every step index in turn: exactly the expected compensations, in order". What was not
/// done is not taken back, what was done is, once; and money is let go before stock is given back.
pub async fn g02_each_step_fails(stage: &mut Stage) {
    stage.stock("ipad", 50).await;
    stage.crowd(["cheap", "rich", "big", "slow", "poor", "late", "fine"].map(str::to_owned)).await;
    stage.customer("far", "AQ").await;
    stage.provider().decline("poor").await;
    stage.provider().expire("slow").await;
    let cheap = NewOrder { total_minor: 5, ..Stage::basket("cheap", 1, "ipad") };
    stage.place("cheap", cheap).await;
    stage.place("big", Stage::basket("big", 1, "iphone")).await;
    stage.buy("rich", "rich", 2).await;
    for order in ["poor", "far", "nobody", "slow", "fine"] {
        stage.buy(order, order, 1).await;
    }
    stage.quiet().await;
    stage.kill(FRAUD).await;
    stage.buy("late", "late", 1).await;
    stage.end_of("late").await;
    stage.start(FRAUD).await;
    one_ipad_too_many(stage).await;
    stage.quiet().await;

    let (invalid, cancelled) = ("order.invalidated", "order.cancelled");
    let (stock, money, parcel) = ("stock.released", "payment.voided", "shipment.cancelled");
    for (order, step, expected) in [
        ("cheap", "check-details", vec![invalid, stock]),
        ("rich", "assess-fraud", vec![invalid, stock]),
        ("keen-3", "check-limit", vec![invalid, stock]),
        ("big", "reserve-stock", vec![invalid]),
        ("late", "the checks", vec![cancelled, stock]),
        ("poor", "authorize", vec![cancelled, stock]),
        ("far", "prepare-shipment", vec![cancelled, money, stock]),
        ("nobody", "prepare-shipment", vec![cancelled, money, stock]),
        ("slow", "capture", vec![cancelled, money, parcel, stock]),
        ("fine", "none", vec![]),
    ] {
        let lines = stage.taken_back(order).await;
        let mut taken_back: Vec<&str> = lines.iter().flat_map(|line| line.split(", ")).collect();
        let at = |fact: &str| lines.iter().position(|line| line.contains(fact));
        assert!(at(money).is_none() || at(money) < at(stock), "{order}: {lines:?}");
        taken_back.sort_unstable();
        assert_eq!(taken_back, expected, "{order} fails at {step}");
    }
    let books = stage.books().await;
    let held = |order: &str| {
        let mine = books.authorizations.values().filter(|known| known.payer == order);
        mine.map(|known| known.held).collect::<Vec<_>>()
    };
    for order in ["cheap", "rich", "keen-3", "big", "late", "poor"] {
        assert_eq!(held(order), [], "{order}: nothing was asked for");
    }
    for order in ["far", "nobody", "slow"] {
        assert_eq!(held(order), [Held::Voided], "{order}");
    }
    assert_eq!(held("fine"), [Held::Captured]);
}

/// A customer who is patient enough not to look like fraud wants a third iPad in a day.
async fn one_ipad_too_many(stage: &mut Stage) {
    stage.customer("keen", "AT").await;
    stage.require("limit").await;
    stage.buy("keen-1", "keen", 1).await;
    for order in ["keen-2", "keen-3"] {
        stage.pass(stage.settings().fraud_window + Duration::from_secs(1)).await;
        stage.buy(order, "keen", 1).await;
    }
    assert_eq!(stage.failed_checks_of("keen-3").await, ["limit"]);
}

/// G4: "anti-hanging": an order is cancelled while a service is away that was to do something for it;
/// when it is back nothing of that stays done. That it may hear of the end before the beginning is for
/// the services alone to stand: `tests/stories/alone.rs`.
pub async fn g04_taken_back_before_it_was_done(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.kill(INVENTORY).await;

    stage.buy("1", "eva", 1).await;
    stage.seconds(2).await;
    stage.cancel("1").await;
    stage.seconds(60).await;
    stage.start(INVENTORY).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
    assert_eq!(stage.quiet().await.captured, 0);
    assert_eq!(stage.provider().calls().await, 0);
    let reserved = stage.times_said("1", "stock.reserved").await;
    assert_eq!(reserved, stage.times_said("1", "stock.released").await);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// G4, where what is to be taken back was set aside, for the customer is not known yet: when she is, it is not
/// done any more, or done and taken back.
pub async fn g04_taken_back_while_it_waits_to_be_done(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.buy("1", "eva", 1).await;
    stage.until_money_is_held().await;
    stage.seconds(5).await;
    stage.cancel("1").await;
    stage.seconds(5).await;
    stage.customer("eva", "AT").await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
    let tally = stage.quiet().await;
    assert_eq!((tally.parcels, tally.captured, tally.voided), (0, 0, 1));
    let prepared = stage.times_said("1", "shipment.prepared").await;
    assert_eq!(prepared, stage.times_said("1", "shipment.cancelled").await);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// G4, where topics overtake each other: Shipping was away and finds beginning and end at once, in whatever
/// order they are read.
pub async fn g04_taken_back_and_asked_for_at_once(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.kill(SHIPPING).await;
    stage.buy("1", "eva", 1).await;
    stage.until_money_is_held().await;
    stage.seconds(2).await;
    stage.cancel("1").await;
    // Whoever was asked something may have it done: that is waited for.
    stage.seconds(900).await;
    stage.start(SHIPPING).await;

    assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
    let tally = stage.quiet().await;
    assert_eq!((tally.parcels, tally.captured, tally.voided), (0, 0, 1));
    let prepared = stage.times_said("1", "shipment.prepared").await;
    assert_eq!(prepared, stage.times_said("1", "shipment.cancelled").await);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}
