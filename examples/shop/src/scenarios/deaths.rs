//! Processes die, freeze, and are there twice; the broker goes.

use crate::contracts::Status;
use crate::stage::{Moment, Stage, Tally};

/// G8: "kill with outstanding replies, restart, start nothing: all finish".
pub async fn g08_power_cut(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.crowd(["a", "b", "c"].map(str::to_owned)).await;
    stage.provider().decline("b").await;
    stage.provider().hang().await;
    for customer in ["a", "b", "c"] {
        stage.buy(customer, customer, 1).await;
    }
    stage.provider().until_called(3).await;

    stage.kill_everybody().await;
    stage.seconds(60).await;
    stage.provider().mend().await;
    stage.revive().await;

    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.cancelled, tally.captured, tally.parcels), (2, 1, 2, 2));
    assert_eq!(stage.on_shelf("ipad").await, (3, 0));
}

/// X14: "crash at every failpoint: converges; effects once". A process that comes to
/// such a moment dies there, after it was spared so many times, and is started again; whether it
/// did.
pub async fn x14_death(
    stage: &mut Stage,
    (whom, moment, spared): (&'static str, Moment, usize),
    is_poor: bool,
) -> bool {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    if is_poor {
        stage.provider().decline("eva").await;
    }
    stage.doom(whom, moment, spared);

    stage.buy("1", "eva", 1).await;

    let tally = stage.quiet().await;
    let context = format!("`{whom}` is to die {moment:?} after {spared}");
    let ends = match is_poor {
        true => Tally { cancelled: 1, letters: 1, ..Tally::default() },
        false => Tally { shipped: 1, captured: 1, parcels: 1, letters: 1, ..Tally::default() },
    };
    assert_eq!(tally, ends, "{context}");
    assert_eq!(stage.on_shelf("ipad").await, (5 - i64::from(!is_poor), 0), "{context}");
    assert_eq!(stage.given_up().await, [""; 0], "{context}");
    stage.has_died()
}

/// X14: "crash × every service: converges; effects once". Whoever it is, and whatever they are doing, they
/// are killed when a purchase has just begun, and start again. The named moments are those of `x14_death`.
pub async fn x14_everybody_is_killed_once(stage: &mut Stage) {
    let everybody = stage.everybody();
    stage.stock("ipad", i64::try_from(everybody.len()).expect("they are few")).await;
    stage.crowd(everybody.iter().map(|name| (*name).to_owned())).await;

    for name in &everybody {
        stage.buy(name, name, 1).await;
        stage.kill(name).await;
        stage.start(name).await;
    }

    let (tally, all) = (stage.quiet().await, everybody.len());
    let effects =
        Tally { shipped: all, captured: all, parcels: all, letters: all, ..Tally::default() };
    assert_eq!(tally, effects);
    assert_eq!(stage.on_shelf("ipad").await, (0, 0));
    assert_eq!(stage.given_up().await, [""; 0]);
}

/// X15: "two coordinators; zombie coordinator: converges; no double command effect". Who leads, or else
/// who keeps the orders, is there twice. One freezes while purchases are under way, and the other goes on
/// with all of them; then it wakes up, and knows nothing of that.
pub async fn x15_the_first_is_there_twice_and_wakes_up_as_a_zombie(stage: &mut Stage) {
    let first = stage.everybody()[0];
    let orders: Vec<String> = (0..8).map(|order: u32| order.to_string()).collect();
    stage.stock("ipad", 8).await;
    stage.crowd(orders.clone()).await;
    stage.double(first).await;

    stage.provider().hang().await;
    for order in &orders[..4] {
        stage.buy(order, order, 1).await;
    }
    stage.provider().until_called(4).await;
    stage.freeze(first).await;
    stage.provider().mend().await;
    for order in &orders[4..] {
        stage.buy(order, order, 1).await;
    }
    for order in &orders {
        assert_eq!(stage.end_of(order).await, Status::Shipped);
    }
    stage.thaw(first).await;

    let tally = stage.quiet().await;
    let effects = Tally { shipped: 8, captured: 8, parcels: 8, letters: 8, ..Tally::default() };
    assert_eq!(tally, effects);
    assert_eq!(stage.on_shelf("ipad").await, (0, 0));
}

/// X19: "broker restart 30 s: converges". Purchases are under way when it goes, and another one is placed
/// while it is away.
pub async fn x19_the_broker_is_away(stage: &mut Stage) {
    stage.stock("ipad", 3).await;
    stage.crowd(["a", "b", "c"].map(str::to_owned)).await;
    stage.provider().decline("b").await;
    stage.provider().hang().await;
    for order in ["a", "b"] {
        stage.buy(order, order, 1).await;
    }
    stage.provider().until_called(2).await;

    stage.broker_goes().await;
    stage.provider().mend().await;
    stage.buy("c", "c", 1).await;
    stage.seconds(30).await;
    assert_eq!(stage.ended().await, 0, "nothing comes to an end");
    stage.broker_returns().await;

    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.cancelled, tally.captured, tally.parcels), (2, 1, 2, 2));
    assert_eq!(stage.on_shelf("ipad").await, (1, 0));
}
