//! A disk that takes as long as the test wants.

use crate::clock::{SystemClock, rest};
use crate::error::Error;
use crate::message::Key;
use crate::sqlite::Sqlite;
use crate::sqlite::disk::Disk;
use crate::sqlite::tests::{Folder, open};
use crate::store::{Commit, Entered, Inboxed, LaneId, Slot, Space, Store, Taken, Value, Writes};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Long enough for whoever does not wait for the disk.
const A_WHILE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct State {
    is_shut: bool,
    flushes: usize,
}

/// While it is shut nothing gets to the disk.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    fn shut(&self, is_shut: bool) {
        self.0.0.lock().unwrap().is_shut = is_shut;
        self.0.1.notify_all();
    }

    fn flush(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.flushes += 1;
        drop(self.0.1.wait_while(state, |state| state.is_shut).unwrap());
    }

    fn flushes(&self) -> usize {
        self.0.0.lock().unwrap().flushes
    }

    /// Waits until so many flushes have begun.
    async fn begun(&self, flushes: usize) {
        while self.flushes() < flushes {
            rest(Duration::from_millis(1)).await;
        }
    }
}

struct Scene {
    store: Arc<Sqlite>,
    gate: Gate,
    lane: LaneId,
    taken: Taken,
    _folder: Folder,
}

impl Scene {
    /// A store and a lane of which everything is on the disk, and from now on nothing gets there.
    async fn shut(name: &str) -> Self {
        let (folder, gate) = (Folder::new(name), Gate::default());
        let flush = gate.clone();
        let disk = over(move || {
            flush.flush();
            Ok(())
        });
        let path = folder.0.join("it.db");
        let store = Sqlite::open_as(&path, None, Arc::new(SystemClock), disk).await.unwrap();
        let lane = LaneId::new("group", 0);
        let taken = store.take(&lane).await.unwrap();
        gate.shut(true);
        Self { store, gate, lane, taken, _folder: folder }
    }

    fn enter(&self, id: usize) -> JoinHandle<Result<Entered, Error>> {
        let (store, lane) = (Arc::clone(&self.store), self.lane.clone());
        let entry = Inboxed { id: id.to_string(), key: Key::new("key"), body: Bytes::new() };
        tokio::spawn(async move { store.enter(&lane, &entry, None).await })
    }

    /// Writes the row of this key in a batch of the lane, after so many others.
    async fn put(&self, key: &'static str, after: u64) -> Commit {
        let taken = Taken { batch: self.taken.batch + after, ..self.taken.clone() };
        let mut batch = open(&self.store, &self.lane, &taken).await;
        let value = Value { body: Bytes::from_static(b"1"), status: None };
        let slots = [(row(key), Some(value))].into_iter().collect();
        batch.flush(Writes { slots, ..Writes::default() }).await.unwrap();
        batch.precommit().await.unwrap()
    }

    fn look(&self, key: &'static str) -> JoinHandle<bool> {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let found = store.find(&BTreeSet::from([row(key)]), &BTreeSet::new()).await.unwrap();
            !found.slots.is_empty()
        })
    }
}

fn row(key: &'static str) -> Slot {
    Slot::new(Space::Rows, "group.rows", key)
}

fn over(
    flush: impl FnMut() -> io::Result<()> + Send + 'static,
) -> impl FnOnce(&std::path::Path) -> Result<Disk, Error> {
    |_| Ok(Disk::over(flush).unwrap())
}

#[tokio::test]
async fn nobody_is_told_of_what_is_not_on_the_disk() {
    let scene = Scene::shut("told").await;
    let entered = scene.enter(1);
    rest(A_WHILE).await;
    assert!(!entered.is_finished());
    scene.gate.shut(false);
    assert!(matches!(entered.await.unwrap(), Ok(Entered::New)));
}

