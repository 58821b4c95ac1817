//! A store in which something goes wrong that no fate of the pair in memory can bring: rows that are
//! damaged, and a panic in the middle of the engine.
//!
//! Goal: one lane is in trouble, says so, and no other is. Method: everything is handed on to the store of
//! a node, and what begins or is taken passes a hook of the test on its way.

use crate::lane::echo::{Dial, Dials, Echo, HEARD, Said, WORDS, heard, serve, stamped};
use crate::lane::shop::world;
use async_trait::async_trait;
use ballet::clock::{Clock, RuntimeClock, Time, rest};
use ballet::memory::{Fate, Point, World};
use ballet::store::{
    Advance, Begun, DeadLetter, Entered, Found, Inboxed, Kept, LaneId, Position, Pruned, RunRow,
    Scan, Slot, Snapshot, Status, Store, Taken,
};
use ballet::{App, Error, Fault, Health, Reactions, Reactor, Running, Settings, Table, Tx, react};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

type Spoil<T> = Mutex<Box<dyn FnMut(&LaneId, &mut T) + Send>>;

/// A store that is handed on, with three hooks.
pub struct Spoiled {
    store: Arc<dyn Store>,
    /// Whatever a new owner is given passes here.
    pub taken: Spoil<Taken>,
    /// Before a batch begins.
    begins: Spoil<()>,
    /// Whatever batch was begun passes here.
    pub begun: Mutex<Box<dyn FnMut(Begun) -> Begun + Send>>,
    /// How often all dead letters were listed.
    lists: Arc<AtomicUsize>,
    /// How often slots were looked at from outside.
    pub finds: Arc<AtomicUsize>,
    /// How often inboxes were looked into for all lanes.
    pub waits: Arc<AtomicUsize>,
    /// How often something that was old was looked for, by its kind.
    pub prunes: Arc<Mutex<BTreeMap<Kept, usize>>>,
}

impl Spoiled {
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            taken: Mutex::new(Box::new(|_, _| {})),
            begins: Mutex::new(Box::new(|_, _| {})),
            begun: Mutex::new(Box::new(|begun| begun)),
            lists: Arc::default(),
            finds: Arc::default(),
            waits: Arc::default(),
            prunes: Arc::default(),
        }
    }
}

#[async_trait]
impl Store for Spoiled {
    fn incarnation(&self) -> u32 {
        self.store.incarnation()
    }

    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error> {
        self.store.register(lane, positions).await
    }

    async fn take(&self, lane: &LaneId) -> Result<Taken, Error> {
        let mut taken = self.store.take(lane).await?;
        self.taken.lock().unwrap()(lane, &mut taken);
        Ok(taken)
    }

    async fn begin(&self, advance: &Advance) -> Result<Begun, Error> {
        self.begins.lock().unwrap_or_else(PoisonError::into_inner)(&advance.lane, &mut ());
        let begun = self.store.begin(advance).await?;
        Ok(self.begun.lock().unwrap()(begun))
    }

    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        self.store.enter(lane, entry, unless).await
    }

    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error> {
        self.store.published(lane, epoch, batch).await
    }

    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error> {
        self.waits.fetch_add(1, Ordering::SeqCst);
        self.store.waiting().await
    }

    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error> {
        *self.prunes.lock().unwrap().entry(kind).or_default() += 1;
        self.store.prune(kind, age, limit).await
    }

    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.store.find(slots, scans).await
    }

    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error> {
        self.store.snapshot(group, table).await
    }

    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error> {
        self.store.forget(group, limit).await
    }

    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        self.store.runs(saga, status, limit).await
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        self.store.dead_letter(id).await
    }

    async fn dead_letters(
        &self,
        group: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.store.dead_letters(group, limit).await
    }
}

/// Serves the echo over two lanes on a store that is spoiled.
async fn serve_two(world: &World, dials: &Dials, store: Spoiled) -> Running {
    let app = App::new(Arc::new(store)).broker(world.node().broker()).lanes(2);
    app.reactor_from_the_beginning(Echo(dials.clone())).start().await.expect("the app starts")
}

fn health(app: &Running, lane: u32) -> Health {
    app.health().remove(&LaneId::new("echo", lane)).expect("the lane is here")
}

fn say(world: &World, lane: u32, id: &str, n: u64, seq: u64) {
    world.append(WORDS.name, lane, stamped(id, n, seq).encode());
}

