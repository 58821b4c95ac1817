//! A handler that ends its process, again and again (H13).
//!
//! Goal: one thing that nobody survives costs a few restarts, and then itself alone. Method: lives of a
//! process follow one another, each until a handler kills it or all is quiet.

use crate::lane::echo::{Dial, Dials, Echo, Room, WORDS, heard, serve, stamped};
use crate::lane::shop::{dying, world};
use async_trait::async_trait;
use ballet::broker::{Broker, Member, Range, TopicSpec};
use ballet::memory::{Fate, Node, Point, World};
use ballet::message::Outgoing;
use ballet::{App, Error, ErrorKind, Running, Settings};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const QUIET: Duration = Duration::from_secs(30);

/// Lives until one of them is quiet for long; how many there were, and the last one.
async fn live(world: &World, dials: &Dials) -> (usize, Running) {
    for lives in 1..=30 {
        let node = world.node();
        dials.kills(&node);
        let app = serve(&node, dials, Settings::default()).await;
        ballet::clock::rest(QUIET).await;
        if node.is_alive() {
            return (lives, app);
        }
    }
    panic!("it dies for ever");
}

async fn dead(app: &Running) -> Vec<String> {
    let letters = app.dead_letters(100).await.unwrap();
    letters.into_iter().map(|letter| letter.reason).collect()
}

/// Three deaths make the lane careful, the next three are counted; then it is given up.
const DEATHS: usize = 6;

#[tokio::test(start_paused = true)]
async fn what_ends_its_process_is_given_up_and_its_neighbours_go_on() {
    let mut room = Room::open().await;
    room.node.kill();
    for n in 1..=9 {
        room.say(["a", "b"][n as usize % 2], n);
    }
    room.dials.set(5, Dial::Kill);
    let (lives, app) = live(&room.world, &room.dials).await;
    assert_eq!(lives, DEATHS + 1);
    assert_eq!(heard(&app, "a").await, [2, 4, 6, 8]);
    assert_eq!(heard(&app, "b").await, [1, 3, 7, 9]);
    assert_eq!(dead(&app).await, ["the process died 3 times while it was handled"]);

    room.say("a", 10);
    ballet::clock::rest(Duration::from_secs(1)).await;
    assert_eq!(heard(&app, "a").await, [2, 4, 6, 8, 10]);
}

#[tokio::test(start_paused = true)]
async fn two_that_end_their_process_are_both_found() {
    let mut room = Room::open().await;
    room.node.kill();
    for n in 1..=9 {
        room.say("a", n);
    }
    room.dials.set(2, Dial::Kill);
    room.dials.set(7, Dial::Kill);
    let (_, app) = live(&room.world, &room.dials).await;
    assert_eq!(heard(&app, "a").await, [1, 3, 4, 5, 6, 8, 9]);
    assert_eq!(dead(&app).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_handled_when_it_is_replayed_and_does_no_harm_any_more() {
    let mut room = Room::open().await;
    room.node.kill();
    room.say("a", 1);
    room.dials.set(1, Dial::Kill);
    let (_, app) = live(&room.world, &room.dials).await;
    room.dials.clear();
    let letter = app.dead_letters(1).await.unwrap().remove(0);
    app.replay(letter.id).await.unwrap();
    ballet::clock::rest(Duration::from_secs(1)).await;
    assert_eq!((heard(&app, "a").await, dead(&app).await), (vec![1], vec![]));
}

/// It comes through the inbox and not from the log, and is given up all the same.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_ends_its_process_when_it_is_replayed_is_dead_again() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.say("a", 1);
    ballet::clock::rest(Duration::from_secs(120)).await;
    let letter = room.app.dead_letters(1).await.unwrap().remove(0);
    room.dials.set(1, Dial::Kill);
    room.dials.kills(&room.node);
    room.app.replay(letter.id).await.unwrap();
    room.say("b", 2);
    ballet::clock::rest(QUIET).await;
    assert!(!room.node.is_alive());
    let (_, app) = live(&room.world, &room.dials).await;
    assert_eq!(dead(&app).await, ["the process died 3 times while it was handled"]);
    assert_eq!(heard(&app, "b").await, [2]);
}

/// An outage while suspects are tried says nothing about them.
#[tokio::test(start_paused = true)]
async fn a_store_that_fails_makes_no_suspect_guilty() {
    let (world, dials) = (world(), Dials::default());
    drop(serve(&world.node(), &dials, Settings::default()).await);
    for n in 1..=3 {
        world.append(WORDS.name, 0, stamped("a", n, n).encode());
    }
    dials.set(2, Dial::Kill);
    // Until the lane is careful.
    for _ in 0..4 {
        let node = world.node();
        dials.kills(&node);
        let _app = serve(&node, &dials, Settings::default()).await;
        ballet::clock::rest(QUIET).await;
        assert!(!node.is_alive());
    }
    dials.clear();
    let failures = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&failures);
    let node = world.node_with(move |point| match point {
        Point::Commit(_) if failed.fetch_add(1, Ordering::SeqCst) % 4 != 3 => Fate::Fail,
        _ => Fate::Go,
    });
    let app = serve(&node, &dials, Settings::default()).await;
    ballet::clock::rest(Duration::from_secs(600)).await;
    assert!(failures.load(Ordering::SeqCst) > 10, "the store has failed often");
    assert_eq!((heard(&app, "a").await, dead(&app).await), (vec![1, 2, 3], vec![]));
}

