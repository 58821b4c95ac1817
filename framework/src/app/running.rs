//! A running application.

use crate::app::define::Definitions;
use crate::broker::Broker;
use crate::coordinator::Carrier;
use crate::engine::{Hub, Settings, Wiring, chores, serve};
use crate::error::{Error, ErrorKind};
use crate::store::Store;
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
        let own = store.log().and_then(|log| log.fused());
        if own.is_some() && broker.fused() != own {
            let text = "this store appends what is said to its own log, and nothing would reach the broker that \
                        was given: leave out `App::broker`, or open Postgres without a log";
            return Err(Error::new(ErrorKind::Definition, text));
        }
        settings.retention.check(definitions.longest.as_ref())?;
        let topics = definitions.topics(lanes)?;
        for topic in topics.values() {
            broker.ensure(topic).await?;
            if let Some(kept) = broker.retention(&topic.name).await?.filter(|_| !topic.compacted) {
                settings.retention.check_kept(&topic.name, kept, definitions.longest.as_ref())?;
            }
        }
        let partitions = topics.into_values().map(|topic| (topic.name, topic.partitions)).collect();
        let (stop, stopped) = watch::channel(false);
        let wiring = Arc::new(Wiring {
            incarnation: store.incarnation(),
            store,
            broker,
            hub: Hub::default(),
            settings: Arc::new(settings),
            lanes,
            partitions: Arc::new(partitions),
            stop: stopped,
        });
        for handler in definitions.handlers.iter().filter(|handler| handler.renewal().is_none()) {
            wiring.register(&**handler).await?;
        }
        for handler in &definitions.handlers {
            wiring.hub.expect(handler.group());
        }
        let mut groups = JoinSet::new();
        groups.spawn(chores(Arc::clone(&wiring)));
        for handler in definitions.handlers {
            groups.spawn(serve(handler, Arc::clone(&wiring)));
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
