//! Who plays: the processes that the shop consists of.

use crate::fakes::World;
use ballet::{App, Error, Reactor, Running, Topology, View};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A process that is about to be at work.
pub type Starting = Pin<Box<dyn Future<Output = Result<Running, Error>> + Send>>;

/// A process of the shop: its name, which is that of its service, and how it starts.
#[derive(Clone, Copy)]
pub struct Player {
    /// The name.
    pub name: &'static str,
    /// Starts it, over the store and the broker of an app that serves nothing yet.
    pub start: fn(App, &World) -> Starting,
    /// What it reads and writes.
    pub topics: fn(Topology) -> Topology,
}

impl Player {
    /// A service that needs nobody outside.
    #[must_use]
    pub const fn of<R: Reactor + Default>() -> Self {
        Self {
            name: R::NAME,
            start: |app, _| Box::pin(app.reactor(R::default()).start()),
            topics: Topology::reactor::<R>,
        }
    }

    /// A service that calls the outside.
    #[must_use]
    pub const fn outward<R>() -> Self
    where
        R: Reactor + for<'w> From<&'w World>,
    {
        Self {
            name: R::NAME,
            start: |app, world| Box::pin(app.reactor(R::from(world)).start()),
            topics: Topology::reactor::<R>,
        }
    }

    /// A service that calls the outside, and keeps a copy of what another one owns.
    #[must_use]
    pub const fn outward_with<R, V>() -> Self
    where
        R: Reactor + for<'w> From<&'w World>,
        V: View,
    {
        let start = |app: App, world: &World| -> Starting {
            Box::pin(app.view::<V>().reactor(R::from(world)).start())
        };
        Self { name: R::NAME, start, topics: |topology| topology.view::<V>().reactor::<R>() }
    }
}

/// Who reads and writes which topics.
#[must_use]
pub fn topology<'p>(players: impl IntoIterator<Item = &'p Player>) -> Topology {
    let add = |topology: Topology, player: &Player| (player.topics)(topology.service(player.name));
    players.into_iter().fold(Topology::new(), add)
}

/// Everybody who plays.
pub type Cast = &'static [Player];

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
