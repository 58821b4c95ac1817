//! What may stand between the services and what they stand on. Nothing does, unless a test that wants to
//! see a process end at a certain moment puts something there.

use crate::fakes::World;
use ballet::broker::Broker;
use ballet::store::Store;
use std::sync::Arc;

/// Stands between the services of a process and their servers, and the world outside.
pub trait Between: Send + Sync + 'static {
    /// What a service is given for its store.
    fn store(&self, _service: &'static str, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }

    /// What a service is given for its broker.
    fn broker(&self, _service: &'static str, broker: Arc<dyn Broker>) -> Arc<dyn Broker> {
        broker
    }

    /// What all services are given for the world outside.
    fn world(&self, world: World) -> World {
        world
    }
}

/// Nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Between for Nothing {}