/// What stands behind it was set aside before anybody was careful.
#[tokio::test(start_paused = true)]
async fn what_stands_behind_one_that_ends_its_process_goes_on_when_that_is_given_up() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.dials.kills(&room.node);
    room.say("a", 1);
    room.say("a", 2);
    ballet::clock::rest(Duration::from_millis(1)).await;
    room.dials.set(1, Dial::Kill);
    ballet::clock::rest(QUIET).await;
    assert!(!room.node.is_alive());
    let (_, app) = live(&room.world, &room.dials).await;
    assert_eq!(dead(&app).await.len(), 1);
    assert_eq!(heard(&app, "a").await, [2]);
    room.say("a", 3);
    ballet::clock::rest(Duration::from_secs(1)).await;
    assert_eq!(heard(&app, "a").await, [2, 3]);
}

/// That it faulted before says nothing about deaths.
#[tokio::test(start_paused = true)]
async fn a_suspect_that_faulted_often_is_not_given_up_for_one_death() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.say("a", 1);
    ballet::clock::rest(Duration::from_secs(5)).await;
    room.node.kill();
    // Until the lane is careful; then it is set aside as a suspect, marked, and dies when it is tried.
    for commits in [1, 1, 1, 1, 3] {
        let node = dying(&room.world, commits, |point| matches!(point, Point::Commit(_)));
        let _app = serve(&node, &room.dials, Settings::default()).await;
        ballet::clock::rest(QUIET).await;
        assert!(!node.is_alive());
    }
    room.dials.clear();
    let app = serve(&room.world.node(), &room.dials, Settings::default()).await;
    ballet::clock::rest(QUIET).await;
    assert_eq!((heard(&app, "a").await, dead(&app).await), (vec![1], vec![]));
}

/// A process that ends in order, or has nothing to do, does not loop.
#[tokio::test(start_paused = true)]
async fn processes_that_come_and_go_with_nothing_to_do_are_no_loop() {
    let mut room = Room::open().await;
    room.heard_after("a", 1).await;
    room.node.kill();
    let before = room.app.health().into_values().next().unwrap().batches;
    for _ in 0..10 {
        let app = serve(&room.world.node(), &room.dials, Settings::default()).await;
        ballet::clock::rest(Duration::from_secs(5)).await;
        app.stop().await;
    }
    let app = serve(&room.world.node(), &room.dials, Settings::default()).await;
    ballet::clock::rest(Duration::from_secs(1)).await;
    let idle = app.health().into_values().next().unwrap().batches;
    (1..=50).for_each(|n| room.say("a", n));
    ballet::clock::rest(Duration::from_secs(1)).await;
    assert_eq!(heard(&app, "a").await.len(), 50);
    let after = app.health().into_values().next().unwrap().batches;
    assert!(after - idle < 50, "{before} {idle} {after}: one thing at a time");
}

