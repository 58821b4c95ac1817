//! Go or no go, and waits: what holds a choreography together.

use crate::lane::bank::{Bank, Cancel, HELD, Money, Order, Pack, counter};
use crate::lane::shop::{dying, world};
use ballet::memory::{Point, World};
use ballet::store::LaneId;
use ballet::{Key, Running};
use std::time::Duration;

async fn ask<C: ballet::Command<Reply = ()>>(app: &Running, key: &str, command: &C) {
    let asked = app.request(key, &Key::new("1"), command).await.unwrap();
    assert_eq!(asked.reply(Duration::from_secs(60)).await.unwrap(), Some(Ok(())));
}

async fn order(app: &Running) {
    ask(app, "order", &Order { id: "1".into(), cents: 70 }).await;
}

/// The names of what was said of the order, in order of their writing.
fn said(world: &World, topic: &str) -> Vec<String> {
    world.topic(topic).into_iter().map(|message| message.envelope.name.to_string()).collect()
}

async fn quiet(secs: u64) {
    ballet::clock::rest(Duration::from_secs(secs)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_comes_first_shuts_the_door_for_the_pivot() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    order(&app).await;
    ask(&app, "cancel", &Cancel { id: "1".into() }).await;
    quiet(5).await;
    ask(&app, "pack", &Pack { id: "1".into() }).await;
    quiet(5).await;
    assert_eq!(said(&world, "b.money"), ["b.cancelled"]);
    assert_eq!(bank.balance(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_comes_after_the_pivot_is_too_late() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    order(&app).await;
    ask(&app, "pack", &Pack { id: "1".into() }).await;
    quiet(5).await;
    ask(&app, "cancel", &Cancel { id: "1".into() }).await;
    quiet(5).await;
    assert_eq!(said(&world, "b.money"), ["b.paid", "b.too-late"]);
    assert_eq!(bank.balance(), 70);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_meets_the_pivot_under_way_waits_for_it() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(20));
    let app = counter(&world.node(), &bank).await;
    order(&app).await;
    ask(&app, "pack", &Pack { id: "1".into() }).await;
    quiet(2).await;
    ask(&app, "cancel", &Cancel { id: "1".into() }).await;
    quiet(5).await;
    assert_eq!(said(&world, "b.money"), [] as [&str; 0]);
    quiet(30).await;
    assert_eq!(said(&world, "b.money"), ["b.paid", "b.too-late"]);
}

/// G4: the compensation arrives before the action it takes back.
#[tokio::test(start_paused = true)]
async fn a_compensation_before_its_action_shuts_the_door() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    ask(&app, "cancel", &Cancel { id: "1".into() }).await;
    quiet(5).await;
    order(&app).await;
    quiet(5).await;
    let held = app.row::<Money, _, _>(HELD, &"1".to_owned()).await.unwrap();
    assert_eq!(held, None, "nothing is held for an order that was cancelled before it came");
    assert_eq!(said(&world, "b.money"), ["b.cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn the_race_of_cancel_and_pivot_has_one_winner_wherever_the_process_dies() {
    for which in [
        |point: &Point| matches!(point, Point::Commit(_)),
        |point: &Point| matches!(point, Point::Committed(_)),
        |point: &Point| matches!(point, Point::Produced(_)),
    ] {
        let mut at = 1;
        while races_on(at, which).await {
            at += 1;
        }
        assert!(at >= 4, "only {at} points");
    }
}

async fn races_on(at: usize, which: fn(&Point) -> bool) -> bool {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(1));
    let node = dying(&world, at, which);
    let app = counter(&node, &bank).await;
    let id = || "1".to_owned();
    let about = Key::new("1");
    let asks = async {
        app.request("order", &about, &Order { id: id(), cents: 70 }).await.unwrap();
        app.request("pack", &about, &Pack { id: id() }).await.unwrap();
        app.request("cancel", &about, &Cancel { id: id() }).await.unwrap();
        quiet(20).await;
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), asks).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();
    let app = counter(&world.node(), &bank).await;
    app.request("order", &about, &Order { id: id(), cents: 70 }).await.unwrap();
    app.request("pack", &about, &Pack { id: id() }).await.unwrap();
    app.request("cancel", &about, &Cancel { id: id() }).await.unwrap();
    quiet(60).await;
    let mut said = said(&world, "b.money");
    said.sort();
    said.dedup();
    match bank.balance() {
        0 => assert_eq!(said, ["b.cancelled"], "point {at}"),
        70 => assert_eq!(said, ["b.paid", "b.too-late"], "point {at}"),
        other => panic!("point {at}: the balance is {other}"),
    }
    died
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_ends_is_over_in_time_and_once() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    order(&app).await;
    quiet(3500).await;
    assert!(!said(&world, "b.orders").contains(&"b.gave-up".to_owned()));
    quiet(7200).await;
    let gave_up = said(&world, "b.orders").into_iter().filter(|name| name == "b.gave-up");
    assert_eq!(gave_up.count(), 1);
    let batches = || app.health().into_values().map(|health| health.batches).sum::<u64>();
    let before = batches();
    quiet(100).await;
    assert_eq!(batches(), before, "its timer rings no more");
    for lane in 0..2 {
        let taken = world.node().store().take(&LaneId::new("front", lane)).await.unwrap();
        assert_eq!(taken.due, None, "its timer is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_has_ended_says_nothing() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    order(&app).await;
    ask(&app, "pack", &Pack { id: "1".into() }).await;
    quiet(7200).await;
    assert_eq!(said(&world, "b.orders"), ["b.ordered", "b.packed"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_asks_once_and_another_body_is_refused() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    for _ in 0..3 {
        order(&app).await;
    }
    assert_eq!(said(&world, "b.orders"), ["b.ordered"]);
    let other = Order { id: "1".into(), cents: 71 };
    let told = app.request("order", &Key::new("1"), &other).await.unwrap_err();
    assert_eq!(told.kind(), ballet::ErrorKind::Conflict);
}
