//! Where stands can be opened.

use crate::Failed;
use crate::backend::Backend;
use crate::five::home::Home;
use crate::gauges::Gauges;
use crate::options::Options;
#[cfg(feature = "servers")]
use crate::servers::Servers;
use crate::setting::Folder;
use std::path::PathBuf;
use std::time::Duration;

/// A folder for files, and servers if anybody needs them.
pub struct Ground {
    pub folder: PathBuf,
    /// How many lanes each group has.
    pub lanes: u32,
    /// How many processes coordinate.
    pub coordinators: u32,
    /// How long what is over is kept, if not as long as usual.
    pub keep: Option<Duration>,
    #[cfg(feature = "servers")]
    servers: Option<Servers>,
}

impl Ground {
    fn bare(options: &Options) -> Self {
        let Options { lanes, coordinators, keep, .. } = *options;
        Self {
            folder: options.folder.clone(),
            lanes,
            coordinators,
            keep,
            #[cfg(feature = "servers")]
            servers: None,
        }
    }

    /// With all servers that are needed.
    #[cfg(feature = "servers")]
    pub async fn of(options: &Options) -> Result<Self, Failed> {
        let servers = Servers::of(options).await?;
        Ok(Self { servers, ..Self::bare(options) })
    }

    /// Without servers.
    #[cfg(not(feature = "servers"))]
    pub async fn of(options: &Options) -> Result<Self, Failed> {
        match options.on.iter().find(|on| !on.is_embedded()) {
            None => Ok(Self::bare(options)),
            Some(on) => Err(format!(
                "`{}` was left out of this build: build it with `--features servers`",
                on.name()
            )
            .into()),
        }
    }

    /// A folder of one's own.
    pub fn folder(&self) -> Result<Folder, Failed> {
        Folder::new(&self.folder)
    }

    /// A home that nobody else has, and the folder of its file.
    pub fn home(&self, on: Backend) -> Result<(Home, Option<Folder>), Failed> {
        match on {
            Backend::Sqlite => {
                let folder = self.folder()?;
                Ok((Home::File(folder.file("bench.db")), Some(folder)))
            }
            #[cfg(feature = "servers")]
            Backend::Postgres | Backend::Kafka => {
                Ok((Home::Schemas(self.servers()?.schemas(on)?), None))
            }
            _ => Ok((Home::Nowhere, None)),
        }
    }

    #[cfg(feature = "servers")]
    pub fn servers(&self) -> Result<&Servers, Failed> {
        Ok(self.servers.as_ref().ok_or("there are no servers")?)
    }

    /// What is read before and after a run.
    #[cfg(feature = "servers")]
    pub async fn gauges(&self, on: Backend) -> Result<Gauges, Failed> {
        if on.is_embedded() { Ok(Gauges::embedded()) } else { self.servers()?.gauges(on).await }
    }

    /// What is read before and after a run.
    #[cfg(not(feature = "servers"))]
    pub async fn gauges(&self, _: Backend) -> Result<Gauges, Failed> {
        Ok(Gauges::embedded())
    }
}
