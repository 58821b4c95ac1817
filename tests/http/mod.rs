//! The shop over HTTP: a real server on a real file, one text for both examples.

mod client;
mod customers;
#[cfg(unix)]
mod kills;
mod metrics;
mod operators;
mod page;
mod process;
mod trace;

use ballet::Settings;
use ballet::clock::rest;
use ballet::sqlite::Sqlite;
use client::{Said, ask};
use serde_json::{Value, json};
use shop::fakes::World;
use shop::http::{Desk, Example, FAREWELL, Limits, Runs, serve};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Both examples.
fn both() -> [Example; 2] {
    let runs = Some(Runs::of::<orchestrated::Purchase>());
    [
        Example { name: "orchestrated", cast: orchestrated::CAST, beside: &[], runs },
        Example {
            name: "choreographed",
            cast: choreographed::CAST,
            beside: choreographed::BESIDE,
            runs: None,
        },
    ]
}

/// A folder of its own, taken away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ballet-http-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("there is room for files of tests");
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("shop.db")
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A shop that serves, in this process.
struct Shop {
    at: SocketAddr,
    desk: Arc<Desk>,
    end: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    world: World,
    folder: Folder,
}

impl Shop {
    async fn open(example: &Example) -> Self {
        Self::bounded(example, 1_000).await
    }

    async fn bounded(example: &Example, in_flight: usize) -> Self {
        Self::on(Folder::new(), World::default(), example, in_flight).await
    }

    /// Closes, and opens again on the same file.
    async fn again(self, example: &Example, in_flight: usize) -> Self {
        self.end.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
        Self::on(self.folder, self.world, example, in_flight).await
    }

    async fn on(folder: Folder, world: World, example: &Example, in_flight: usize) -> Self {
        let store = Sqlite::open(folder.store()).await.unwrap();
        let limits = Limits { in_flight, engine: Settings::default(), seed: true };
        let desk = Desk::open(example, store, world.clone(), limits).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let ended = async move {
            let _ = ended.await;
        };
        let serving = tokio::spawn(serve(listener, Arc::clone(&desk), ended, FAREWELL));
        Self { at, desk, end, serving, world, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.store()
    }

    async fn close(self) {
        self.end.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
    }

    async fn get(&self, path: &str) -> Said {
        ask(self.at, "GET", path, None, "").await
    }

    /// Looks again and again, until it is as wanted.
    async fn until(&self, path: &str, is_so: impl Fn(&Said) -> bool) -> Said {
        for _ in 0..300 {
            let said = self.get(path).await;
            if is_so(&said) {
                return said;
            }
            rest(Duration::from_millis(50)).await;
        }
        panic!("{path} never is as it should be")
    }

    async fn post(&self, path: &str, body: &Value) -> Said {
        ask(self.at, "POST", path, None, &body.to_string()).await
    }

    async fn turn(&self, dial: &str, body: &Value) {
        ask(self.at, "PUT", &format!("/dials/{dial}"), None, &body.to_string()).await.is(200);
    }

    async fn order(&self, key: &str, customer: &str) -> Said {
        ask(self.at, "POST", "/v1/orders", Some(key), &an_ipad(customer).to_string()).await
    }

    /// Places an order, and says where it is to be found.
    async fn placed(&self, key: &str, customer: &str) -> String {
        self.order(key, customer).await.is(202).header("location").unwrap().to_owned()
    }

    async fn end_of(&self, order: &str) -> Said {
        self.get(&format!("{order}?wait=terminal&timeout=30000")).await.is(200)
    }
}

/// An order of one iPad.
fn an_ipad(customer: &str) -> Value {
    json!({
        "customer_id": customer,
        "total_minor": 109_900,
        "currency": "USD",
        "lines": [{"sku": "ipad", "qty": 1, "unit_price_minor": 109_900}],
    })
}
