//! What a broker may do to messages: repeat them, mix them up, carry garbage.

use crate::contracts::{Reason, Status};
use crate::stage::{Stage, Tally, Whim};
use ballet::ErrorKind;
use std::collections::BTreeSet;
use std::time::Duration;

/// Five purchases, each with another end, and what has to come of them.
async fn five_purchases(stage: &mut Stage) {
    stage.stock("ipad", 6).await;
    let people = [("fine", "AT"), ("greedy", "AT"), ("poor", "AT"), ("far", "AQ"), ("slow", "AT")];
    stage.save_all(people.map(|(id, country)| Stage::person(id, country)).into()).await;
    stage.provider().decline("poor").await;
    stage.provider().expire("slow").await;
    for (order, ipads) in [("fine", 1), ("greedy", 2), ("poor", 1), ("far", 1), ("slow", 1)] {
        stage.buy(order, order, ipads).await;
    }
}

async fn five_ends(stage: &mut Stage) {
    let tally = stage.quiet().await;
    let ends = Tally { shipped: 1, invalid: 1, cancelled: 3, ..Tally::default() };
    let effects = Tally { parcels: 1, letters: 5, captured: 1, voided: 2, ..ends };
    assert_eq!(tally, effects);
    assert_eq!(stage.end_of("fine").await, Status::Shipped);
    assert_eq!(stage.failed_checks_of("greedy").await, ["fraud"]);
    assert_eq!(stage.reason_of("poor").await, Some(Reason::Declined));
    assert_eq!(stage.reason_of("far").await, Some(Reason::Undeliverable));
    assert_eq!(stage.reason_of("slow").await, Some(Reason::CaptureFailed));
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// X16: "duplicates ×3 and reordering across topics of every message: same final state".
pub async fn x16_messages_repeat_and_overtake(stage: &mut Stage) {
    stage.broker(Whim::Repeat(3));
    stage.broker(Whim::MixUp(Duration::from_secs(3)));

    five_purchases(stage).await;
    five_ends(stage).await;
    let messages = stage.messages().await;
    let ids: BTreeSet<_> = messages.iter().map(|message| message.envelope.id).collect();
    assert_eq!(messages.len(), 3 * ids.len(), "every message has come three times");
}

/// G5: "resend each reply immediately and again after 5 min: no state change, counter increments". Not
/// only replies: everything that was ever said.
pub async fn g05_old_messages_come_again(stage: &mut Stage) {
    five_purchases(stage).await;
    stage.seconds(1).await;
    stage.replay_all().await;
    five_ends(stage).await;
    let (before, all) = (stage.books().await, stage.appended().await as u64);
    let dropped = stage.duplicates().await;
    assert!(dropped > 0, "whoever drops a message counts it");

    stage.seconds(300).await;
    stage.replay_all().await;
    five_ends(stage).await;
    let again = stage.duplicates().await - dropped;
    assert!(again > all / 2, "of {all} messages that came again {again} were dropped");
    stage.replay_all().await;
    five_ends(stage).await;

    assert_eq!(stage.duplicates().await - dropped, 3 * again, "twice as many came the second time");
    let after = stage.books().await;
    assert_eq!(before.orders, after.orders);
    assert_eq!(before.shelves, after.shelves);
    assert_eq!(before.reservations, after.reservations);
    assert_eq!(before.payments, after.payments);
    assert_eq!(before.shipments, after.shipments);
    assert_eq!(before.sent, after.sent);
    assert_eq!(before.addresses, after.addresses);
}

/// X17, F4: "poison message: DLQ, neighbours unaffected". Bytes that are none, in every partition of
/// every topic: each reader has one dead letter for each, which says what is wrong.
pub async fn x17_garbage(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.customer("max", "AT").await;
    stage.buy("1", "eva", 1).await;
    let letters = stage.garble().await;

    stage.buy("2", "max", 1).await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    assert_eq!(stage.end_of("2").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.captured, tally.parcels, tally.letters), (2, 2, 2, 2));
    let given_up = stage.given_up().await;
    assert_eq!(given_up.len(), letters);
    let garbage = |why: &String| why.contains("not a message");
    assert!(given_up.iter().all(garbage), "{given_up:?}");
    stage.write_off(letters);
}

/// X21: "same POST twice (same key) / same key different body: one order / 422".
pub async fn x21_same_request_twice(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    let order = || Stage::basket("eva", 1, "ipad");

    for _ in 0..3 {
        stage.place_under("key", "1", order()).await.expect("the same").expect("is taken up");
    }
    let another = stage.place_under("key", "1", Stage::basket("eva", 2, "ipad")).await;
    assert_eq!(another.map_err(|told| told.kind()), Err(ErrorKind::Conflict));
    let taken = stage.place_under("another key", "1", Stage::basket("eva", 2, "ipad")).await;
    let no = taken.expect("the key is new").expect_err("the number is taken");
    assert_eq!(no.code, "order_exists");

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.captured, tally.letters), (1, 1, 1));
    assert_eq!(stage.on_shelf("ipad").await, (4, 0));
}
