//! The split pair does the same again.
//!
//! Goal: what failed once can be played again, step by step. Method: everything that passes through the
//! pair is written down in order, for a world in which two nodes serve both modes, one of them freezes and
//! wakes, and commits are lost; the same world is played several times.

use crate::lane::shop::{Buy, TOO_MUCH, both, order, world};
use ballet::Key;
use ballet::clock::rest;
use ballet::memory::{Fate, Node, Point};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Frozen for a while, perhaps in the middle of a transaction.
async fn asleep(node: Node) {
    node.freeze();
    rest(Duration::from_millis(40)).await;
    node.thaw();
}

/// What happened, in order.
async fn play() -> Vec<String> {
    let (world, trace) = (world(), Arc::new(Mutex::new(Vec::new())));
    let hook = |name: &'static str, every: usize| {
        let (trace, mut count) = (Arc::clone(&trace), 0);
        move |point: &Point| {
            trace.lock().unwrap().push(format!("{name} {point:?}"));
            count += usize::from(matches!(point, Point::Committed(_)));
            let is_lost = matches!(point, Point::Committed(_)) && count.is_multiple_of(every);
            if is_lost { Fate::Fail } else { Fate::Go }
        }
    };
    let (one, two) = (world.node_with(hook("one", 7)), world.node_with(hook("two", 11)));
    let (first, second) = (both(&one).await, both(&two).await);
    for n in 0..12 {
        let (id, cents) = (format!("{n}"), if n % 3 == 0 { TOO_MUCH + 1 } else { 5 });
        first.begin::<Buy>(id.clone(), &order(&id, cents)).await.unwrap();
        let (id, about) = (format!("d{n}"), Key::new(format!("d{n}")));
        first.request(&id, &about, &order(&id, cents)).await.unwrap();
        if n == 4 {
            tokio::spawn(asleep(two.clone()));
        }
        rest(Duration::from_millis(7)).await;
    }
    rest(Duration::from_secs(120)).await;
    drop((first, second));
    std::mem::take(&mut *trace.lock().unwrap())
}

#[test]
fn the_same_world_is_played_the_same_way_again() {
    let once = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(play())
    };
    let first = once();
    assert!(first.len() > 500, "only {} steps", first.len());
    for _ in 0..4 {
        let again = once();
        let differs = first.iter().zip(&again).position(|(one, other)| one != other);
        assert_eq!(differs.map(|at| (at, &first[at], &again[at])), None);
        assert_eq!(first.len(), again.len());
    }
}
