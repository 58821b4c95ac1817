//! What the shop stands on: a fresh file, or fresh schemas in a Postgres and the topics of a Kafka.

#[cfg(feature = "servers")]
use crate::servers::{Schemas, Servers};
use ballet::App;
use ballet::broker::Broker;
use ballet::sqlite::Sqlite;
use shop::cast::Cast;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Where shops can be opened.
pub enum Ground {
    /// Each in a file of its own.
    Files,
    /// Each in schemas of its own, one after the other: the topics are made and taken away each time.
    #[cfg(feature = "servers")]
    Servers(Servers),
}

impl Ground {
    /// What it is, for people.
    pub const fn told(&self) -> &'static str {
        match self {
            Self::Files => {
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
            Ground::Files => {
                let _ = cast;
                let folder = std::env::temp_dir().join(name);
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
        match self {
            Self::File(store, _) => {
                let _ = service;
                Ok(App::new(store.clone()))
            }
            #[cfg(feature = "servers")]
            Self::Servers(schemas) => schemas.app(service),
        }
    }

    /// Where messages are.
    pub fn broker(&self) -> &dyn Broker {
        match self {
            Self::File(store, _) => &**store,
            #[cfg(feature = "servers")]
            Self::Servers(schemas) => schemas.broker(),
        }
    }

    /// Takes away what is there.
    pub async fn leave(self) -> Result<(), Failed> {
        match self {
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
