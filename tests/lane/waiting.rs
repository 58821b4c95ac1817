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
    let outcome = run.outcome_within(A_WHILE).await.unwrap();
    assert_eq!((outcome, finds.swap(0, Ordering::SeqCst)), (None, 0), "it was begun here");
    let outcome = run.outcome_within(A_WHILE).await.unwrap();
    assert_eq!((outcome, finds.swap(0, Ordering::SeqCst)), (None, 1), "it is looked at once");
    let (other, finds) = serve().await;
    let outcome = other.run::<Wait>("1").outcome_within(A_WHILE);
    assert_eq!(outcome.await.unwrap(), None);
    assert!(finds.load(Ordering::SeqCst) > 3, "the lane is another's");
    let ended = other.run::<Wait>("1");
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    let (mine, theirs) = tokio::join!(run.outcome(), ended.outcome());
    assert_eq!((mine.unwrap(), theirs.unwrap()), (Outcome::Completed, Outcome::Completed));
}

fn counting(store: Arc<dyn Store>) -> (Arc<Spoiled>, Arc<AtomicUsize>) {
    let spoiled = Spoiled::of(store);
    let finds = Arc::clone(&spoiled.finds);
    (Arc::new(spoiled), finds)
}
