//! What the simulation relies on in the pair in memory.

use ballet::clock::{RuntimeClock, Time, rest};
use ballet::memory::World;
use ballet::store::{Advance, Begun, LaneId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_process_that_is_killed_while_it_stands_still_lets_go_of_its_transaction() {
    let world = World::new(Arc::new(RuntimeClock::starting_at(Time::default())));
    let (node, lane) = (world.node(), LaneId::new("till", 0));
    let taken = node.store().take(&lane).await.expect("the lane is taken");
    let advance = Advance {
        lane: lane.clone(),
        epoch: taken.epoch,
        batch: taken.batch,
        positions: BTreeMap::new(),
        published: 0,
        said: ballet::clock::Time::default(),
    };
    let Ok(Begun::Open(mut batch)) = node.store().begin(&advance).await else {
        panic!("the batch is begun");
    };
    node.freeze();
    let working = tokio::spawn(async move { batch.inbox(1).await.is_ok() });
    rest(Duration::from_secs(1)).await;
    node.kill();
    let other = world.node().store();
    let next = tokio::time::timeout(Duration::from_secs(10), other.take(&lane)).await;
    assert!(next.is_ok_and(|taken| taken.is_ok()), "the next one waits for a dead process");
    working.abort();
}