#[tokio::test]
async fn nobody_outside_is_shown_what_a_power_cut_may_still_take() {
    let scene = Scene::shut("shown").await;
    let mut commit = scene.put("a", 0).await;
    scene.gate.begun(2).await;
    let looks = scene.look("a");
    rest(A_WHILE).await;
    assert!(!looks.is_finished(), "it is committed, and not on the disk");
    scene.gate.shut(false);
    assert!(looks.await.unwrap());
    commit.done().await.unwrap();
}

#[tokio::test]
async fn lanes_and_the_writer_go_on_while_the_disk_works() {
    let scene = Scene::shut("goes-on").await;
    let mut first = scene.put("a", 0).await;
    // That of the take of the lane was the first.
    scene.gate.begun(2).await;
    let second = tokio::time::timeout(Duration::from_secs(10), scene.put("b", 1)).await;
    let mut second = second.expect("the writer stands still");
    let before = tokio::time::timeout(A_WHILE, first.done()).await;
    assert!(before.is_err(), "the first one is not on the disk");
    scene.gate.shut(false);
    first.done().await.unwrap();
    second.done().await.unwrap();
}

#[tokio::test]
async fn what_comes_while_the_disk_works_shares_the_next_flushes() {
    let scene = Scene::shut("shares").await;
    let mut all = vec![scene.enter(0)];
    scene.gate.begun(2).await;
    // Each of these portions is a COMMIT of its own, or waits for one.
    for portion in 0..10 {
        all.extend((1..=10).map(|id| scene.enter(portion * 10 + id)));
        rest(Duration::from_millis(10)).await;
    }
    scene.gate.shut(false);
    for entered in all {
        assert!(matches!(entered.await.unwrap(), Ok(Entered::New)));
    }
    assert!(scene.gate.flushes() <= 5, "{} flushes for ten portions", scene.gate.flushes());
}

#[tokio::test]
async fn a_store_is_closed_when_everything_is_on_the_disk() {
    let scene = Scene::shut("closes").await;
    let entered = scene.enter(1);
    rest(A_WHILE).await;
    let store = Arc::clone(&scene.store);
    let closed = tokio::spawn(async move { store.close().await });
    rest(A_WHILE).await;
    assert!(!closed.is_finished() && !entered.is_finished());
    scene.gate.shut(false);
    closed.await.unwrap();
    assert!(matches!(entered.await.unwrap(), Ok(Entered::New)));
}

/// What the kernel drops after a failed flush is not written by flushing again. So it is not answered, and not
/// tried: the process ends. It is one of its own here.
#[tokio::test]
async fn a_disk_that_does_not_flush_ends_the_process() {
    const DIES: &str = "BALLET_TESTS_DIES";
    const NAME: &str = "sqlite::disk::tests::a_disk_that_does_not_flush_ends_the_process";
    let Some(path) = std::env::var_os(DIES) else {
        let folder = Folder::new("dies");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", NAME, "--nocapture"]).env(DIES, folder.0.join("it.db"));
        let output = child.output().unwrap();
        assert_eq!(output.status.code(), None, "no code, for a signal has ended it: {output:?}");
        return;
    };
    let disk = over(|| Err(io::Error::other("nothing is on it")));
    let store = Sqlite::open_as(path.as_ref(), None, Arc::new(SystemClock), disk).await.unwrap();
    let taken = store.take(&LaneId::new("group", 0)).await;
    panic!("it was told of something that is on no disk: {taken:?}");
}

/// SQLite follows a link to its file, and puts the log beside that.
#[cfg(unix)]
#[tokio::test]
async fn the_log_is_found_where_a_link_leads_to() {
    let (folder, elsewhere) = (Folder::new("link"), Folder::new("target"));
    let path = folder.0.join("it.db");
    std::os::unix::fs::symlink(elsewhere.0.join("real.db"), &path).unwrap();
    let store = Sqlite::open(&path).await.unwrap();
    store.take(&LaneId::new("group", 0)).await.unwrap();
    assert!(elsewhere.0.join("real.db-wal").exists() && !folder.0.join("it.db-wal").exists());
    store.close().await;
}