/// It cannot be handled, and passing it over would lose it: also one that waits for nothing but those
/// before it.
#[tokio::test(start_paused = true)]
async fn a_damaged_row_of_what_is_set_aside_halts_its_lane_loudly_and_no_other() {
    let (world, dials) = (world(), Dials::default());
    dials.set(1, Dial::Fault);
    let app = serve_two(&world, &dials, Spoiled::of(world.node().store())).await;
    say(&world, 0, "a", 1, 1);
    say(&world, 0, "a", 2, 2);
    rest(Duration::from_millis(100)).await;
    app.stop().await;
    dials.clear();

    let store = Spoiled::of(world.node().store());
    *store.taken.lock().unwrap() = Box::new(|_, taken| {
        if let Some(last) = taken.parked.last_mut() {
            last.body = Bytes::from_static(b"no line");
        }
    });
    let app = serve_two(&world, &dials, store).await;
    say(&world, 1, "b", 3, 1);
    rest(Duration::from_secs(60)).await;
    assert_eq!(heard(&app, "b").await, [3]);
    let halted = health(&app, 0);
    let told = halted.told.clone().expect("it says so");
    assert!(told.contains("message 2 of key `a` that was set aside is damaged"), "{told}");
    assert!(!halted.is_well() && health(&app, 1).is_well());
    assert_eq!(heard(&app, "a").await, [] as [u64; 0], "nothing is passed over");
    app.stop().await;

    let app = serve_two(&world, &dials, Spoiled::of(world.node().store())).await;
    rest(Duration::from_secs(60)).await;
    assert_eq!(heard(&app, "a").await, [1, 2], "a row that was restored goes on");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_panics_is_taken_up_again_and_says_so() {
    let (world, dials) = (world(), Dials::default());
    let store = Spoiled::of(world.node().store());
    let mut left = 2;
    *store.begins.lock().unwrap() = Box::new(move |lane, ()| {
        if lane.lane == 0 && left > 0 {
            left -= 1;
            panic!("a defect of the engine");
        }
    });
    let app = serve_two(&world, &dials, store).await;
    say(&world, 0, "a", 1, 1);
    say(&world, 1, "b", 2, 1);
    rest(Duration::from_millis(10)).await;
    let told = health(&app, 0).told.expect("it says so");
    assert!(told.contains("panicked: a defect of the engine"), "{told}");
    assert_eq!(heard(&app, "b").await, [2]);
    rest(Duration::from_secs(10)).await;
    assert_eq!(heard(&app, "a").await, [1]);
    assert!(health(&app, 0).is_well());
    app.stop().await;
}

/// A store that has lost a commit and does not come back.
#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_ever_for_a_commit_that_nobody_knows() {
    let (world, dials) = (world(), Dials::default());
    let mut gone = false;
    let node = world.node_with(move |point| match point {
        Point::Committed(_) => {
            gone = true;
            Fate::Fail
        }
        _ if gone => Fate::Fail,
        _ => Fate::Go,
    });
    let app = serve(&node, &dials, Settings::default()).await;
    say(&world, 0, "a", 1, 1);
    rest(Duration::from_secs(1)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(60), app.stop()).await;
    assert!(stopped.is_ok(), "it waits for a store that is away");
    let app = serve(&world.node(), &dials, Settings::default()).await;
    rest(Duration::from_secs(1)).await;
    assert_eq!(heard(&app, "a").await, [1]);
}

/// A clock that can be set back.
struct Shaky(RuntimeClock, Arc<AtomicI64>);

impl Clock for Shaky {
    fn now(&self) -> Time {
        Time::from_micros(self.0.now().micros() - self.1.load(Ordering::SeqCst))
    }
}

/// The lane's own clock stands still until the database's has come back to where it was.
#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_just_before_a_timer_is_not_asked_all_the_time() {
    let back = Arc::new(AtomicI64::new(0));
    let start = RuntimeClock::starting_at(Time::from_micros(1_700_000_000_000_000));
    let world = World::new(Arc::new(Shaky(start, Arc::clone(&back))));
    let (dials, begun) = (Dials::default(), Arc::new(AtomicUsize::new(0)));
    let store = Spoiled::of(world.node().store());
    let counts = Arc::clone(&begun);
    *store.begins.lock().unwrap() = Box::new(move |_, ()| {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    dials.set(1, Dial::Fault);
    let app = serve_two(&world, &dials, store).await;
    say(&world, 0, "a", 1, 1);
    rest(Duration::from_millis(199)).await;
    say(&world, 0, "b", 2, 2);
    rest(Duration::from_micros(500)).await;
    dials.clear();
    back.store(Duration::from_secs(3600).as_micros() as i64, Ordering::SeqCst);
    let before = begun.load(Ordering::SeqCst);
    rest(Duration::from_secs(60)).await;
    let asked = begun.load(Ordering::SeqCst) - before;
    assert!(asked <= 60, "the database was asked {asked} times in a minute");
    assert_eq!(heard(&app, "a").await, [] as [u64; 0]);
    rest(Duration::from_secs(3700)).await;
    assert_eq!(heard(&app, "a").await, [1], "time has come back");
}

const DOOR: Table<String, u64> = Table::new("door");

/// Lets nobody pass until somebody with a number of a hundred or more has opened the door.
struct Door;

impl Reactor for Door {
    const NAME: &'static str = "door";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::pass))
    }
}

