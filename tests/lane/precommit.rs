//! A store that answers when a batch is precommitted, and tells later whether it is on the disk.
//!
//! Goal: a lane goes on meanwhile, and nothing leaves the process. Method: the store of a node writes at once, and
//! when that is told is for the test to say; what SQLite does when a commit is lost is tried in its own tests.

use crate::lane::bank::{Bank, Travel, Trip, travel_on};
use crate::lane::echo::{Dial, Dials, Echo, WORDS, heard, stamped};
use crate::lane::shop::{ended, world};
use crate::lane::spoiled::Spoiled;
use async_trait::async_trait;
use ballet::clock::{Time, rest};
use ballet::memory::{Node, World};
use ballet::store::{
    Batch, Begun, Commit, DeadLetter, Due, Found, InboxRow, Lock, Scan, Slot, Writes,
};
use ballet::{App, Error, ErrorKind, Outcome, Running};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Who waits to be told whether a batch is on the disk, in order.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<VecDeque<oneshot::Sender<Result<(), Error>>>>>);

impl Disk {
    pub fn waits(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Tells those who wait, of the first of which something else may be told.
    pub fn tell(&self, first: Result<(), Error>) {
        let mut first = Some(first);
        for tells in std::mem::take(&mut *self.0.lock().unwrap()) {
            // A lane that was taken again does not ask any more.
            let _ = tells.send(first.take().unwrap_or(Ok(())));
        }
    }

    /// A store over this disk.
    pub fn store(&self, node: &Node) -> Spoiled {
        let (store, disk) = (Spoiled::of(node.store()), self.clone());
        *store.begun.lock().unwrap() = Box::new(move |begun| match begun {
            Begun::Open(batch) => Begun::Open(Box::new(Early { batch, disk: disk.clone() })),
            lost @ Begun::Lost { .. } => lost,
        });
        store
    }
}

/// A batch that is precommitted before it is told to be committed.
struct Early {
    batch: Box<dyn Batch>,
    disk: Disk,
}

#[async_trait]
impl Batch for Early {
    fn now(&self) -> Time {
        self.batch.now()
    }

    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error> {
        self.batch.inbox(limit).await
    }

    async fn due(&mut self, limit: u32) -> Result<Due, Error> {
        self.batch.due(limit).await
    }

    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error> {
        self.batch.read(slots, scans).await
    }

    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
        self.batch.seen(ids).await
    }

    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error> {
        self.batch.dead(ids).await
    }

    async fn flush(&mut self, writes: Writes) -> Result<(), Error> {
        self.batch.flush(writes).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.precommit().await?.done().await
    }

    async fn precommit(self: Box<Self>) -> Result<Commit, Error> {
        self.batch.commit().await?;
        let (tells, told) = oneshot::channel();
        self.disk.0.lock().unwrap().push_back(tells);
        Ok(Commit::Pre(told))
    }

    async fn roll_back(self: Box<Self>) {
        self.batch.roll_back().await;
    }
}

async fn echo(store: Spoiled, node: &Node, dials: &Dials) -> Running {
    let app = App::new(Arc::new(store)).broker(node.broker()).lanes(1);
    app.reactor_from_the_beginning(Echo(dials.clone())).start().await.expect("the app starts")
}

