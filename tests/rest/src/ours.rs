//! Ours: an example at work over HTTP, in this process, on a file.

use crate::caller::{Caller, Said, Silence};
use axum::http::StatusCode;
use ballet::Settings;
use ballet::sqlite::Sqlite;
use bench::Failed;
use bench::setting::Folder;
use shop::contracts::{Customer, ORDERS, ReceiveStock, SaveCustomer};
use shop::fakes::World;
use shop::http::{Desk, Example, FAREWELL, Limits, Runs, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// How long an answer may take before anything is measured.
const LONG: Duration = Duration::from_secs(60);
/// How many customers are written down side by side.
const AT_ONCE: usize = 100;
/// How often to ask again for the end of an order, each time for half a minute.
const ASKED_AT_MOST: usize = 10;

/// The example with a coordinator.
pub fn orchestrated() -> Example {
    let runs = Some(Runs::of::<orchestrated::Purchase>());
    Example { name: "orchestrated", cast: orchestrated::CAST, beside: &[], runs }
}

/// The example by reactions.
pub fn choreographed() -> Example {
    let (cast, beside) = (choreographed::CAST, choreographed::BESIDE);
    Example { name: "choreographed", cast, beside, runs: None }
}

/// A shop that serves.
#[derive(Debug)]
pub struct Ours {
    example: Example,
    at: SocketAddr,
    /// `None` while Orders is away.
    serving: Option<Serving>,
    world: World,
    buyers: usize,
    folder: Folder,
}

#[derive(Debug)]
struct Serving {
    desk: Arc<Desk>,
    end: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Ours {
    /// Opens with something to buy for each of these.
    pub async fn open(
        folder: Folder,
        buyers: &[Customer],
        example: Example,
    ) -> Result<Self, Failed> {
        let (world, count) = (World::default(), buyers.len());
        let (at, serving) = begin(&example, &folder, &world, count).await?;
        stock(&serving.desk, count).await?;
        for some in buyers.chunks(AT_ONCE) {
            admit(&serving.desk, some).await?;
        }
        Ok(Self { example, at, serving: Some(serving), world, buyers: count, folder })
    }

    /// Submits an order.
    pub async fn submit(&self, customer: &Caller, order: String) -> Result<Said, Silence> {
        customer.ask(self.at, "POST", "/v1/orders", order).await
    }

    /// Waits for the end of an order, and says whether it was shipped.
    pub async fn is_shipped(&self, customer: &Caller, order: &str) -> Result<bool, Failed> {
        let path = format!("{order}?wait=terminal&timeout=30000");
        for _ in 0..ASKED_AT_MOST {
            let said = customer.ask(self.at, "GET", &path, "").await.map_err(silent)?;
            if said.status == StatusCode::OK {
                let seen: serde_json::Value = serde_json::from_slice(&said.body)?;
                return Ok(seen["status"] == "shipped");
            }
        }
        Err(format!("`{order}` does not come to its end").into())
    }

    /// Sends a service away, or calls it back. Orders is who answers here: without it the program ends, and
    /// then begins again on its file.
    pub async fn turn(&mut self, caller: &Caller, name: &str, up: bool) -> Result<(), Failed> {
        if name == ORDERS {
            return self.turn_orders(up).await;
        }
        let wire = if up { "up" } else { "down" };
        let (path, dial) = (format!("/dials/services/{name}"), format!(r#"{{"wire":"{wire}"}}"#));
        let said = caller.ask(self.at, "PUT", &path, dial).await.map_err(silent)?;
        let seen: serde_json::Value = serde_json::from_slice(&said.body)?;
        match seen["services"][name] == up {
            true => Ok(()),
            false => Err(format!("`{name}` cannot be turned {wire}: {seen}").into()),
        }
    }

    async fn turn_orders(&mut self, up: bool) -> Result<(), Failed> {
        if let Some(serving) = self.serving.take() {
            serving.end().await?;
        }
        if up {
            let begun = begin(&self.example, &self.folder, &self.world, self.buyers).await?;
            (self.at, self.serving) = (begun.0, Some(begun.1));
        }
        Ok(())
    }

    /// Sends everybody home, and takes away what they have left.
    pub async fn close(mut self) -> Result<(), Failed> {
        self.turn_orders(false).await
    }
}

impl Serving {
    async fn end(self) -> Result<(), Failed> {
        let Self { desk, end, served } = self;
        drop((desk, end));
        Ok(served.await??)
    }
}

fn silent(silence: Silence) -> Failed {
    format!("the shop does not answer: {silence:?}").into()
}

async fn begin(
    example: &Example,
    folder: &Folder,
    world: &World,
    buyers: usize,
) -> Result<(SocketAddr, Serving), Failed> {
    let store = Sqlite::open(folder.file("shop.db")).await?;
    let limits = Limits { in_flight: buyers + 1, engine: Settings::default(), seed: true };
    let desk = Desk::open(example, store, world.clone(), limits).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (at, (end, ended)) = (listener.local_addr()?, oneshot::channel::<()>());
    let ended = async move {
        let _ = ended.await;
    };
    let served = tokio::spawn(serve(listener, Arc::clone(&desk), ended, FAREWELL));
    Ok((at, Serving { desk, end, served }))
}

/// An iPad for everybody.
async fn stock(desk: &Desk, buyers: usize) -> Result<(), Failed> {
    let ask = ReceiveStock { sku: "ipad".to_owned(), qty: i64::try_from(buyers)? };
    match desk.ask("stock", "ipad", &ask, LONG).await? {
        Some(Ok(_)) => Ok(()),
        _ => Err("Inventory takes no iPads".into()),
    }
}

/// Customers writes these down.
async fn admit(desk: &Arc<Desk>, buyers: &[Customer]) -> Result<(), Failed> {
    let mut asking = JoinSet::new();
    for customer in buyers.iter().cloned() {
        let desk = Arc::clone(desk);
        asking.spawn(async move {
            let id = customer.customer_id.clone();
            desk.ask(&format!("buyer/{id}"), &id, &SaveCustomer { customer }, LONG).await
        });
    }
    while let Some(asked) = asking.join_next().await {
        match asked?? {
            Some(Ok(())) => {}
            other => return Err(format!("Customers does not know somebody: {other:?}").into()),
        }
    }
    Ok(())
}
