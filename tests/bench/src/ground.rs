//! Where stands can be opened.

use crate::Failed;
use crate::backend::Backend;
use crate::gauges::Gauges;
use crate::options::Options;
#[cfg(feature = "servers")]
use crate::servers::Servers;
use crate::setting::Folder;
use std::path::PathBuf;

/// A folder for files, and servers if anybody needs them.
pub struct Ground {
    pub folder: PathBuf,
    /// How many lanes each group has.
    pub lanes: u32,
    #[cfg(feature = "servers")]
    servers: Option<Servers>,
}

impl Ground {
    /// With all servers that are needed.
    #[cfg(feature = "servers")]
    pub async fn of(options: &Options) -> Result<Self, Failed> {
        let servers = Servers::of(options).await?;
        Ok(Self { folder: options.folder.clone(), lanes: options.lanes, servers })
    }

    /// Without servers.
    #[cfg(not(feature = "servers"))]
    pub async fn of(options: &Options) -> Result<Self, Failed> {
        match options.on.iter().find(|on| !on.is_embedded()) {
            None => Ok(Self { folder: options.folder.clone(), lanes: options.lanes }),
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
