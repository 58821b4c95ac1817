//! Plans change while runs are under way (A3, H19).

use crate::lane::shop::ended;
use crate::lane::shop::{
    Buy, Charge, Held, Inventory, Order, Release, Reserve, Till, order, world,
};
use ballet::{App, Outcome, Plan, Saga, ask};
use std::time::Duration;

/// The next version of the saga: it charges before it reserves, and takes nothing back.
struct BuyLater;
impl Saga for BuyLater {
    const NAME: &'static str = "buy";
    const VERSION: u32 = 2;
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("charge", ask(Self::charge).pivot())
            .step("reserve", ask(Self::reserve))
            .end()
    }
}
impl BuyLater {
    fn charge(order: &Order) -> Charge {
        Charge { id: order.id.clone(), cents: order.cents }
    }
    fn reserve(order: &Order) -> Reserve {
        Reserve { id: order.id.clone() }
    }
}

async fn begin_fifty(world: &ballet::memory::World) {
    let node = world.node();
    // Nobody answers: the runs stay under way.
    let app = App::new(node.store()).broker(node.broker()).saga(Buy).start().await.unwrap();
    for n in 0..50 {
        let id = n.to_string();
        app.begin::<Buy>(&*id, &order(&id, 5)).await.unwrap();
    }
    ballet::clock::rest(Duration::from_secs(2)).await;
    app.stop().await;
    node.kill();
}

#[tokio::test(start_paused = true)]
async fn fifty_runs_under_way_finish_on_their_plan_and_new_ones_follow_the_new() {
    let world = world();
    begin_fifty(&world).await;
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(BuyLater).former(Buy).reactor(Inventory).reactor(Till);
    let app = app.start().await.unwrap();
    let new = app.begin::<BuyLater>("new", &order("new", 5)).await.unwrap();
    assert_eq!(ended(&new).await, Outcome::Completed);
    for n in 0..50 {
        let run = app.run::<Buy>(n.to_string());
        assert_eq!(ended(&run).await, Outcome::Completed);
        assert_eq!(run.journal().await.unwrap().unwrap().version, 1);
    }
    assert_eq!(new.journal().await.unwrap().unwrap().version, 2);
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_plan_that_a_process_does_not_know_wait_for_one_that_does() {
    let world = world();
    begin_fifty(&world).await;
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(BuyLater).reactor(Inventory).reactor(Till).start().await.unwrap();
    let new = app.begin::<BuyLater>("new", &order("new", 5)).await.unwrap();
    assert_eq!(ended(&new).await, Outcome::Completed);
    ballet::clock::rest(Duration::from_secs(10)).await;
    let first = app.run::<Buy>("0").outcome_within(Duration::from_secs(1)).await.unwrap();
    assert_eq!(first, None, "it waits");
    assert_eq!(app.dead_letters(10).await.unwrap(), []);
    app.stop().await;
    node.kill();

    let node = world.node();
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(BuyLater).former(Buy).reactor(Inventory).reactor(Till);
    let app = app.start().await.unwrap();
    for n in 0..50 {
        let outcome = ended(&app.run::<Buy>(n.to_string())).await;
        assert_eq!(outcome, Outcome::Completed, "run {n}");
    }
    let _ = |held: Held, release: Release| (held, release);
}

/// What is said to it is set aside and holds its key; nobody may take that for a run that has not begun (found by
/// reading).
#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_its_plan_is_known_to_whoever_begins_it_again() {
    let world = world();
    begin_fifty(&world).await;
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(BuyLater).reactor(Inventory).reactor(Till).start().await.unwrap();
    ballet::clock::rest(Duration::from_secs(10)).await;
    let set_aside =
        || app.health().into_values().flat_map(|at| at.parked.into_values()).sum::<usize>();
    let before = set_aside();
    assert!(before > 0);
    for n in 0..50 {
        let id = n.to_string();
        let told = app.begin::<BuyLater>(&*id, &order(&id, 6)).await.unwrap_err();
        assert_eq!(told.kind(), ballet::ErrorKind::Conflict);
        app.begin::<BuyLater>(&*id, &order(&id, 5)).await.unwrap();
    }
    assert_eq!(set_aside(), before);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_breaks_a_rule_is_refused_at_start_by_its_name() {
    struct Twice;
    impl Saga for Twice {
        const NAME: &'static str = "twice";
        type Input = Order;
        fn plan() -> Plan<Self> {
            Plan::begin()
                .step("reserve", ask(BuyLater::reserve).leaves_nothing())
                .step("reserve", ask(BuyLater::charge).pivot())
                .end()
        }
    }
    let world = world();
    let node = world.node();
    let started = App::new(node.store()).broker(node.broker()).saga(Twice).start().await;
    let told = started.unwrap_err();
    assert_eq!(told.kind(), ballet::ErrorKind::Definition);
    assert_eq!(told.to_string(), "saga `twice` has two steps `reserve`");
}
