//! Where a saga of five steps is at home: who coordinates and who works, and their messages, for whoever opens it.

use crate::Failed;
use crate::figure::Figures;
use crate::meter::MEGABYTE;
use ballet::broker::Broker;
use ballet::clock::SystemClock;
use ballet::memory::World;
use ballet::sqlite::Sqlite;
use ballet::store::Store;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "servers")]
use crate::servers::{Connected, Schemas};

/// Where it is. A process that is told so finds there what another has left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Home {
    /// In this process alone.
    Nowhere,
    /// One file for everybody.
    File(PathBuf),
    /// A schema each.
    #[cfg(feature = "servers")]
    Schemas(Schemas),
}

/// A home that is open.
pub struct Opened {
    pub coordinator: Arc<dyn Store>,
    /// If the worker has a store of its own.
    pub worker: Option<Arc<dyn Store>>,
    pub broker: Arc<dyn Broker>,
    kept: Kept,
}

/// What must be closed.
enum Kept {
    Nothing,
    File(Arc<Sqlite>),
    #[cfg(feature = "servers")]
    Servers(Box<Connected>),
}

impl Home {
    /// Makes it, empty.
    pub async fn make(&self) -> Result<(), Failed> {
        match self {
            Self::Nowhere | Self::File(_) => Ok(()),
            #[cfg(feature = "servers")]
            Self::Schemas(schemas) => schemas.make().await,
        }
    }

    /// Opens it, as it is.
    pub async fn open(&self) -> Result<Opened, Failed> {
        match self {
            Self::Nowhere => {
                let node = World::new(Arc::new(SystemClock)).node();
                Ok(Opened::one(node.store(), node.broker(), Kept::Nothing))
            }
            Self::File(file) => {
                let store = Sqlite::open(file).await?;
                Ok(Opened::one(store.clone(), store.clone(), Kept::File(store)))
            }
            #[cfg(feature = "servers")]
            Self::Schemas(schemas) => {
                let connected = schemas.connect().await?;
                Ok(Opened {
                    coordinator: connected.coordinator.clone(),
                    worker: Some(connected.worker.clone()),
                    broker: connected.broker(),
                    kept: Kept::Servers(Box::new(connected)),
                })
            }
        }
    }

    /// How large all of it is, in megabytes.
    pub async fn sizes(&self) -> Result<Figures, Failed> {
        match self {
            Self::Nowhere => Ok(Figures::new()),
            Self::File(file) => {
                let log = PathBuf::from(format!("{}-wal", file.display()));
                let bytes = |file: &Path| std::fs::metadata(file).map_or(0, |file| file.len());
                let all = (bytes(file) + bytes(&log)) as f64;
                Ok(Figures::from([("mb_all".to_owned(), all / MEGABYTE)]))
            }
            #[cfg(feature = "servers")]
            Self::Schemas(schemas) => schemas.sizes().await,
        }
    }

    /// Takes away what servers have of it. Files go with their folder.
    pub async fn forget(&self) -> Result<(), Failed> {
        match self {
            Self::Nowhere | Self::File(_) => Ok(()),
            #[cfg(feature = "servers")]
            Self::Schemas(schemas) => schemas.forget().await,
        }
    }
}

impl Opened {
    fn one(store: Arc<dyn Store>, broker: Arc<dyn Broker>, kept: Kept) -> Self {
        Self { coordinator: store, worker: None, broker, kept }
    }

    /// Closes it, and leaves what is there.
    pub async fn close(self) {
        match self.kept {
            Kept::Nothing => {}
            Kept::File(store) => store.close().await,
            #[cfg(feature = "servers")]
            Kept::Servers(connected) => connected.close().await,
        }
    }
}