/// A process that is told to end between saying what it is about to try and trying it.
#[tokio::test(start_paused = true)]
async fn orderly_stops_make_no_suspect_guilty() {
    let (world, dials) = (world(), Dials::default());
    drop(serve(&world.node(), &dials, Settings::default()).await);
    world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    dials.set(1, Dial::Kill);
    for _ in 0..3 {
        let node = world.node();
        dials.kills(&node);
        let _app = serve(&node, &dials, Settings::default()).await;
        ballet::clock::rest(QUIET).await;
        assert!(!node.is_alive());
    }
    dials.clear();
    let node = dying(&world, 1, |point| matches!(point, Point::Committed(_)));
    let app = serve(&node, &dials, Settings::default()).await;
    ballet::clock::rest(QUIET).await;
    assert!(!node.is_alive(), "it was set aside as a suspect");
    drop(app);
    for _ in 0..10 {
        let ends = Arc::new(AtomicBool::new(false));
        let (ending, mut is_marked) = (Arc::clone(&ends), false);
        let node = world.node_with(move |point| match point {
            Point::Committed(_) => {
                is_marked = true;
                Fate::Go
            }
            Point::Begin(_) if is_marked && !ending.load(Ordering::SeqCst) => Fate::Fail,
            _ => Fate::Go,
        });
        let app = serve(&node, &dials, Settings::default()).await;
        ballet::clock::rest(QUIET).await;
        ends.store(true, Ordering::SeqCst);
        app.stop().await;
    }
    let app = serve(&world.node(), &dials, Settings::default()).await;
    ballet::clock::rest(QUIET).await;
    assert_eq!((heard(&app, "a").await, dead(&app).await), (vec![1], vec![]));
}

/// Hands fifty messages to a lane that is well, and says in how many batches it has taken them.
async fn batches_for_fifty(world: &World, app: &Running) -> u64 {
    ballet::clock::rest(QUIET).await;
    let batches = || app.health().into_values().next().unwrap().batches;
    let before = batches();
    (1..=50).for_each(|n| world.append(WORDS.name, 0, stamped("a", n, n).encode()));
    // Longer than it takes to try twenty times.
    ballet::clock::rest(4 * QUIET).await;
    assert_eq!(heard(app, "a").await.len(), 50);
    batches() - before
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_again_and_again_is_no_death_of_its_process() {
    let (world, dials) = (world(), Dials::default());
    let mut begun = 0;
    let node = world.node_with(move |point| match point {
        Point::Begin(_) => {
            begun += 1;
            if begun <= 20 { Fate::Fail } else { Fate::Go }
        }
        _ => Fate::Go,
    });
    let app = serve(&node, &dials, Settings::default()).await;
    let batches = batches_for_fifty(&world, &app).await;
    assert!(batches < 50, "{batches} batches: one thing at a time");
}

/// A broker that does not say for a while what its topics hold.
struct Away(Node, AtomicUsize);

#[async_trait]
impl Broker for Away {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        self.0.broker().ensure(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.0.broker().partitions(topic).await
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        // At first it is there, when the group writes down where it begins.
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => self.0.broker().range(topic, partition).await,
            _ => Err(Error::new(ErrorKind::Broker, "it is away")),
        }
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        self.0.broker().produce(batches).await
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        self.0.broker().join(group, topics, lanes).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_is_no_death_of_whoever_waits_for_it() {
    let (world, dials) = (world(), Dials::default());
    let node = world.node();
    let broker = Arc::new(Away(node.clone(), AtomicUsize::default()));
    let app = App::new(node.store()).broker(broker).lanes(1);
    let waiting = app.reactor_from_the_beginning(Echo(dials.clone())).start().await.unwrap();
    ballet::clock::rest(QUIET).await;
    drop(waiting);
    node.kill();
    let app = serve(&world.node(), &dials, Settings::default()).await;
    let batches = batches_for_fifty(&world, &app).await;
    assert!(batches < 50, "{batches} batches: one thing at a time");
}
