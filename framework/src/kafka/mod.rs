//! Kafka as the broker.
//!
//! What a lane has read is written with what came of it, in the lane's own store; Kafka's offsets and
//! Kafka's transactions play no part in the guarantees. Partitions are computed by us, producers are
//! idempotent and wait for all replicas, and which member reads which lane is agreed on in a small topic
//! of the group's own, `<group>.lanes`. What a message looks like there is told in
//! `docs/reference/wire.md`.

mod admin;
mod away;
mod config;
mod fetch;
mod incoming;
mod member;
mod produce;
mod queue;
mod receipt;
#[cfg(test)]
mod tests;
mod trouble;
mod url;

pub use config::{Config, Sasl, Security};

use crate::broker::{Broker, Member, Range, TopicSpec};
use crate::error::Error;
use crate::message::Outgoing;
use admin::Admin;
use async_trait::async_trait;
use member::{Membership, lanes_of};
use produce::Producing;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A Kafka cluster.
///
/// ```no_run
/// use ballet::App;
/// use ballet::kafka::{Config, Kafka};
/// # async fn start(store: std::sync::Arc<dyn ballet::store::Store>) -> Result<(), ballet::Error> {
/// let kafka = Kafka::connect(Config::new("localhost:9092")).await?;
/// # let _ = (App::new(store).broker(kafka));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Kafka {
    admin: Arc<Admin>,
    producing: Arc<Producing>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kafka at `{}`", self.admin.config.servers)
    }
}

impl Kafka {
    /// Reaches a cluster, waiting for it as long as [`Config::patience`] says. Once it was reached,
    /// whatever needs it waits until it is back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`](crate::ErrorKind::Definition) if the settings contradict themselves or
    /// need a feature that was not built; [`ErrorKind::Broker`](crate::ErrorKind::Broker) if nobody
    /// answers, or does not take us.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    pub async fn connect(config: Config) -> Result<Arc<Self>, Error> {
        config.check()?;
        let admin = Arc::new(Admin::new(Arc::new(config))?);
        admin.connect().await?;
        let producing = Arc::new(Producing::new(Arc::clone(&admin)));
        Ok(Arc::new(Self { admin, producing }))
    }
}

#[async_trait]
impl Broker for Kafka {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        self.admin.ensure(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.admin.partitions(topic).await
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        self.admin.range(topic, partition).await
    }

    async fn retention(&self, topic: &str) -> Result<Option<Duration>, Error> {
        self.admin.retention(topic).await
    }

    fn largest(&self) -> usize {
        self.admin.config.largest
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        match batches.iter().all(|batch| batch.is_empty()) {
            true => Ok(()),
            false => self.producing.produce(batches).await,
        }
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        let lanes = TopicSpec { name: lanes_of(group), partitions: lanes, compacted: false };
        self.admin.ensure_empty(&lanes).await?;
        Ok(Box::new(Membership::join(&self.admin, group, topics)?))
    }

    fn trouble(&self) -> Option<String> {
        self.admin.away()
    }
}
