//! Waiting for what a lane writes.
//!
//! Goal: whoever waits does not keep the store busy. Method: a store counts how often it is looked into from
//! outside while nothing happens.

use crate::lane::bank::Consent;
use crate::lane::shop::{order, world};
use crate::lane::spoiled::Spoiled;
use crate::lane::timing::Wait;
use ballet::clock::rest;
use ballet::store::Store;
use ballet::{App, Outcome};
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

fn counting(store: Arc<dyn Store>) -> (Arc<Spoiled>, Arc<AtomicUsize>) {
    let spoiled = Spoiled::of(store);
    let finds = Arc::clone(&spoiled.finds);
    (Arc::new(spoiled), finds)
}
