//! The beginning of a run, handed to its lane in the same process.
//!
//! Goal: whoever is told that a run has begun finds it whatever dies then, and of two who begin the same with
//! different inputs one is told so, whichever way either came. Method: a process with all lanes, and one with none;
//! batches that fail, and disks that tell late.

use crate::lane::precommit::Disk;
use crate::lane::shop::{
    Buy, CHARGES, Inventory, Order, Reserve, Till, dying, ended, orchestrated, order, world,
};
use async_trait::async_trait;
use ballet::clock::rest;
use ballet::memory::{Fate, Node, Point, World};
use ballet::store::{Entered, Inboxed, Joined, LaneId, Slot, Store};
use ballet::{App, Error, ErrorKind, Outcome, Plan, Running, Saga, ask};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn is_of_the_saga(point: &Point) -> bool {
    let (Point::Commit(lane) | Point::Enter(lane) | Point::Committed(lane)) = point else {
        return false;
    };
    lane.group == "buy"
}

/// A process, and how often something of the saga came by an inbox.
fn counting(world: &World) -> (Node, Arc<AtomicUsize>) {
    let entered = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&entered);
    let node = world.node_with(move |point| {
        let enters = is_of_the_saga(point) && matches!(point, Point::Enter(_));
        counts.fetch_add(usize::from(enters), Ordering::SeqCst);
        Fate::Go
    });
    (node, entered)
}

async fn ready(app: &Running) {
    while !app.is_ready() {
        rest(Duration::from_millis(10)).await;
    }
}

async fn charged(app: &Running, id: &str) -> Option<u64> {
    app.row::<Till, _, _>(CHARGES, &id.to_owned()).await.unwrap()
}

async fn begin(app: &Running, order: &Order) -> Result<Outcome, ErrorKind> {
    let run = app.begin::<Buy>(&order.id, order).await.map_err(|told| told.kind())?;
    Ok(ended(&run).await)
}

