//! What a lane says stands in the log in order, and what was never committed does not; and whoever lets a lane
//! go lets it come to rest first.

use crate::lane::bank::{Bank, CancelAsked, GaveUp, ORDERS, Ordered, Packed, Travel, Trip, travel};
use crate::lane::echo::{Dials, WORDS, serve, stamped};
use crate::lane::shop::{Buy, Inventory, Till, dying, ended, orchestrated, order, world};
use ballet::clock::{Clock, Time, rest};
use ballet::memory::{Fate, Node, Point, World};
use ballet::store::LaneId;
use ballet::{
    App, Fault, Message, Outcome, Reactions, Reactor, Running, Settings, Tx, after, react,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The numbers of what a lane of the coordinator has said to a service, in the order of the log.
fn numbers(world: &World, topic: &str) -> Vec<u64> {
    let said = world.topic(topic).into_iter();
    let seq = |message: Message| message.envelope.stamp.as_ref().map(|stamp| stamp.seq);
    said.map(|message| seq(message).expect("a lane stamps what it says")).collect()
}

/// Every number once and in order; at least so many, for whoever is not answered asks again.
fn assert_in_order(world: &World, at_least: u64) {
    let numbers = numbers(world, "inventory.commands");
    let count = numbers.len() as u64;
    assert!(count >= at_least, "{numbers:?}");
    assert_eq!(numbers, (1..=count).collect::<Vec<u64>>());
}

/// The coordinator alone, with one lane.
async fn coordinator(node: &Node) -> Running {
    coordinator_with(node, Settings::default()).await
}

async fn coordinator_with(node: &Node, settings: Settings) -> Running {
    let app = App::new(node.store()).broker(node.broker()).lanes(1).settings(settings);
    app.saga(Buy).start().await.expect("the app starts")
}

async fn services(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    app.reactor(Inventory).reactor(Till).start().await.expect("the app starts")
}

/// A node whose broker is away as long as that is so.
fn without_a_broker(world: &World, away: &Arc<AtomicBool>) -> Node {
    let away = Arc::clone(away);
    world.node_with(move |point| match point {
        Point::Produce(_) if away.load(Ordering::SeqCst) => Fate::Fail,
        _ => Fate::Go,
    })
}

/// Edges would put it right again, but not on a compacted topic, and not for those who read without them.
#[tokio::test(start_paused = true)]
async fn what_a_lane_says_stands_in_the_log_in_the_order_of_its_numbers() {
    let (world, away) = (world(), Arc::new(AtomicBool::new(true)));
    let node = without_a_broker(&world, &away);
    let app = coordinator(&node).await;
    for wave in 0..3 {
        let begun = (0..10).map(|run| {
            let id = format!("{wave}/{run}");
            let app = &app;
            async move { app.begin::<Buy>(id, &order("1", 5)).await.map(drop) }
        });
        futures::future::try_join_all(begun).await.unwrap();
        rest(Duration::from_secs(1)).await;
    }
    assert!(numbers(&world, "inventory.commands").is_empty());
    node.kill();
    drop(app);

    let _next = coordinator(&world.node()).await;
    rest(Duration::from_secs(5)).await;
    assert_in_order(&world, 30);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_before_it_is_committed() {
    let (world, fails) = (world(), AtomicUsize::new(5));
    let node = world.node_with(move |point| match point {
        Point::Commit(lane) if lane.group == "buy" => {
            let left = fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if left.is_ok() { Fate::Fail } else { Fate::Go }
        }
        _ => Fate::Go,
    });
    let app = orchestrated(&node).await;
    let run = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    for topic in ["inventory.commands", "till.commands"] {
        assert_eq!(numbers(&world, topic), [1], "{topic}");
    }
}

/// Each hop takes twenty seconds, so a step is asked four times before its first answer is here; and it has a
/// minute.
#[tokio::test(start_paused = true)]
async fn an_answer_to_an_earlier_attempt_is_as_good_as_one_to_the_last() {
    let world = world();
    world.delay(|_, _| Duration::from_secs(20));
    let app = orchestrated(&world.node()).await;
    let run = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_says_what_it_has_written_before_another_takes_its_lane() {
    let (world, away) = (world(), Arc::new(AtomicBool::new(true)));
    let app = coordinator(&without_a_broker(&world, &away)).await;
    let _other = coordinator(&world.node()).await;
    app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    rest(Duration::from_secs(1)).await;
    let back = async {
        rest(Duration::from_secs(2)).await;
        away.store(false, Ordering::SeqCst);
    };
    tokio::join!(app.stop(), back);
    rest(Duration::from_secs(10)).await;
    assert_in_order(&world, 1);
}

/// Its lane goes to another process and comes back while it is still coming to rest.
#[tokio::test(start_paused = true)]
async fn a_lane_that_comes_back_waits_until_it_has_come_to_rest() {
    let (world, away) = (world(), Arc::new(AtomicBool::new(true)));
    let (elder, younger) = (without_a_broker(&world, &away), without_a_broker(&world, &away));
    let _first = coordinator(&elder).await;
    rest(Duration::from_secs(1)).await;
    let app = coordinator(&younger).await;
    elder.freeze();
    rest(Duration::from_secs(1)).await;
    app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    rest(Duration::from_secs(1)).await;

    elder.thaw();
    rest(Duration::from_millis(100)).await;
    elder.freeze();
    rest(Duration::from_secs(2)).await;
    away.store(false, Ordering::SeqCst);
    rest(Duration::from_secs(20)).await;
    assert!(app.is_ready(), "{:?}", app.health());
    assert_in_order(&world, 1);
}

#[tokio::test(start_paused = true)]
async fn a_position_stands_where_the_effects_of_its_batch_do() {
    let world = world();
    let node = dying(&world, 1, |point| matches!(point, Point::Committed(_)));
    let app = serve(&node, &Dials::default(), Settings::default()).await;
    world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    rest(Duration::from_secs(1)).await;
    assert!(!node.is_alive());
    drop(app);
    let taken = world.node().store().take(&LaneId::new("echo", 0)).await.unwrap();
    assert_eq!(taken.positions[WORDS.name].next, 1);
    assert_eq!(taken.batch, 1);
}

/// The coordinator stands still for two minutes, and reads one message at a time when it goes on: the answers
/// that wait in the log come before its deadlines (H16).
#[tokio::test(start_paused = true)]
async fn whoever_stood_still_reads_what_waits_before_its_deadlines_fire() {
    let world = world();
    let (node, desk) = (world.node(), world.node());
    let _services = services(&desk).await;
    world.delay(|_, _| Duration::from_secs(2));
    let app = coordinator_with(&node, Settings { batch: 1, ..Settings::default() }).await;
    // Timers ring in the order of the ids, and answers come in the order of the questions.
    for id in ["3", "2", "1"] {
        app.begin::<Buy>(id, &order(id, 5)).await.unwrap();
    }
    rest(Duration::from_secs(1)).await;
    node.freeze();
    rest(Duration::from_secs(120)).await;
    node.thaw();
    for id in ["1", "2", "3"] {
        assert_eq!(ended(&app.run::<Buy>(id)).await, Outcome::Completed);
    }
}

/// An hour for a person to say yes, most of which passes when nobody is there.
#[tokio::test(start_paused = true)]
async fn a_deadline_outlives_the_process_that_set_it() {
    let (world, bank) = (world(), Bank::default());
    let node = world.node();
    let app = travel(&node, &bank).await;
    app.begin::<Travel>("1", &Trip { id: "1".into(), fare: 500 }).await.unwrap();
    rest(Duration::from_secs(60)).await;
    node.kill();
    drop(app);
    let app = travel(&world.node(), &bank).await;
    let Outcome::Compensated(why) = ended(&app.run::<Travel>("1")).await else { panic!() };
    assert_eq!(why.to_string(), "consent said timed_out: no signal came in time");
}

#[tokio::test(start_paused = true)]
async fn every_message_lies_further_from_the_beginning_than_the_one_that_it_follows_from() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    let run = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    let messages = world.topics().into_iter().flat_map(|topic| world.topic(&topic));
    let hops: BTreeMap<_, _> =
        messages.map(|Message { envelope: of, .. }| (of.id, (of.hop, of.causation))).collect();
    let follows =
        hops.values().filter_map(|(hop, causation)| Some((hop, hops.get(causation.as_ref()?)?.0)));
    let pairs: Vec<(u32, u32)> = follows.map(|(hop, before)| (*hop, before)).collect();
    assert_eq!(pairs.len(), 3, "two answers, and the question that follows from the first");
    assert!(pairs.iter().all(|(hop, before)| *hop == before + 1), "{pairs:?}");
}

/// Waits for what is ordered to be packed, and hears of cancels, too.
struct Packing;

const SOON: Duration = Duration::from_secs(20);

impl Reactor for Packing {
    const NAME: &'static str = "packing";
    fn reactions() -> Reactions<Self> {
        let wait = after::<Ordered>().until::<(Packed,)>().within(SOON, Self::give_up);
        Reactions::new().on::<CancelAsked>(react(Self::hear)).expect("packed", wait)
    }
}

impl Packing {
    async fn hear(&self, _: &mut Tx, _: &CancelAsked) -> Result<(), Fault> {
        Ok(())
    }
    async fn give_up(&self, _: &mut Tx, e: &Ordered) -> Result<GaveUp, Fault> {
        Ok(GaveUp { id: e.id.clone() })
    }
}

/// Half a second passes between any two looks at it, as for somebody who is slow.
#[derive(Debug)]
struct SlowWorld(AtomicUsize);

impl Clock for SlowWorld {
    fn now(&self) -> Time {
        let looks = self.0.fetch_add(1, Ordering::SeqCst) as u64;
        Time::from_micros(1_700_000_000_000_000).after(Duration::from_millis(500 * looks))
    }
}

/// What ends the wait was said in time, and stands behind eighty messages, so that it is read after the
/// deadline: time does not pass for a lane that is so far behind (H16).
#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_fire_while_the_lane_is_behind() {
    let world = World::new(Arc::new(SlowWorld(AtomicUsize::new(0))));
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.settings(Settings { batch: 1, ..Settings::default() });
    let app = app.reactor_from_the_beginning(Packing).start().await.unwrap();
    // Not what it has to catch up with when it takes its lane.
    rest(Duration::from_secs(1)).await;
    let others = (0..80).map(|other| (format!("other-{other}"), "b.cancel-asked"));
    let said = [("1".to_owned(), "b.ordered")].into_iter().chain(others);
    for (n, (id, name)) in (1..).zip(said.chain([("1".to_owned(), "b.packed")])) {
        let mut message = stamped(&id, n, n);
        message.envelope_mut().name = name.into();
        message.body = format!(r#"{{"id":"{id}","cents":5}}"#).into();
        world.append(ORDERS.name, 0, message.encode());
    }
    rest(Duration::from_secs(60)).await;
    let gave_up = |said: &Message| said.envelope.name == "b.gave-up";
    assert!(!world.topic(ORDERS.name).iter().any(gave_up), "it was packed before the deadline");
    assert_eq!(app.dead_letters(10).await.unwrap(), []);
}
