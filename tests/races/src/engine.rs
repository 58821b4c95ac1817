//! What lanes share with the task that publishes, and with clients.

#[path = "../../../framework/src/engine/desk.rs"]
mod desk;
#[path = "../../../framework/src/engine/handover.rs"]
mod handover;
#[path = "../../../framework/src/engine/hub.rs"]
mod hub;
#[path = "../../../framework/src/engine/queue.rs"]
mod queue;

/// What the hub keeps of lanes, which nobody here looks at.
mod health {
    #[derive(Clone)]
    pub(crate) struct Health;
    impl Health {
        pub(crate) const fn is_well(&self) -> bool {
            true
        }
    }
}

use crate::store::{Entered, Inboxed, LaneId, Slot, Space, Value};
use crate::sync::{Mutex, every_order};
use handover::Handover;
use hub::{Hub, Version};
use loom::future::block_on;
use loom::thread;
use queue::Queue;
use std::sync::Arc;

/// The publisher takes what a lane appends, and the lane waits until all of it has been acknowledged.
#[test]
fn what_is_handed_over_is_published_in_order_and_whoever_waits_for_it_is_told() {
    every_order(|| {
        let handover = Arc::new(Handover::new(Queue::of(1, vec![(1, Vec::new())])));
        let publisher = Arc::clone(&handover);
        let task = thread::spawn(move || {
            block_on(async {
                let mut published = 0;
                while published < 2 {
                    let next = publisher.next().await;
                    for (batch, _) in &next {
                        published += 1;
                        assert_eq!(*batch, published);
                    }
                    publisher.acknowledged(next.len());
                }
            });
        });
        handover.append(2, Vec::new());
        block_on(async {
            while handover.published() < 2 {
                handover.progress().await;
            }
        });
        assert!(!handover.is_busy());
        task.join().expect("the publisher ends");
    });
}

/// A client looks after it has begun to watch: what is written before it looks is seen, what is written
/// after it began is told.
#[test]
fn who_watches_before_it_looks_misses_nothing() {
    every_order(|| {
        let (hub, row) = (Hub::default(), Arc::new(Mutex::new(0)));
        let slot = Slot::new(Space::Runs, "buy", "1");
        let (lane, written, at) = (hub.clone(), Arc::clone(&row), slot.clone());
        let lane = thread::spawn(move || {
            *written.lock().expect("a row") = 1;
            lane.written([(at, Some(Value::plain("1")))].into_iter());
        });
        let watching = hub.watch(&slot, Version::Every);
        block_on(async {
            while *row.lock().expect("a row") == 0 {
                watching.written().await;
            }
        });
        lane.join().expect("the lane ends");
    });
}

/// A lane looks at its desk, and waits until somebody is there; two clients come.
#[test]
fn whoever_hands_something_to_a_lane_is_answered_however_late_the_lane_looks() {
    every_order(|| {
        let (hub, lane) = (Hub::default(), LaneId::new("group", 0));
        let bell = hub.lane(&lane);
        bell.desk.open();
        let clients = ["1", "2"].map(|id| {
            let (hub, lane) = (hub.clone(), lane.clone());
            thread::spawn(move || {
                let entry =
                    Inboxed { id: id.into(), key: ballet::Key::new(id), body: Vec::new().into() };
                let slot = Slot::new(Space::Runs, "saga", id);
                let answer = hub.hand(&lane, &entry, &slot).expect("it is open");
                block_on(answer.told())
            })
        });
        let mut answered = 0;
        while answered < 2 {
            block_on(bell.desk.come());
            for mut handed in bell.desk.take(1) {
                handed.tell(Entered::New);
                handed.answer();
                answered += 1;
            }
        }
        for client in clients {
            assert_eq!(client.join().expect("it ends"), Some(Entered::New));
        }
    });
}