#[tokio::test(start_paused = true)]
async fn what_begins_in_the_process_of_its_lane_is_in_no_inbox() {
    let world = world();
    let (node, entered) = counting(&world);
    let app = orchestrated(&node).await;
    ready(&app).await;
    for id in ["1", "2", "3"] {
        assert_eq!(begin(&app, &order(id, 5)).await, Ok(Outcome::Completed));
        assert_eq!(begin(&app, &order(id, 5)).await, Ok(Outcome::Completed));
        assert_eq!(begin(&app, &order(id, 6)).await, Err(ErrorKind::Conflict));
        assert_eq!(charged(&app, id).await, Some(5));
    }
    assert_eq!(entered.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn what_begins_elsewhere_comes_by_the_inbox() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    ready(&app).await;
    let (other, entered) = counting(&world);
    let client = App::new(other.store()).broker(other.broker()).start().await.unwrap();
    assert_eq!(begin(&client, &order("1", 5)).await, Ok(Outcome::Completed));
    assert_eq!(entered.load(Ordering::SeqCst), 1);
    assert_eq!(begin(&app, &order("1", 6)).await, Err(ErrorKind::Conflict));
    assert_eq!(begin(&client, &order("1", 6)).await, Err(ErrorKind::Conflict));
}

/// Its entry waits, and the lane has not been told of it.
#[tokio::test(start_paused = true)]
async fn who_has_entered_before_comes_first_and_whoever_is_handed_another_input_is_told_so() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    ready(&app).await;
    let other = world.node();
    let client = App::new(other.store()).broker(other.broker()).start().await.unwrap();
    for n in 0..20 {
        let id = n.to_string();
        let first = client.begin::<Buy>(&id, &order(&id, 5)).await.unwrap();
        assert_eq!(begin(&app, &order(&id, 6)).await, Err(ErrorKind::Conflict));
        assert_eq!(ended(&first).await, Outcome::Completed);
        assert_eq!(charged(&app, &id).await, Some(5));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_who_begin_the_same_at_once_with_different_inputs_one_is_told() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    ready(&app).await;
    for n in 0..20 {
        let id = n.to_string();
        let (five, six) = (order(&id, 5), order(&id, 6));
        let (one, other) = tokio::join!(begin(&app, &five), begin(&app, &six));
        let won = match (one, other) {
            (Ok(Outcome::Completed), Err(ErrorKind::Conflict)) => 5,
            (Err(ErrorKind::Conflict), Ok(Outcome::Completed)) => 6,
            both => panic!("{both:?}"),
        };
        assert_eq!(charged(&app, &id).await, Some(won));
    }
}

/// However often the batch fails, and whether it has happened all the same.
#[tokio::test(start_paused = true)]
async fn what_was_handed_over_is_begun_once_though_its_batch_fails() {
    for times in 1..=4 {
        for is_after in [false, true] {
            let (world, mut failed) = (world(), 0);
            let node = world.node_with(move |point| {
                let fails = is_of_the_saga(point)
                    && match point {
                        Point::Commit(_) => !is_after,
                        Point::Committed(_) => is_after,
                        _ => false,
                    };
                failed += usize::from(fails);
                if fails && failed <= times { Fate::Fail } else { Fate::Go }
            });
            let app = orchestrated(&node).await;
            ready(&app).await;
            assert_eq!(begin(&app, &order("1", 5)).await, Ok(Outcome::Completed));
            assert_eq!(charged(&app, "1").await, Some(5));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_told_that_a_run_has_begun_finds_it_wherever_its_process_died() {
    for at in 1..=8 {
        let world = world();
        let node = dying(&world, at, is_of_the_saga);
        let app = orchestrated(&node).await;
        let told = tokio::select! {
            begun = async { ready(&app).await; app.begin::<Buy>("1", &order("1", 5)).await } => {
                begun.is_ok()
            }
            () = rest(Duration::from_secs(60)) => false,
        };
        assert_eq!(told, at > 2, "its batch is the first, before and after its commit");
        if told {
            let heir = world.node();
            let heir = orchestrated(&heir).await;
            assert_eq!(ended(&heir.run::<Buy>("1")).await, Outcome::Completed, "at {at}");
            assert_eq!(charged(&heir, "1").await, Some(5));
        }
    }
}

/// A transaction of a caller's own, as far as its lane sees it.
struct Own(Arc<dyn Store>);

#[async_trait]
impl Joined for Own {
    async fn incarnation(&mut self) -> Result<Option<u32>, Error> {
        Ok(Some(self.0.incarnation()))
    }

    async fn enter(
        &mut self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        self.0.enter(lane, entry, unless).await
    }
}

/// While such a transaction is open no batch is written with something that was handed over.
#[tokio::test(start_paused = true)]
async fn after_somebody_has_begun_in_a_transaction_of_his_own_the_inbox_is_used_for_a_while() {
    let world = world();
    let (node, entered) = counting(&world);
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.saga(Buy).reactor(Inventory).reactor(Till).start().await.unwrap();
    ready(&app).await;
    let mut own = Own(node.store());
    app.begin_in::<Buy>(&mut own, "own", &order("own", 5)).await.unwrap();
    for n in 1..=9 {
        let id = n.to_string();
        assert_eq!(begin(&app, &order(&id, 5)).await, Ok(Outcome::Completed));
        assert_eq!(entered.load(Ordering::SeqCst), 1 + n);
        rest(Duration::from_secs(1)).await;
    }
    rest(Duration::from_secs(2)).await;
    assert_eq!(begin(&app, &order("10", 5)).await, Ok(Outcome::Completed));
    assert_eq!(entered.load(Ordering::SeqCst), 10);
}

/// A saga whose first command cannot be made for a while.
struct Shaky;

/// How often it breaks still.
static BREAKS: AtomicUsize = AtomicUsize::new(3);

impl Saga for Shaky {
    const NAME: &'static str = "buy";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin().step("reserve", ask(Self::reserve).pivot()).end()
    }
}

impl Shaky {
    fn reserve(order: &Order) -> Reserve {
        let broke =
            BREAKS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(broke.is_err(), "it breaks");
        Reserve { id: order.id.clone() }
    }
}

#[tokio::test(start_paused = true)]
async fn a_beginning_that_cannot_be_handled_at_once_is_left_to_the_inbox_and_goes_on_there() {
    let world = world();
    let (node, entered) = counting(&world);
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(Shaky).reactor(Inventory).start().await.unwrap();
    ready(&app).await;
    let run = app.begin::<Shaky>("1", &order("1", 5)).await.unwrap();
    assert_eq!(entered.load(Ordering::SeqCst), 1);
    assert_eq!(ended(&run).await, Outcome::Completed);
    assert_eq!(BREAKS.load(Ordering::SeqCst), 0);
    assert_eq!(begin(&app, &order("1", 6)).await, Err(ErrorKind::Conflict));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_that_a_run_has_begun_before_that_is_on_the_disk() {
    for is_lost in [false, true] {
        let (world, disk) = (world(), Disk::default());
        let node = world.node();
        let app = App::new(Arc::new(disk.store(&node))).broker(node.broker()).lanes(1);
        let app = app.saga(Buy).start().await.unwrap();
        ready(&app).await;
        let order = order("1", 5);
        let mut beginning = std::pin::pin!(app.begin::<Buy>("1", &order));
        tokio::select! {
            told = &mut beginning => panic!("{:?} is not on the disk", told.map(|run| run.id().to_owned())),
            () = rest(Duration::from_secs(2)) => {}
        }
        assert_eq!(disk.waits(), 1);
        let lost = || Err(Error::new(ErrorKind::Unknown, "the disk does not say"));
        disk.tell(if is_lost { lost() } else { Ok(()) });
        let tells = async {
            loop {
                rest(Duration::from_millis(10)).await;
                disk.tell(Ok(()));
            }
        };
        tokio::select! {
            told = beginning => assert_eq!(told.unwrap().id(), "1"),
            () = tells => {}
        }
    }
}

/// Nobody knows what became of its batch.
#[tokio::test(start_paused = true)]
async fn who_is_not_answered_for_a_minute_goes_by_the_inbox() {
    let (world, disk) = (world(), Disk::default());
    let node = world.node();
    let app = App::new(Arc::new(disk.store(&node))).broker(node.broker()).lanes(1);
    let app = app.saga(Buy).start().await.unwrap();
    ready(&app).await;
    let begun = ballet::clock::Stopwatch::start();
    let run = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(60));
    assert_eq!(run.id(), "1");
}
