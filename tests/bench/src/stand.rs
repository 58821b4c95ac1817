//! What a run stands on: who coordinates, who works, and where all is kept.

use crate::Failed;
use crate::options::Options;
use crate::saga::{FiveSteps, Worker};
#[cfg(feature = "servers")]
use crate::servers::{Schemas, Servers};
use crate::setting::Folder;
use ballet::sqlite::Sqlite;
use ballet::{App, Running};
use sqlx::{Connection, Row, SqliteConnection};
use std::sync::Arc;

/// Where runs take place.
pub enum Ground {
    /// Everything in one process, over a file for each run.
    File,
    /// Coordinator and worker over a schema each, for each run, and topics.
    #[cfg(feature = "servers")]
    Servers(Servers),
}

impl Ground {
    /// The mode that it is measured by.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File => "sqlite",
            #[cfg(feature = "servers")]
            Self::Servers(_) => "kafka",
        }
    }

    /// Whether it is one file.
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File)
    }
}

/// Apps at work for one run, over stores that nobody else uses.
pub struct Stand {
    coordinator: Arc<Running>,
    /// The same, if there is one app.
    worker: Arc<Running>,
    kept: Kept,
}

/// Where all is kept.
enum Kept {
    File(Arc<Sqlite>, Folder),
    #[cfg(feature = "servers")]
    Servers(Schemas),
}

const FILE: &str = "bench.db";

impl Stand {
    /// Everybody at work.
    pub async fn open(ground: &Ground, options: &Options) -> Result<Self, Failed> {
        match ground {
            Ground::File => Self::over_file(options).await,
            #[cfg(feature = "servers")]
            Ground::Servers(servers) => Self::over(servers.schemas().await?, options).await,
        }
    }

    async fn over_file(options: &Options) -> Result<Self, Failed> {
        let folder = Folder::new(&options.folder)?;
        let store = Sqlite::open(folder.file(FILE)).await?;
        let app = App::new(store.clone()).lanes(options.lanes).saga(FiveSteps).reactor(Worker);
        let app = Arc::new(app.start().await?);
        Ok(Self { coordinator: app.clone(), worker: app, kept: Kept::File(store, folder) })
    }

    #[cfg(feature = "servers")]
    async fn over(schemas: Schemas, options: &Options) -> Result<Self, Failed> {
        let of = |store: &Arc<ballet::postgres::Postgres>| {
            App::new(store.clone()).broker(schemas.kafka.clone()).lanes(options.lanes)
        };
        let worker = of(&schemas.worker).reactor(Worker).start().await?;
        let coordinator = of(&schemas.coordinator).saga(FiveSteps).start().await?;
        let (coordinator, worker) = (Arc::new(coordinator), Arc::new(worker));
        Ok(Self { coordinator, worker, kept: Kept::Servers(schemas) })
    }

    /// Who begins sagas and drives them.
    pub const fn coordinator(&self) -> &Arc<Running> {
        &self.coordinator
    }

    /// Who leaves the effects.
    pub const fn worker(&self) -> &Arc<Running> {
        &self.worker
    }

    /// How many batches all lanes have committed.
    pub fn batches(&self) -> u64 {
        let mut lanes = self.coordinator.health();
        lanes.extend(self.worker.health());
        lanes.values().map(|health| health.batches).sum()
    }

    /// How many messages are in the log.
    pub async fn messages(&self) -> Result<u64, Failed> {
        match &self.kept {
            Kept::File(_, folder) => {
                let url = format!("sqlite://{}", folder.file(FILE).display());
                let mut db = SqliteConnection::connect(&url).await?;
                let row = sqlx::query("SELECT count(*) FROM log").fetch_one(&mut db).await?;
                db.close().await?;
                Ok(u64::try_from(row.get::<i64, _>(0))?)
            }
            #[cfg(feature = "servers")]
            Kept::Servers(schemas) => schemas.messages().await,
        }
    }

    /// Ends the work, and takes away what it has left.
    pub async fn close(self) -> Result<(), Failed> {
        let Self { coordinator, worker, kept } = self;
        for app in [coordinator, worker] {
            if let Some(app) = Arc::into_inner(app) {
                app.stop().await;
            }
        }
        match kept {
            Kept::File(store, folder) => {
                store.close().await;
                drop(folder);
                Ok(())
            }
            #[cfg(feature = "servers")]
            Kept::Servers(schemas) => schemas.drop().await,
        }
    }
}
