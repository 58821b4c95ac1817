//! Waiting for what a lane writes.
//!
//! Goal: whoever waits does not keep the store busy. Method: a store counts how often it is looked into from
//! outside while nothing happens.

use crate::lane::bank::Consent;
use crate::lane::shop::{order, world};
use crate::lane::spoiled::Spoiled;
use crate::lane::timing::Wait;
use ballet::clock::{Stopwatch, rest};
use ballet::store::Store;
use ballet::{App, Outcome, Settings};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const A_WHILE: Duration = Duration::from_millis(1_500);

/// Who waits for what this process writes is told of it, and asks the store next to never. What another writes
/// must be looked for.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_what_this_process_writes_does_not_ask_the_store() {
    let world = world();
    let serve = async || {
        let (node, waiter) = (world.node(), Wait::default());
        let (spoiled, finds) = counting(node.store());
        let app = App::new(spoiled).broker(node.broker()).saga(waiter).start().await.unwrap();
        (app, finds)
    };
    let ((owner, finds), _) = (serve().await, rest(Duration::from_secs(5)).await);
    let run = owner.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    assert_eq!(run.outcome_within(A_WHILE).await.unwrap(), None);
    assert_eq!(finds.swap(0, Ordering::SeqCst), 1, "it was begun here: only at the end");
    let ((other, theirs), _) = (serve().await, rest(Duration::from_secs(5)).await);
    let mut looks = Vec::new();
    for (app, finds) in [(&owner, finds), (&other, theirs)] {
        assert_eq!(app.run::<Wait>("1").outcome_within(A_WHILE).await.unwrap(), None);
        looks.push(finds.load(Ordering::SeqCst));
    }
    looks.sort_unstable();
    assert_eq!(looks[0], 2, "whoever has the lane looks at first and at the end");
    assert!(looks[1] > 3, "and who has not, in between: {looks:?}");
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    let ended = other.run::<Wait>("1");
    let (mine, theirs) = tokio::join!(run.outcome(), ended.outcome());
    assert_eq!((mine.unwrap(), theirs.unwrap()), (Outcome::Completed, Outcome::Completed));
}

/// Two processes share the lanes, and one of them begins everything and waits for it. Until the other has found that
/// somebody writes to it that takes as long as [`Settings::poll`](ballet::Settings) says; then milliseconds.
#[tokio::test(start_paused = true)]
async fn what_another_process_does_is_seen_within_milliseconds() {
    let world = world();
    let mut apps = Vec::new();
    for _ in 0..2 {
        let node = world.node();
        let app = App::new(node.store()).broker(node.broker()).saga(Wait::default());
        apps.push(app.start().await.unwrap());
    }
    rest(Duration::from_secs(5)).await;
    let mut longest = Vec::new();
    for round in 0..4 {
        let mut took = Duration::ZERO;
        for n in 0..8 {
            let (id, began) = (format!("{round}/{n}"), Stopwatch::start());
            let run = apps[0].begin::<Wait>(&*id, &order(&id, 7)).await.unwrap();
            run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
            assert_eq!(run.outcome().await.unwrap(), Outcome::Completed);
            took = took.max(began.elapsed());
        }
        longest.push(took);
    }
    let poll = Settings::default().poll;
    assert!(longest[0] <= 2 * poll, "{longest:?}");
    assert!(longest[1..].iter().all(|took| *took <= Duration::from_millis(50)), "{longest:?}");
}

/// However many wait, the store is asked by one statement for all of them.
#[tokio::test(start_paused = true)]
async fn of_a_hundred_that_wait_elsewhere_one_looks() {
    let world = world();
    let (node, mut looks) = (world.node(), Vec::new());
    let owner = App::new(node.store()).broker(node.broker()).saga(Wait::default());
    let owner = owner.start().await.unwrap();
    let (node, (spoiled, finds)) = (world.node(), counting(world.node().store()));
    // It serves nothing, so every lane is elsewhere.
    let client = App::new(spoiled).broker(node.broker()).start().await.unwrap();
    for waiting in [1, 100] {
        let ids: Vec<_> = (0..waiting).map(|n| format!("{waiting}/{n}")).collect();
        for id in &ids {
            owner.begin::<Wait>(&**id, &order(id, 7)).await.unwrap();
        }
        // By now nothing happens any more.
        rest(A_WHILE).await;
        finds.store(0, Ordering::SeqCst);
        let runs: Vec<_> = ids.iter().map(|id| client.run::<Wait>(id)).collect();
        let all = runs.iter().map(|run| run.outcome_within(A_WHILE));
        assert!(join_all(all).await.into_iter().all(|told| told.unwrap().is_none()));
        // Each looks at first and at the end.
        looks.push(finds.load(Ordering::SeqCst) - 2 * waiting);
    }
    assert!((4..20).contains(&looks[0]) && looks[1] <= looks[0] + 3, "{looks:?}");
}

/// Nobody else writes, so nobody looks for it more often than [`Settings::poll`](ballet::Settings) says, however much is done.
#[tokio::test(start_paused = true)]
async fn a_process_that_is_alone_looks_seldom_however_much_it_does() {
    let (node, spoiled) = (world().node(), Spoiled::of(world().node().store()));
    let (waits, spoiled) = (Arc::clone(&spoiled.waits), Arc::new(spoiled));
    let app = App::new(spoiled).broker(node.broker()).saga(Wait::default()).start().await.unwrap();
    rest(Duration::from_secs(5)).await;
    waits.store(0, Ordering::SeqCst);
    let began = Stopwatch::start();
    for n in 0..500 {
        let run = app.begin::<Wait>(n.to_string(), &order(&n.to_string(), 7)).await.unwrap();
        run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
        assert_eq!(run.outcome().await.unwrap(), Outcome::Completed);
        rest(Duration::from_millis(n % 37)).await;
    }
    let polls = began.elapsed().div_duration_f64(Settings::default().poll);
    let looks = waits.load(Ordering::SeqCst) as f64;
    assert!(polls > 5.0 && looks <= polls + 1.0, "{looks} looks in the time of {polls} polls");
}

fn counting(store: Arc<dyn Store>) -> (Arc<Spoiled>, Arc<AtomicUsize>) {
    let spoiled = Spoiled::of(store);
    let finds = Arc::clone(&spoiled.finds);
    (Arc::new(spoiled), finds)
}