impl Door {
    async fn pass(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        let door = "door".to_owned();
        let passed = tx.get(DOOR, &door).await?;
        match passed {
            None if said.n < 100 => Err(Fault::not_yet("the door is shut")),
            passed => tx.put(DOOR, &door, &(passed.unwrap_or(0) + 1)),
        }
    }
}

/// Bounded: what is set aside takes memory. But what it waits for may stand behind what is not read.
#[tokio::test(start_paused = true)]
async fn a_lane_that_has_set_aside_too_much_still_reads_what_that_waits_for() {
    let world = world();
    let settings = Settings { parked: 5, ..Settings::default() };
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1).settings(settings);
    let app = app.reactor_from_the_beginning(Door).start().await.expect("the app starts");
    for n in 1..=20 {
        say(&world, 0, &format!("k{n}"), n, n);
    }
    rest(Duration::from_millis(1)).await;
    say(&world, 0, "opener", 100, 21);
    rest(Duration::from_secs(120)).await;
    let passed = app.row::<Door, _, _>(DOOR, &"door".to_owned()).await.unwrap();
    assert_eq!(passed, Some(21));
    assert!(app.is_ready());
}

/// Panics in the middle of the engine whenever it was handled.
struct Mine(Arc<AtomicBool>);

impl Reactor for Mine {
    const NAME: &'static str = "mine";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::step))
    }
}

impl Mine {
    async fn step(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        self.0.fetch_or(said.n == 1, Ordering::SeqCst);
        tx.put(HEARD, &said.id, &vec![said.n])
    }
}

/// A process that lives on must not try for ever what a new one would have given up.
#[tokio::test(start_paused = true)]
async fn what_panics_in_the_engine_again_and_again_is_given_up_as_what_ends_a_process_is() {
    let (world, stepped) = (world(), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&stepped);
    let node = world.node_with(move |point| match point {
        Point::Commit(_) if seen.swap(false, Ordering::SeqCst) => panic!("it blew up"),
        _ => Fate::Go,
    });
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.reactor_from_the_beginning(Mine(stepped)).start().await.expect("the app starts");
    for n in 1..=3 {
        say(&world, 0, &format!("k{n}"), n, n);
    }
    rest(Duration::from_secs(120)).await;
    for n in 2..=3 {
        let heard = app.row::<Mine, _, _>(HEARD, &format!("k{n}")).await.unwrap();
        assert_eq!(heard, Some(vec![n]));
    }
    let dead = app.dead_letters(10).await.unwrap();
    let told: Vec<&str> = dead.iter().map(|letter| &*letter.reason).collect();
    assert_eq!(told, ["the process died 3 times while it was handled"]);
}

/// There may be as many as a day brings, and each may be as large as a message.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_replayed_without_reading_all_others() {
    let (world, dials) = (world(), Dials::default());
    let store = Spoiled::of(world.node().store());
    let lists = Arc::clone(&store.lists);
    let app = serve_two(&world, &dials, store).await;
    for n in 1..=3 {
        dials.set(n, Dial::Fault);
        say(&world, 0, &format!("k{n}"), n, n);
    }
    rest(Duration::from_secs(300)).await;
    dials.clear();
    let letters = app.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), lists.load(Ordering::SeqCst)), (3, 1));
    app.replay(letters[1].id).await.unwrap();
    let nobody = ballet::id::derived(&["no letter"]);
    let told = app.replay(nobody).await.unwrap_err();
    assert_eq!(told.kind(), ballet::ErrorKind::NotFound);
    rest(Duration::from_secs(5)).await;
    assert_eq!(lists.load(Ordering::SeqCst), 1);
    assert_eq!(app.dead_letters(10).await.unwrap().len(), 2);
}