fn say(world: &World, id: &str, n: u64) {
    world.append(WORDS.name, 0, stamped(id, n, n).encode());
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_on_while_its_batches_are_on_their_way_to_the_disk() {
    let (world, disk) = (world(), Disk::default());
    let node = world.node();
    let app = echo(disk.store(&node), &node, &Dials::default()).await;
    for n in 1..=3 {
        say(&world, "a", n);
        rest(Duration::from_millis(1)).await;
    }
    assert_eq!(disk.waits(), 3);
    disk.tell(Ok(()));
    rest(Duration::from_millis(1)).await;
    say(&world, "a", 4);
    rest(Duration::from_millis(1)).await;
    assert_eq!(heard(&app, "a").await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_made_when_the_batch_that_asks_for_it_is_on_the_disk() {
    let (world, disk, bank) = (world(), Disk::default(), Bank::default());
    let node = world.node();
    let app = travel_on(Arc::new(disk.store(&node)), &node, &bank).await;
    let run = app.begin::<Travel>("1", &Trip { id: "1".into(), fare: 50 }).await.unwrap();
    rest(Duration::from_millis(100)).await;
    assert_eq!((disk.waits(), bank.calls()), (1, 0));
    disk.tell(Ok(()));
    rest(Duration::from_millis(1)).await;
    assert_eq!(bank.calls(), 1);
    let tells = async {
        loop {
            rest(Duration::from_millis(10)).await;
            disk.tell(Ok(()));
        }
    };
    tokio::select! {
        ended = ended(&run) => assert_eq!(ended, Outcome::Completed),
        () = tells => {}
    }
}

/// What was begun after it is forgotten with it: the store says what is true.
#[tokio::test(start_paused = true)]
async fn a_lane_is_taken_again_when_a_batch_before_the_last_does_not_get_to_the_disk() {
    let (world, disk, takes) = (world(), Disk::default(), Arc::new(AtomicUsize::new(0)));
    let (node, counts) = (world.node(), Arc::clone(&takes));
    let store = disk.store(&node);
    *store.taken.lock().unwrap() = Box::new(move |_, _| {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    let app = echo(store, &node, &Dials::default()).await;
    for n in [1, 2] {
        say(&world, "a", n);
        rest(Duration::from_millis(1)).await;
    }
    disk.tell(Err(Error::new(ErrorKind::Unknown, "the disk does not say")));
    rest(Duration::from_secs(10)).await;
    assert_eq!(takes.load(Ordering::SeqCst), 2);
    say(&world, "a", 3);
    rest(Duration::from_millis(1)).await;
    assert_eq!(heard(&app, "a").await, [1, 2, 3]);
}

/// A disk that is full takes the row of the lane and not its batch: nobody is helped by twenty tries a second.
#[tokio::test(start_paused = true)]
async fn a_lane_whose_batches_are_lost_again_and_again_is_taken_ever_more_seldom() {
    let (world, disk, takes) = (world(), Disk::default(), Arc::new(AtomicUsize::new(0)));
    let (node, counts) = (world.node(), Arc::clone(&takes));
    let store = disk.store(&node);
    *store.taken.lock().unwrap() = Box::new(move |_, _| {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    let app = echo(store, &node, &Dials::default()).await;
    for n in 1..=10_000 {
        say(&world, "a", n);
        rest(Duration::from_millis(1)).await;
        disk.tell(Err(Error::new(ErrorKind::Unknown, "the disk does not say")));
    }
    let taken = takes.load(Ordering::SeqCst);
    assert!((3..=20).contains(&taken), "{taken} times in ten seconds");
    let told = app.health().into_values().next().unwrap().told;
    assert!(told.is_some_and(|told| told.contains("the disk does not say")));
}

/// Nobody is told that a batch is committed before it is.
#[tokio::test(start_paused = true)]
async fn health_tells_of_batches_that_are_on_the_disk() {
    let (world, disk) = (world(), Disk::default());
    let node = world.node();
    let app = echo(disk.store(&node), &node, &Dials::default()).await;
    let batches = |app: &Running| app.health().into_values().next().unwrap().batches;
    for n in 1..=3 {
        say(&world, "a", n);
        rest(Duration::from_millis(1)).await;
    }
    assert_eq!(batches(&app), 0);
    disk.tell(Ok(()));
    rest(Duration::from_millis(1)).await;
    assert_eq!(batches(&app), 3);
}

/// Whoever stops a process waits for what it has written, for it may be asked of that.
#[tokio::test(start_paused = true)]
async fn a_lane_that_is_stopped_waits_for_its_last_batches_but_not_for_ever() {
    let (world, disk) = (world(), Disk::default());
    for is_told in [true, false] {
        let node = world.node();
        let app = echo(disk.store(&node), &node, &Dials::default()).await;
        say(&world, "a", 1 + u64::from(!is_told));
        rest(Duration::from_millis(1)).await;
        assert_eq!(disk.waits(), 1);
        let stopping = tokio::spawn(app.stop());
        rest(Duration::from_secs(1)).await;
        assert!(!stopping.is_finished());
        if is_told {
            disk.tell(Ok(()));
        }
        rest(Duration::from_secs(if is_told { 1 } else { 10 })).await;
        assert!(stopping.is_finished());
        disk.0.lock().unwrap().clear();
    }
}

/// Whoever comes after a death must find what was about to be tried (H13).
#[tokio::test(start_paused = true)]
async fn a_suspect_is_tried_when_the_disk_knows_that_it_will_be() {
    let (world, disk, dials) = (world(), Disk::default(), Dials::default());
    drop(echo(disk.store(&world.node()), &world.node(), &dials).await);
    dials.set(1, Dial::Kill);
    say(&world, "a", 1);
    for _ in 0..10 {
        let node = world.node();
        dials.kills(&node);
        let _app = echo(disk.store(&node), &node, &dials).await;
        rest(Duration::from_secs(1)).await;
        if node.is_alive() {
            assert_eq!(disk.waits(), 2, "that it is set aside, and that it is about to be tried");
            disk.tell(Ok(()));
            rest(Duration::from_secs(1)).await;
            return assert!(!node.is_alive(), "it was tried");
        }
    }
    panic!("it is tried in every life, and none knows what the one before died of");
}
