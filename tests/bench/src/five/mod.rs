//! The saga of five steps over the engine: who coordinates, who works, and where all is kept.

pub mod home;
pub mod owner;
mod serve;
pub(crate) mod size;

pub use bench::saga;

use crate::Failed;
use crate::backend::Backend;
use crate::figure::Figures;
use crate::ground::Ground;
use crate::processes::Server;
use crate::setting::Folder;
use crate::stand::{Counts, Stand};
use async_trait::async_trait;
use ballet::broker::Broker;
use ballet::message::{commands_of, replies_of};
use ballet::store::Store;
use ballet::{App, Outcome, Retention, Running, Saga, Settings};
use home::{Home, Opened};
use owner::{Deed, Owner, Task};
use saga::{EFFECTS, FiveSteps, Orders, WORKER, Worker};
pub use serve::serve;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The topics of the saga.
pub fn topics() -> [String; 2] {
    [commands_of(WORKER), replies_of(FiveSteps::NAME)]
}

/// How many messages a topic has got.
async fn said(broker: &dyn Broker, topic: &str) -> Result<u64, Failed> {
    let mut all = 0;
    for partition in 0..broker.partitions(topic).await? {
        all += broker.range(topic, partition).await?.end;
    }
    Ok(all)
}

/// Apps at work for one run, over stores that nobody else uses.
pub struct Five {
    coordinator: Running,
    /// If the worker has a store of its own.
    worker: Option<Running>,
    opened: Opened,
    home: Home,
    /// Coordinators in processes of their own.
    helpers: Vec<Owner>,
    orders: Orders,
    /// What begins a saga is in no log.
    begun: AtomicU64,
    /// Where files are.
    _folder: Option<Folder>,
}

impl Five {
    /// Everybody at work.
    pub async fn open(on: Backend, ground: &Ground, orders: Orders) -> Result<Self, Failed> {
        let (home, folder) = ground.home(on)?;
        home.make().await?;
        let opened = home.open().await?;
        let settings = settings(ground.keep);
        let of = |store: &Arc<dyn Store>| {
            let app = App::new(store.clone()).broker(opened.broker.clone()).lanes(ground.lanes);
            app.settings(settings.clone())
        };
        let worker = match &opened.worker {
            Some(store) => Some(of(store).reactor(Worker).start().await?),
            None => None,
        };
        let app = of(&opened.coordinator).saga(FiveSteps::default());
        let coordinator = match worker {
            Some(_) => app.start().await?,
            None => app.reactor(Worker).start().await?,
        };
        let mut helpers = Vec::new();
        for _ in 1..ground.coordinators {
            let task = Task { home: home.clone(), lanes: ground.lanes, deed: Deed::Help };
            let mut helper = Owner::start(&task)?;
            let () = helper.told().await?;
            helpers.push(helper);
        }
        let begun = AtomicU64::new(0);
        Ok(Self { coordinator, worker, opened, home, helpers, orders, begun, _folder: folder })
    }

    fn apps(&self) -> impl Iterator<Item = &Running> {
        [&self.coordinator].into_iter().chain(&self.worker)
    }
}

/// How long a step waits at most.
const LONGEST: Duration = Duration::from_secs(60);

/// The engine's, but for how long what is over is kept. Barriers must outlive what is sent again.
fn settings(keep: Option<Duration>) -> Settings {
    let Some(keep) = keep else { return Settings::default() };
    let retention = Retention {
        log: keep,
        unread: keep,
        outbox: keep,
        archive: keep,
        barriers: keep + LONGEST,
        seen: keep,
        dead_letters: keep,
        every: Duration::from_secs(5),
        ..Retention::default()
    };
    Settings { retention, ..Settings::default() }
}

#[async_trait]
impl Stand for Five {
    async fn one(&self, number: u64) -> Result<(), Failed> {
        let order = self.orders.of(number);
        self.begun.fetch_add(1, Ordering::Relaxed);
        let run = self.coordinator.begin::<FiveSteps>(number.to_string(), &order).await?;
        match (run.outcome().await?, order.fails) {
            (Outcome::Completed, false) | (Outcome::Compensated(_), true) => Ok(()),
            (ended, _) => Err(format!("saga {number} ended otherwise: {ended:?}").into()),
        }
    }

    async fn counts(&self) -> Result<Counts, Failed> {
        let mut messages = self.begun.load(Ordering::Relaxed);
        for topic in topics() {
            messages += said(&*self.opened.broker, &topic).await?;
        }
        let lanes = self.apps().flat_map(|app| app.health().into_values());
        // Of the lanes of others nobody here knows.
        let batches = match self.helpers.is_empty() {
            true => lanes.map(|health| health.batches).sum(),
            false => 0,
        };
        Ok(Counts { messages, batches })
    }

    fn messages_of(&self, first: u64, count: u64) -> Option<u64> {
        Some(self.orders.messages_of(first, count))
    }

    async fn bytes(&self) -> Result<Option<u64>, Failed> {
        Ok(Some(size::of(&*self.opened.broker, &topics()).await?))
    }

    async fn check(&self, count: u64) -> Result<(), Failed> {
        let worker = self.worker.as_ref().unwrap_or(&self.coordinator);
        let found = worker.rows::<Worker, _, _>(EFFECTS).await?.into_iter().collect();
        self.orders.check(count, &found)
    }

    async fn sizes(&self) -> Result<Figures, Failed> {
        self.home.sizes().await
    }

    fn helpers(&self) -> Vec<Server> {
        self.helpers.iter().map(Owner::process).collect()
    }

    async fn close(self: Arc<Self>) -> Result<(), Failed> {
        let Some(Self { coordinator, worker, opened, home, helpers, .. }) = Arc::into_inner(self)
        else {
            return Err("somebody still works here".into());
        };
        for helper in helpers {
            helper.dismiss().await?;
        }
        for app in [coordinator].into_iter().chain(worker) {
            app.stop().await;
        }
        opened.close().await;
        home.forget().await
    }
}
