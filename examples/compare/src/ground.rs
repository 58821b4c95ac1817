//! What the shop stands on: a fresh file, or fresh schemas in a Postgres and the topics of a Kafka.

use crate::Failed;
#[cfg(feature = "servers")]
use crate::servers::{Schemas, Servers};
use ballet::App;
use ballet::broker::Broker;
use ballet::clock::SystemClock;
use ballet::memory::{Node, World};
use ballet::sqlite::Sqlite;
use shop::cast::Cast;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where shops can be opened.
pub enum Ground {
    /// Nothing is kept.
    Memory,
    /// Each in a file of its own, in a folder of its own in this one.
    Files(PathBuf),
    /// Each in schemas of its own, one after the other: the topics are made and taken away each time.
    #[cfg(feature = "servers")]
    Servers(Servers),
}

impl Ground {
    /// What it is, for people.
    pub const fn told(&self) -> &'static str {
        match self {
            Self::Memory => "nothing is kept; all services in one process",
            Self::Files(_) => {
                "store and broker embedded, one SQLite file for each way, all services in one process"
            }
            #[cfg(feature = "servers")]
            Self::Servers(_) => {
                "Postgres, a schema for each service, and Kafka; all services in one process"
            }
        }
    }
}

/// Where one shop is.
pub enum Place {
    Memory(Node),
    File(Arc<Sqlite>, Folder),
    #[cfg(feature = "servers")]
    Servers(Schemas),
}

/// A folder that goes with its shop.
pub struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(told) = std::fs::remove_dir_all(&self.0) {
            eprintln!("`{}` cannot be removed: {told}", self.0.display());
        }
    }
}

impl Place {
    /// A new one, for everybody of this cast.
    pub async fn take(ground: &Ground, cast: Cast) -> Result<Self, Failed> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name =
            format!("ballet_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match ground {
            Ground::Memory => Ok(Self::Memory(World::new(Arc::new(SystemClock)).node())),
            Ground::Files(folder) => {
                let _ = cast;
                let folder = folder.join(name);
                std::fs::create_dir_all(&folder)?;
                let folder = Folder(folder);
                Ok(Self::File(Sqlite::open(folder.0.join("shop.db")).await?, folder))
            }
            #[cfg(feature = "servers")]
            Ground::Servers(servers) => Ok(Self::Servers(servers.schemas(&name, cast).await?)),
        }
    }

    /// An app of a service that serves nothing yet.
    pub fn app(&self, service: &str) -> Result<App, Failed> {
        let _ = service;
        match self {
            Self::Memory(node) => Ok(App::new(node.store()).broker(node.broker())),
            Self::File(store, _) => Ok(App::new(store.clone())),
            #[cfg(feature = "servers")]
            Self::Servers(schemas) => schemas.app(service),
        }
    }

    /// Where messages are.
    pub fn broker(&self) -> Arc<dyn Broker> {
        match self {
            Self::Memory(node) => node.broker(),
            Self::File(store, _) => store.clone(),
            #[cfg(feature = "servers")]
            Self::Servers(schemas) => schemas.broker(),
        }
    }

    /// Takes away what is there.
    pub async fn leave(self) -> Result<(), Failed> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::File(store, folder) => {
                store.close().await;
                drop(folder);
                Ok(())
            }
            #[cfg(feature = "servers")]
            Self::Servers(schemas) => schemas.drop().await,
        }
    }
}
