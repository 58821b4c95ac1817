//! Transactions that are lost at their COMMIT, which only SQLite itself can make happen: a commit hook
//! that says no.

use crate::app::App;
use crate::broker::{Broker, Reader, TopicSpec};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Fault};
use crate::message::{Envelope, Key, Kind, Message, Outgoing};
use crate::reactor::{Reactions, Reactor, react};
use crate::sqlite::Sqlite;
use crate::sqlite::enter::ENTER_ALL;
use crate::sqlite::writes::{STATEMENTS, statement};
use crate::store::{Advance, Batch, Begun, LaneId, Store, Taken, Writes};
use crate::table::Table;
use crate::tx::Tx;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("ballet-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever cannot be removed is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Lets `fails` say which commits of the writer fail. Fencing is a commit too.
async fn let_commits_fail(store: &Sqlite, mut fails: impl FnMut() -> bool + Send + 'static) {
    let armed = Arc::new(AtomicI64::new(1));
    let hooked = store.write(move |pen| {
        Box::pin(async move {
            let mut handle = pen.db.lock_handle().await.unwrap();
            // The commit of this very job goes through.
            handle.set_commit_hook(move || armed.fetch_sub(1, Ordering::SeqCst) > 0 || !fails());
            Ok(())
        })
    });
    hooked.await.unwrap();
}

async fn begin(store: &Sqlite, lane: &LaneId, taken: &Taken) -> Begun {
    let advance = Advance {
        lane: lane.clone(),
        epoch: taken.epoch,
        batch: taken.batch,
        positions: BTreeMap::new(),
        published: 0,
        said: crate::clock::Time::default(),
    };
    store.begin(&advance).await.unwrap()
}

pub(super) async fn open(store: &Sqlite, lane: &LaneId, taken: &Taken) -> Box<dyn Batch> {
    match begin(store, lane, taken).await {
        Begun::Open(batch) => batch,
        Begun::Lost { epoch, batch } => panic!("lost to epoch {epoch}, batch {batch}"),
    }
}

fn outgoing(topic: &str, n: u64) -> Outgoing {
    let envelope = Envelope {
        id: crate::id::derived(&[topic, &n.to_string()]),
        kind: Kind::Event,
        name: topic.into(),
        version: 1,
        key: Key::new(n.to_string()),
        correlation: n.to_string().into(),
        causation: None,
        hop: 0,
        occurred_at: SystemClock.now(),
        traceparent: None,
        stamp: None,
        step: None,
    };
    let body = serde_json::to_vec(&One { n }).unwrap();
    Outgoing { topic: topic.into(), partition: 0, message: Message::new(envelope, body) }
}

/// Three lanes, and a reader of what the first of them has said.
struct Loss {
    _folder: Folder,
    store: Arc<Sqlite>,
    broker: Arc<dyn Broker>,
    lanes: Vec<(LaneId, Taken)>,
    reader: Box<dyn Reader>,
}

impl Loss {
    async fn scene() -> Self {
        let folder = Folder::new("lost");
        let store = Sqlite::open(folder.0.join("it.db")).await.unwrap();
        let broker = store.log().unwrap();
        let spec = TopicSpec { name: "t".into(), partitions: 1, compacted: false };
        broker.ensure(&spec).await.unwrap();
        let mut lanes = Vec::new();
        for group in ["sends", "takes", "rests"] {
            let lane = LaneId::new(group, 0);
            let taken = store.take(&lane).await.unwrap();
            lanes.push((lane, taken));
        }
        let member = broker.join("takes", &BTreeSet::from(["t".to_owned()]), 1).await.unwrap();
        let reader = member.reader(0);
        Self { _folder: folder, store, broker, lanes, reader }
    }

    /// The first lane says something, the second is handed it, and both commit. The first commit after
    /// the message was handed over fails; both are told what came of them.
    async fn story(&mut self) -> [Result<(), Error>; 2] {
        let [(sends, sender), (takes, taker), _] = &self.lanes[..] else { unreachable!() };
        let is_handed = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&is_handed);
        let_commits_fail(&self.store, move || fails.swap(false, Ordering::SeqCst)).await;
        let mut said = open(&self.store, sends, sender).await;
        let taken = open(&self.store, takes, taker).await;
        let out = vec![outgoing("t", 1)];
        said.flush(Writes { outgoing: out, ..Writes::default() }).await.unwrap();
        let takes_part = async {
            assert_eq!(self.reader.next(9).await.unwrap().len(), 1);
            is_handed.store(true, Ordering::SeqCst);
            taken.commit().await
        };
        tokio::join!(said.commit(), takes_part).into()
    }
}

/// Two lanes share the transaction that is lost, the second because it was handed a message of the first.
/// How long a transaction waits for those whom it has woken is short: on a machine that is slower than
/// that they do not share it, and the story is told again.
#[tokio::test]
async fn whoever_was_handed_a_message_that_is_lost_is_fenced() {
    for _ in 0..200 {
        let mut loss = Loss::scene().await;
        let told = loss.story().await;
        let kinds = told.map(|told| told.err().map(|told| told.kind()));
        if kinds == [Some(ErrorKind::Unknown); 2] {
            return is_fenced(loss).await;
        }
    }
    panic!("in two hundred stories the two lanes never shared a transaction");
}

