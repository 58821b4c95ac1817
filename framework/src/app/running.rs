//! A running application.

use crate::app::define::Definitions;
use crate::broker::Broker;
use crate::coordinator::Carrier;
use crate::engine::{Group, Handler, Hub, Settings, Wiring};
use crate::error::{Error, ErrorKind};
use crate::store::{LaneId, Position, Store};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An application at work. Dropping it is like killing it: everything goes on where it was when it is
/// started again. [`stop`](Running::stop) is more polite and changes nothing else.
pub struct Running {
    pub(super) wiring: Arc<Wiring>,
    pub(super) shapes: BTreeMap<&'static str, Arc<dyn Carrier>>,
    stop: watch::Sender<bool>,
    groups: JoinSet<()>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an app at work in {} groups", self.groups.len())
    }
}

impl Running {
    pub(super) async fn start(
        store: Arc<dyn Store>,
        broker: Option<Arc<dyn Broker>>,
        lanes: u32,
        settings: Settings,
        definitions: Definitions,
    ) -> Result<Self, Error> {
        let broker = broker.ok_or_else(|| {
            Error::new(ErrorKind::Definition, "this store has no broker of its own: give one")
        })?;
        let topics = definitions.topics(lanes)?;
        for topic in topics.values() {
            broker.ensure(topic).await?;
        }
        for handler in &definitions.handlers {
            register(&*store, &*broker, &**handler, lanes).await?;
        }
        let (stop, stopped) = watch::channel(false);
        let wiring = Arc::new(Wiring {
            incarnation: store.incarnation(),
            store,
            broker,
            hub: Hub::default(),
            settings: Arc::new(settings),
            lanes,
            topics,
            stop: stopped,
        });
        let mut groups = JoinSet::new();
        for handler in definitions.handlers {
            groups.spawn(Group::new(handler, Arc::clone(&wiring)).run());
        }
        Ok(Self { wiring, shapes: definitions.shapes, stop, groups })
    }

    /// Stops: no new batch is begun, what is under way is finished, what was written down is published.
    ///
    /// # If the process dies
    ///
    /// Instead of this, nothing is lost: it only goes on a little later.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while let Some(ended) = self.groups.join_next().await {
            if let Err(told) = ended {
                tracing::error!(%told, "a group ended badly");
            }
        }
    }
}

/// Writes down where a group begins, before anything can be said that it must hear.
async fn register(
    store: &dyn Store,
    broker: &dyn Broker,
    handler: &dyn Handler,
    lanes: u32,
) -> Result<(), Error> {
    for lane in 0..lanes {
        let mut positions = BTreeMap::new();
        for source in handler.sources() {
            let range = broker.range(&source.topic, lane).await?;
            let from = if source.from_the_beginning { range.start } else { range.end };
            positions.insert(source.topic, Position { next: from, from });
        }
        store.register(&LaneId::new(handler.group(), lane), &positions).await?;
    }
    Ok(())
}
