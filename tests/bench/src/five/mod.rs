//! The saga of five steps over the engine: who coordinates, who works, and where all is kept.

pub mod saga;
mod size;

use crate::Failed;
use crate::backend::Backend;
use crate::ground::Ground;
use crate::setting::Folder;
use crate::stand::{Counts, Stand};
use async_trait::async_trait;
use ballet::broker::Broker;
use ballet::clock::SystemClock;
use ballet::memory::World;
use ballet::message::{commands_of, replies_of};
use ballet::sqlite::Sqlite;
use ballet::store::Store;
use ballet::{App, Outcome, Running, Saga};
use saga::{EFFECTS, FiveSteps, Orders, WORKER, Worker};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "servers")]
use crate::servers::Schemas;

/// The topics of the saga.
pub fn topics() -> [String; 2] {
    [commands_of(WORKER), replies_of(FiveSteps::NAME)]
}

/// Apps at work for one run, over stores that nobody else uses.
pub struct Five {
    coordinator: Running,
    /// If the worker has a store of its own.
    worker: Option<Running>,
    broker: Arc<dyn Broker>,
    kept: Kept,
    orders: Orders,
    /// What begins a saga is in no log.
    begun: AtomicU64,
}

/// Where all is kept.
enum Kept {
    Nowhere,
    File(Arc<Sqlite>, Folder),
    #[cfg(feature = "servers")]
    Schemas(Schemas),
}

impl Five {
    /// Everybody at work.
    pub async fn open(on: Backend, ground: &Ground, orders: Orders) -> Result<Self, Failed> {
        match on {
            Backend::Sqlite => {
                let folder = ground.folder()?;
                let store = Sqlite::open(folder.file("bench.db")).await?;
                let broker: Arc<dyn Broker> = store.clone();
                let kept = Kept::File(store.clone(), folder);
                Self::in_one(store, broker, kept, ground, orders).await
            }
            #[cfg(feature = "servers")]
            Backend::Postgres | Backend::Kafka => {
                Self::apart(ground.servers()?.schemas(on).await?, ground, orders).await
            }
            _ => {
                let node = World::new(Arc::new(SystemClock)).node();
                Self::in_one(node.store(), node.broker(), Kept::Nowhere, ground, orders).await
            }
        }
    }

    /// Coordinator and worker over the same store.
    async fn in_one(
        store: Arc<dyn Store>,
        broker: Arc<dyn Broker>,
        kept: Kept,
        ground: &Ground,
        orders: Orders,
    ) -> Result<Self, Failed> {
        let app = App::new(store).broker(broker.clone()).lanes(ground.lanes);
        let coordinator = app.saga(FiveSteps).reactor(Worker).start().await?;
        let begun = AtomicU64::new(0);
        Ok(Self { coordinator, worker: None, broker, kept, orders, begun })
    }

    /// Coordinator and worker over a schema each.
    #[cfg(feature = "servers")]
    async fn apart(schemas: Schemas, ground: &Ground, orders: Orders) -> Result<Self, Failed> {
        let broker = schemas.broker();
        let of = |store: &Arc<ballet::postgres::Postgres>| {
            App::new(store.clone()).broker(broker.clone()).lanes(ground.lanes)
        };
        let worker = Some(of(&schemas.worker).reactor(Worker).start().await?);
        let coordinator = of(&schemas.coordinator).saga(FiveSteps).start().await?;
        let (kept, begun) = (Kept::Schemas(schemas), AtomicU64::new(0));
        Ok(Self { coordinator, worker, broker, kept, orders, begun })
    }

    fn apps(&self) -> impl Iterator<Item = &Running> {
        [&self.coordinator].into_iter().chain(&self.worker)
    }
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
            for partition in 0..self.broker.partitions(&topic).await? {
                messages += self.broker.range(&topic, partition).await?.end;
            }
        }
        let lanes = self.apps().flat_map(|app| app.health().into_values());
        Ok(Counts { messages, batches: lanes.map(|health| health.batches).sum() })
    }

    fn messages_of(&self, first: u64, count: u64) -> Option<u64> {
        Some(self.orders.messages_of(first, count))
    }

    async fn bytes(&self) -> Result<Option<u64>, Failed> {
        Ok(Some(size::of(&*self.broker, &topics()).await?))
    }

    async fn check(&self, count: u64) -> Result<(), Failed> {
        let worker = self.worker.as_ref().unwrap_or(&self.coordinator);
        let found = worker.rows::<Worker, _, _>(EFFECTS).await?.into_iter().collect();
        self.orders.check(count, &found)
    }

    async fn close(self: Arc<Self>) -> Result<(), Failed> {
        let Some(Self { coordinator, worker, kept, broker, .. }) = Arc::into_inner(self) else {
            return Err("somebody still works here".into());
        };
        for app in [coordinator].into_iter().chain(worker) {
            app.stop().await;
        }
        drop(broker);
        match kept {
            Kept::Nowhere => Ok(()),
            Kept::File(store, folder) => {
                store.close().await;
                drop(folder);
                Ok(())
            }
            #[cfg(feature = "servers")]
            Kept::Schemas(schemas) => schemas.drop().await,
        }
    }
}