async fn is_fenced(mut loss: Loss) {
    for (lane, taken) in &loss.lanes {
        let Begun::Lost { epoch, batch } = begin(&loss.store, lane, taken).await else {
            panic!("{lane} went on with what was lost")
        };
        assert_eq!((epoch, batch), (taken.epoch + 1, 0), "{lane}");
    }
    assert_eq!(loss.broker.range("t", 0).await.unwrap().end, 0);
    loss.broker.produce(&[&[outgoing("t", 2)]]).await.unwrap();
    assert_eq!(loss.broker.range("t", 0).await.unwrap().end, 1);
    loss.reader.seek(&BTreeMap::from([("t".to_owned(), 0)]));
    let arrived = loss.reader.next(9).await.unwrap();
    let keys: Vec<&str> =
        arrived.iter().map(|at| at.message.as_ref().unwrap().envelope.key.as_str()).collect();
    assert_eq!(keys, ["2"], "the offset of the lost message is another's now");
}

/// A lane has gone on from a batch that is then lost: what it does next is lost too, whether it was in the same
/// transaction or comes after it.
#[tokio::test]
async fn a_batch_that_follows_on_one_that_is_lost_is_lost_too() {
    let folder = Folder::new("follows");
    let store = Sqlite::open(folder.0.join("it.db")).await.unwrap();
    let [lane, other] = ["group", "other"].map(|group| LaneId::new(group, 0));
    for is_held_open in [true, false] {
        let taken = store.take(&lane).await.unwrap();
        let held = open(&store, &other, &store.take(&other).await.unwrap()).await;
        let fails = Arc::new(AtomicBool::new(true));
        let_commits_fail(&store, move || fails.swap(false, Ordering::SeqCst)).await;
        let mut first = open(&store, &lane, &taken).await.precommit().await.unwrap();
        if !is_held_open {
            drop(held);
            assert_eq!(first.done().await.unwrap_err().kind(), ErrorKind::Unknown);
        }
        let next = Taken { batch: taken.batch + 1, ..taken.clone() };
        let told = match begin(&store, &lane, &next).await {
            Begun::Open(second) => match second.precommit().await {
                Ok(mut commit) => commit.done().await.unwrap_err().kind(),
                Err(told) => told.kind(),
            },
            Begun::Lost { .. } => ErrorKind::Superseded,
        };
        let is_lost = matches!(told, ErrorKind::Unknown | ErrorKind::Superseded);
        assert!(is_lost && (is_held_open || told == ErrorKind::Superseded), "{told:?}");
        let Begun::Lost { epoch, batch } = begin(&store, &lane, &taken).await else {
            panic!("the lane was not fenced")
        };
        assert_eq!((epoch, batch), (taken.epoch + 1, taken.batch));
    }
}

/// Until the lanes are fenced nothing else is done.
#[tokio::test]
async fn as_long_as_lanes_cannot_be_fenced_every_job_is_refused() {
    let folder = Folder::new("fence");
    let store = Sqlite::open(folder.0.join("it.db")).await.unwrap();
    let lane = LaneId::new("group", 0);
    let taken = store.take(&lane).await.unwrap();
    let failures = Arc::new(AtomicI64::new(3));
    let left = Arc::clone(&failures);
    let_commits_fail(&store, move || left.fetch_sub(1, Ordering::SeqCst) > 0).await;
    let told = open(&store, &lane, &taken).await.commit().await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Unknown);
    for _ in 0..2 {
        assert_eq!(store.take(&lane).await.unwrap_err().kind(), ErrorKind::Store);
    }
    assert_eq!(store.take(&lane).await.unwrap().epoch, taken.epoch + 2);
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    n: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Two {
    n: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Three {
    n: u64,
}

macro_rules! says {
    ($($event:ident on $topic:literal),*) => { $(
        impl crate::message::Event for $event {
            const NAME: &'static str = $topic;
            const TOPIC: crate::message::Topic = crate::message::Topic::new($topic);
            fn key(&self) -> Key {
                Key::from(&self.n)
            }
        }
    )* };
}

says! { One on "lost.one", Two on "lost.two", Three on "lost.three" }

const COUNTS: Table<u64, u64> = Table::new("counts");

async fn count(tx: &mut Tx, n: u64) -> Result<(), Fault> {
    let before = tx.get(COUNTS, &n).await?.unwrap_or(0);
    // Not `1`: what is done twice must be seen.
    tx.put(COUNTS, &n, &(before + 1))
}

struct First;
impl Reactor for First {
    const NAME: &'static str = "first";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<One>(react(Self::go))
    }
}
impl First {
    async fn go(&self, tx: &mut Tx, one: &One) -> Result<Two, Fault> {
        count(tx, one.n).await?;
        Ok(Two { n: one.n })
    }
}

