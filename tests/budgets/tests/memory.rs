//! What one saga and one purchase take over the pair in memory: messages, their bytes, and what is allocated.
//!
//! Time is virtual and all runs in one thread, so that nothing depends on how fast the machine is. What is
//! allocated is counted by thread, so tests beside each other do not meet.

use ballet::clock::{RuntimeClock, Time, rest};
use ballet::memory::World;
use budgets::{Lone, Purchases, Sagas, each, keep};
use compare::WAYS;
use compare::ground::Place;
use shop::cast::Cast;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// When the day begins.
const MIDNIGHT: Time = Time::from_micros(1_700_006_400_000_000);
/// Longer than anybody has something to say after the end of a purchase.
const QUIET: Duration = Duration::from_secs(20);

/// Which of them go first, and which are counted: all numbers of these have three digits.
const FIRST: Range<u64> = 100..150;
const COUNTED: Range<u64> = 150..250;

/// How many messages the log holds, and how large they are.
fn said(world: &World) -> [u64; 2] {
    let topics = world.topics();
    let messages = topics.iter().flat_map(|topic| world.topic(topic));
    messages.fold([0, 0], |[count, bytes], said| [count + 1, bytes + said.encode().len() as u64])
}

/// Counts what one takes, `beside` so many messages that are in no log.
fn is_kept<L: Lone>(who: &str, beside: f64, open: impl AsyncFnOnce(Place) -> L) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    let (world, lone) = runtime.block_on(async {
        let world = World::new(Arc::new(RuntimeClock::starting_at(MIDNIGHT)));
        let lone = open(Place::Memory(world.node())).await;
        each(&lone, FIRST).await.unwrap();
        rest(QUIET).await;
        (world, lone)
    });
    let (before, commits) = (said(&world), lone.commits());
    let allocated = allocation_counter::measure(|| runtime.block_on(each(&lone, COUNTED)).unwrap());
    runtime.block_on(rest(QUIET));
    let (after, commits) = (said(&world), lone.commits() - commits);
    runtime.block_on(lone.close()).unwrap();
    let one = |all: u64| all as f64 / (COUNTED.end - COUNTED.start) as f64;
    keep(
        who,
        &[
            ("messages", beside + one(after[0] - before[0])),
            ("bytes of messages", one(after[1] - before[1])),
            ("commits", one(commits)),
            ("allocations", one(allocated.count_total)),
            ("bytes allocated", one(allocated.bytes_total)),
        ],
    );
}

/// What begins a saga is in no log.
#[test]
fn a_saga_of_five_steps_keeps_its_budgets_in_memory() {
    is_kept("a saga in memory", 1.0, async |place| Sagas::at(place).await.unwrap());
}

fn a_purchase_keeps(who: &str, cast: Cast) {
    let open = async |place| Purchases::at(place, cast, COUNTED.end).await.unwrap();
    is_kept(who, 0.0, open);
}

#[test]
fn a_purchase_with_a_coordinator_keeps_its_budgets_in_memory() {
    a_purchase_keeps("a purchase with a coordinator in memory", WAYS[0].1);
}

#[test]
fn a_purchase_by_reactions_keeps_its_budgets_in_memory() {
    a_purchase_keeps("a purchase by reactions in memory", WAYS[1].1);
}
