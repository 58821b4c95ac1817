//! Who plays: the processes that the shop consists of.

use crate::fakes::World;
use ballet::{App, Error, Running};
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
}

/// Everybody who plays.
pub type Cast = &'static [Player];

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