struct Second;
impl Reactor for Second {
    const NAME: &'static str = "second";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Two>(react(Self::go))
    }
}
impl Second {
    async fn go(&self, tx: &mut Tx, two: &Two) -> Result<Three, Fault> {
        count(tx, two.n).await?;
        Ok(Three { n: two.n })
    }
}

struct Third;
impl Reactor for Third {
    const NAME: &'static str = "third";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Three>(react(Self::go))
    }
}
impl Third {
    async fn go(&self, tx: &mut Tx, three: &Three) -> Result<(), Fault> {
        count(tx, three.n).await
    }
}

async fn done<R: Reactor>(app: &crate::app::Running, n: u64) {
    let found = app.watch::<R, _, u64>(COUNTS, &n, Duration::from_secs(60), |_| true).await;
    assert_eq!(found.unwrap(), Some(1), "{} of {n}", R::NAME);
}

/// A chain of three reactors over one file of which so many commits are lost, one in `every`.
async fn a_chain(every: usize) {
    const MESSAGES: u64 = 40;
    let folder = Folder::new("chain");
    let store = Sqlite::open(folder.0.join("it.db")).await.unwrap();
    let app = App::new(store.clone()).lanes(1);
    let app = app.reactor(First).reactor(Second).reactor(Third).start().await.unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let lost = Arc::clone(&commits);
    let_commits_fail(&store, move || {
        // Not every third: what follows on each other in step would never meet a commit that holds.
        let mixed = lost.fetch_add(1, Ordering::SeqCst).wrapping_mul(2_654_435_761) >> 7;
        mixed.is_multiple_of(every)
    })
    .await;
    let broker = store.log().unwrap();
    for n in 0..MESSAGES {
        while broker.produce(&[&[outgoing("lost.one", n)]]).await.is_err() {
            // A foreign message is taken once by its id, however often it is produced.
        }
        if n % 8 == 0 {
            crate::clock::rest(Duration::from_millis(3)).await;
        }
    }
    for n in 0..MESSAGES {
        done::<First>(&app, n).await;
        done::<Second>(&app, n).await;
        done::<Third>(&app, n).await;
    }
    assert!(commits.load(Ordering::SeqCst) > every, "some were lost");
    assert_eq!(app.dead_letters(9).await.unwrap(), []);
    app.stop().await;
    store.close().await;
}

#[tokio::test]
async fn each_message_takes_effect_once_though_commits_are_lost() {
    for every in [3, 4, 5] {
        a_chain(every).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_takes_effect_once_though_commits_are_lost_on_two_threads() {
    for every in [4, 7] {
        a_chain(every).await;
    }
}

/// The disk takes nothing any more: the lanes cannot be fenced, and still the file is let go of.
#[tokio::test]
async fn a_store_that_cannot_fence_its_lanes_is_closed_all_the_same() {
    let folder = Folder::new("closed");
    let file = folder.0.join("it.db");
    let store = Sqlite::open(&file).await.unwrap();
    let lane = LaneId::new("group", 0);
    let taken = store.take(&lane).await.unwrap();
    let_commits_fail(&store, || true).await;
    let told = open(&store, &lane, &taken).await.commit().await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Unknown);
    assert!(store.take(&lane).await.is_err(), "every job is refused until they are fenced");
    store.close().await;
    let again = Sqlite::open(&file).await.unwrap();
    assert_eq!(again.take(&lane).await.unwrap().batch, 0, "the batch was lost");
}

/// What a statement looks at must not grow with what is there.
#[tokio::test]
async fn what_is_written_is_found_by_its_whole_key() {
    let folder = Folder::new("plans");
    let store = Sqlite::open(folder.0.join("it.db")).await.unwrap();
    let plans = store.write(|pen| {
        Box::pin(async move {
            let mut plans = Vec::new();
            let writes = STATEMENTS.iter().enumerate().map(|(kind, text)| statement(kind, text));
            for text in writes.chain([ENTER_ALL.to_owned()]) {
                let asked = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
                let asked = sqlx::query(asked).fetch_all(&mut pen.db).await;
                let asked = asked.map_err(crate::sqlite::trouble::store)?;
                plans.extend(asked.iter().map(|row| (text.clone(), row.get::<String, _>(3))));
            }
            Ok(plans)
        })
    });
    let is_bad = |plan: &str| match plan.split_once("USING") {
        None => {
            let is_no_table = plan.contains("VIRTUAL TABLE") || plan == "SCAN CONSTANT ROW";
            plan.starts_with("SCAN") && !is_no_table
        }
        Some((_, how)) => ["(saga=?)", "(name=?)", "(group_name=?)", "lane=?)", "due=?)"]
            .iter()
            .any(|key| how.ends_with(key)),
    };
    let bad: Vec<_> = plans.await.unwrap().into_iter().filter(|(_, plan)| is_bad(plan)).collect();
    assert_eq!(bad, []);
}
