//! The pairs under test.

use super::Pair;
use ballet::broker::Broker;
use ballet::clock::{Clock, Time};
use ballet::memory::{Node, World};
use ballet::sqlite::Sqlite;
use ballet::store::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// A clock that a test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn at(now: Time) -> Self {
        Self(Arc::new(AtomicI64::new(now.micros())))
    }

    fn set(&self, now: Time) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Time {
        Time::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// The split pair in memory.
pub struct Memory {
    world: World,
    node: Node,
    hands: Hands,
}

impl Pair for Memory {
    async fn fresh(now: Time) -> Self {
        let hands = Hands::at(now);
        let world = World::new(Arc::new(hands.clone()));
        Self { node: world.node(), world, hands }
    }

    async fn reopen(self) -> Self {
        self.node.kill();
        Self { node: self.world.node(), ..self }
    }

    fn set_time(&self, now: Time) {
        self.hands.set(now);
    }

    fn store(&self) -> Arc<dyn Store> {
        self.node.store()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        self.node.broker()
    }
}

/// A folder that goes when the test does.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("ballet-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever cannot be removed is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The embedded pair.
pub struct File {
    store: Arc<Sqlite>,
    hands: Hands,
    folder: Folder,
}

impl File {
    pub fn path(&self) -> PathBuf {
        self.folder.file("it.db")
    }

    /// Closes it, whoever still holds it.
    pub async fn closed(&self) {
        self.store.close().await;
    }

    async fn open(path: &Path, hands: &Hands) -> Arc<Sqlite> {
        Sqlite::open_with_clock(path, Arc::new(hands.clone())).await.unwrap()
    }
}

impl Pair for File {
    async fn fresh(now: Time) -> Self {
        let (folder, hands) = (Folder::new(), Hands::at(now));
        let store = Self::open(&folder.file("it.db"), &hands).await;
        Self { store, hands, folder }
    }

    async fn reopen(self) -> Self {
        let (path, Self { store, hands, folder }) = (self.path(), self);
        // Others may still hold it.
        store.close().await;
        Self { store: Self::open(&path, &hands).await, hands, folder }
    }

    fn set_time(&self, now: Time) {
        self.hands.set(now);
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        self.store.log().unwrap()
    }
}
