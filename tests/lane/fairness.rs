//! Turns: what comes without a pause holds up nothing else.
//!
//! Goal: a lane reads answers however many begins wait in its inbox. Method: begins follow on each other so fast
//! that there is always one, and a run that was begun before them must end meanwhile.

use crate::lane::shop::{Buy, orchestrated, order, world};
use ballet::Outcome;
use futures::future::join_all;

/// Whoever looks into the inbox first whenever something is there never comes to the log.
#[tokio::test(start_paused = true)]
async fn a_run_ends_while_others_begin_without_a_pause() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    let first = app.begin::<Buy>("first", &order("first", 7)).await.unwrap();
    let buyer = async |buyer: usize| {
        for number in 0..200 {
            let id = format!("{buyer}/{number}");
            app.begin::<Buy>(&*id, &order(&id, 7)).await.unwrap();
        }
    };
    tokio::select! {
        biased;
        ended = first.outcome() => assert_eq!(ended.unwrap(), Outcome::Completed),
        _ = join_all((0..16).map(buyer)) => panic!("it waited until nobody began any more"),
    }
}
