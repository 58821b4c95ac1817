//! Ownership: zombies are fenced, an unknown commit is asked after, time does not pass for who is behind.

use crate::lane::echo::{Dials, Room, WORDS, heard, serve, stamped};
use crate::lane::shop::ended;
use crate::lane::shop::{Buy, Desk, orchestrated, order, world};
use ballet::clock::rest;
use ballet::memory::{Fate, Node, Point};
use ballet::message::Outgoing;
use ballet::store::{Advance, Begun, LaneId, Taken, Writes};
use ballet::{App, Outcome, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_frozen_owner_that_wakes_up_is_fenced() {
    let mut room = Room::open().await;
    room.say("a", 1);
    assert_eq!(room.heard_after("a", 1).await, [1]);
    room.node.freeze();
    room.say("a", 2);
    let other = room.world.node();
    let app = serve(&other, &room.dials, Settings::default()).await;
    rest(Duration::from_secs(5)).await;
    assert_eq!(heard(&app, "a").await, [1, 2]);

    room.node.thaw();
    room.say("a", 3);
    rest(Duration::from_secs(10)).await;
    assert_eq!(heard(&app, "a").await, [1, 2, 3]);
}

/// A process that was replaced and does not know it takes the lane once more, commits, hears that the lane is not
/// its own, and goes. Its owner has nothing to do, and must find that out all the same: what that batch says is
/// not published, its timers do not fire and its calls are not made (found by a world drawn from a seed).
#[tokio::test(start_paused = true)]
async fn an_owner_that_rests_notices_that_it_was_replaced_and_publishes_what_was_left() {
    let mut room = Room::open().await;
    room.say("a", 1);
    assert_eq!(room.heard_after("a", 1).await, [1]);

    let (store, lane) = (room.world.node().store(), LaneId::new("echo", 0));
    let Taken { epoch, batch, positions, .. } = store.take(&lane).await.unwrap();
    let advance = Advance {
        lane,
        epoch,
        batch,
        positions,
        published: batch,
        said: ballet::clock::Time::default(),
    };
    let Begun::Open(mut open) = store.begin(&advance).await.unwrap() else { panic!("it is ours") };
    let message = room.message("b", 7);
    let outgoing = vec![Outgoing { topic: WORDS.name.into(), partition: 0, message }];
    open.flush(Writes { outgoing, ..Writes::default() }).await.unwrap();
    open.commit().await.unwrap();

    assert_eq!(room.heard_after("b", 15).await, [7]);
}

/// Fails at a point `times` times.
fn failing(
    times: usize,
    which: impl Fn(&Point) -> bool + Send + 'static,
) -> (impl FnMut(&Point) -> Fate + Send + 'static, Arc<AtomicUsize>) {
    let (failed, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&counted);
    let hook = move |point: &Point| {
        if !which(point) || failed.fetch_add(1, Ordering::SeqCst) >= times {
            return Fate::Go;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Fate::Fail
    };
    (hook, counted)
}

async fn completes_though(times: usize, which: impl Fn(&Point) -> bool + Send + 'static) {
    let world = world();
    let (hook, failed) = failing(times, which);
    let node = world.node_with(hook);
    let app = orchestrated(&node).await;
    let mut begun = app.begin::<Buy>("1", &order("1", 5)).await;
    while begun.is_err() {
        begun = app.begin::<Buy>("1", &order("1", 5)).await;
    }
    assert_eq!(ended(&begun.unwrap()).await, Outcome::Completed);
    let id = "1".to_owned();
    let holds = app.row::<crate::lane::shop::Inventory, _, _>(crate::lane::shop::HOLDS, &id).await;
    assert_eq!(holds.unwrap(), Some(1));
    let paid = app.row::<crate::lane::shop::Till, _, _>(crate::lane::shop::CHARGES, &id).await;
    assert_eq!(paid.unwrap(), Some(5));
    assert_eq!(failed.load(Ordering::SeqCst), times, "the points are not there any more");
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_which_nobody_knows_whether_it_happened_is_asked_after() {
    for times in 1..=5 {
        completes_though(times, |point| matches!(point, Point::Committed(_))).await;
        completes_though(times, |point| matches!(point, Point::Commit(_))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_fails_before_or_after_it_appended_gets_it_again_and_it_counts_once() {
    for times in 1..=5 {
        completes_though(times, |point| matches!(point, Point::Produce(_))).await;
        completes_though(times, |point| matches!(point, Point::Produced(_))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_only_delays() {
    completes_though(20, |point| matches!(point, Point::Begin(_))).await;
    completes_though(2, |point| matches!(point, Point::Entered(_))).await;
}

/// All lanes may be in that place at once: if nobody said so, the process would look well for as long as it
/// can do nothing (found by a disk that was full when it committed).
#[tokio::test(start_paused = true)]
async fn a_lane_that_cannot_ask_after_its_commit_says_why() {
    let world = world();
    let away = Arc::new(AtomicBool::new(false));
    let (gone, mut is_first) = (Arc::clone(&away), true);
    let node = world.node_with(move |point| match point {
        Point::Committed(_) if std::mem::take(&mut is_first) => {
            gone.store(true, Ordering::SeqCst);
            Fate::Fail
        }
        Point::Begin(_) if gone.load(Ordering::SeqCst) => Fate::Fail,
        _ => Fate::Go,
    });
    let app = serve(&node, &Dials::default(), Settings::default()).await;
    world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    rest(Duration::from_secs(3)).await;
    assert!(away.load(Ordering::SeqCst) && !app.is_ready(), "{:?}", app.health());
    let told: Vec<_> = app.health().into_values().filter_map(|health| health.told).collect();
    assert_eq!(told, ["the test lets Begin(LaneId { group: \"echo\", lane: 0 }) fail"]);

    away.store(false, Ordering::SeqCst);
    rest(Duration::from_secs(5)).await;
    assert!(app.is_ready(), "{:?}", app.health());
    assert_eq!(heard(&app, "a").await, [1]);
}

/// The coordinator is down for two minutes while the answers wait in the log: its steps had a minute,
/// and must not be taken for late when it comes back (H16).
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_coordinator_does_not_make_healthy_runs_late() {
    use crate::lane::shop::{Inventory, Till};
    let world = world();
    let services = world.node();
    let serve = ballet::App::new(services.store()).broker(services.broker());
    let _services = serve.reactor(Inventory).reactor(Till).start().await.unwrap();
    // It dies when its first command is on its way, and before it hears the reply.
    let node = crate::lane::shop::dying(
        &world,
        2,
        |point| matches!(point, Point::Commit(lane) if lane.group == "buy"),
    );
    let coordinator = ballet::App::new(node.store()).broker(node.broker()).saga(Buy);
    let coordinator = coordinator.start().await.unwrap();
    coordinator.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    rest(Duration::from_secs(120)).await;
    assert!(!node.is_alive());
    drop(coordinator);

    let node = world.node();
    let coordinator = ballet::App::new(node.store()).broker(node.broker()).saga(Buy);
    let coordinator = coordinator.start().await.unwrap();
    assert_eq!(ended(&coordinator.run::<Buy>("1")).await, Outcome::Completed);
}

/// It stands still for two minutes while it waits, and when it wakes its deadlines have passed (H16).
#[tokio::test(start_paused = true)]
async fn whoever_stood_still_while_it_waited_reads_what_waits_before_its_deadlines_fire() {
    use crate::lane::shop::{Inventory, Till};
    let world = world();
    let (services, node) = (world.node(), world.node());
    let serve = App::new(services.store()).broker(services.broker()).lanes(1);
    let _services = serve.reactor(Inventory).reactor(Till).start().await.unwrap();
    world.delay(|_, _| Duration::from_secs(2));
    let coordinator = App::new(node.store()).broker(node.broker()).lanes(1).saga(Buy);
    let coordinator = coordinator.start().await.unwrap();
    coordinator.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    rest(Duration::from_secs(3)).await;
    node.freeze();
    rest(Duration::from_secs(120)).await;
    node.thaw();
    assert_eq!(ended(&coordinator.run::<Buy>("1")).await, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_publishes_what_the_old_one_left_before_anything_of_its_own() {
    let world = world();
    let node = crate::lane::shop::dying(&world, 1, |point| matches!(point, Point::Produce(_)));
    let app = orchestrated(&node).await;
    app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    rest(Duration::from_secs(1)).await;
    assert!(!node.is_alive());
    drop(app);
    let app = orchestrated(&world.node()).await;
    app.begin::<Buy>("2", &order("2", 5)).await.unwrap();
    for id in ["1", "2"] {
        assert_eq!(ended(&app.run::<Buy>(id)).await, Outcome::Completed);
    }
    let mut edges = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for message in world.topic("inventory.commands") {
        let stamp = message.envelope.stamp.as_ref().unwrap();
        edges.entry(format!("{}/{}", stamp.source, stamp.lane)).or_default().push(stamp.seq);
    }
    for (edge, mut seqs) in edges {
        let sorted = seqs.is_sorted();
        seqs.dedup();
        assert!(sorted, "{edge} is out of order: {seqs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_move_between_processes_that_come_and_go() {
    let world = world();
    let dials = Dials::default();
    let (one, two) = (world.node(), world.node());
    let first = serve(&one, &dials, Settings::default()).await;
    world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    rest(Duration::from_secs(1)).await;
    let second = serve(&two, &dials, Settings::default()).await;
    world.append(WORDS.name, 0, stamped("a", 2, 2).encode());
    rest(Duration::from_secs(1)).await;
    first.stop().await;
    one.kill();
    world.append(WORDS.name, 0, stamped("a", 3, 3).encode());
    rest(Duration::from_secs(2)).await;
    assert_eq!(heard(&second, "a").await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_lane_over_is_not_ready_before_it_has_it() {
    let world = world();
    let (one, two) = (world.node(), world.node());
    let serve = async |node: &Node| {
        let app = App::new(node.store()).broker(node.broker()).lanes(2).reactor(Desk);
        app.start().await.expect("the app starts")
    };
    let (_first, second) = (serve(&one).await, serve(&two).await);
    rest(Duration::from_secs(2)).await;
    assert!(second.is_ready() && second.health().len() == 1, "{:?}", second.health());

    // Somebody else is in a transaction, so nobody can take anything.
    let (store, lane) = (world.node().store(), LaneId::new("aside", 0));
    store.register(&lane, &BTreeMap::new()).await.unwrap();
    let Taken { epoch, batch, positions, .. } = store.take(&lane).await.unwrap();
    let advance = Advance {
        lane,
        epoch,
        batch,
        positions,
        published: 0,
        said: ballet::clock::Time::default(),
    };
    let Begun::Open(batch) = store.begin(&advance).await.unwrap() else { panic!("it is ours") };
    one.kill();
    rest(Duration::from_secs(2)).await;
    assert!(!second.is_ready(), "{:?}", second.health());
    batch.roll_back().await;
    rest(Duration::from_secs(2)).await;
    assert!(second.is_ready() && second.health().len() == 2, "{:?}", second.health());
}
