//! What the services stand on: all of them on one file, or each on a schema and the topics of servers.

use crate::cast::Player;
use crate::http::Example;
use ballet::sqlite::Sqlite;
use ballet::{App, Error, ErrorKind};
use std::fmt;
use std::sync::Arc;

/// The lanes of every service on one file. It is pinned by the first start.
const LANES: u32 = 2;

/// What the services of a process stand on, and which of them it serves.
pub struct Ground {
    kind: Kind,
    only: Option<Vec<String>>,
}

enum Kind {
    File(Arc<Sqlite>),
    #[cfg(feature = "servers")]
    Servers(crate::http::servers::Servers),
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_shared() { "servers" } else { "one file" };
        write!(f, "{what}, for {:?}", self.only)
    }
}

impl From<Arc<Sqlite>> for Ground {
    fn from(file: Arc<Sqlite>) -> Self {
        Self { kind: Kind::File(file), only: None }
    }
}

#[cfg(feature = "servers")]
impl From<crate::http::servers::Servers> for Ground {
    fn from(servers: crate::http::servers::Servers) -> Self {
        Self { kind: Kind::Servers(servers), only: None }
    }
}

impl Ground {
    /// The same for some services only; `None` is for all.
    #[must_use]
    pub fn only(self, services: Option<Vec<String>>) -> Self {
        Self { only: services, ..self }
    }

    /// Refuses names of services that nobody has.
    pub(super) fn check(&self, example: &Example) -> Result<(), Error> {
        check(self.only.as_deref(), example)
    }

    /// Whether a service is served here.
    pub(super) fn has(&self, player: &Player) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == player.name))
    }

    /// Whether other processes may serve the same, and services have stores of their own.
    #[cfg(feature = "servers")]
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Servers(_))
    }

    /// Whether other processes may serve the same, and services have stores of their own.
    #[cfg(not(feature = "servers"))]
    pub(super) const fn is_shared(&self) -> bool {
        false
    }

    /// How many lanes every service has.
    pub(super) const fn lanes(&self) -> u32 {
        match &self.kind {
            Kind::File(_) => LANES,
            #[cfg(feature = "servers")]
            Kind::Servers(servers) => servers.lanes(),
        }
    }

    /// An app that serves nothing yet, for this service.
    #[cfg_attr(not(feature = "servers"), allow(clippy::unused_async, unused_variables))]
    pub(super) async fn app(&self, service: &'static str) -> Result<App, Error> {
        let app = match &self.kind {
            Kind::File(file) => App::new(file.clone()),
            #[cfg(feature = "servers")]
            Kind::Servers(servers) => servers.app(service).await?,
        };
        Ok(app.lanes(self.lanes()))
    }

    /// Lets go of what is held.
    #[cfg_attr(not(feature = "servers"), allow(irrefutable_let_patterns))]
    pub(super) async fn close(&self) {
        if let Kind::File(file) = &self.kind {
            file.close().await;
        }
    }
}

/// Refuses names of services that nobody has.
pub(super) fn check(only: Option<&[String]>, example: &Example) -> Result<(), Error> {
    let names: Vec<_> = example.cast.iter().chain(example.beside).map(|it| it.name).collect();
    match only.into_iter().flatten().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let told = format!("there is no service `{name}`; there are {}", names.join(", "));
            Err(Error::new(ErrorKind::Definition, told))
        }
    }
}
