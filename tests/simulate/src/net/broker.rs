//! The broker as a process reaches it.

use super::wires::Wires;
use async_trait::async_trait;
use ballet::Error;
use ballet::broker::{Arrived, Broker, Member, Range, Reader, TopicSpec};
use ballet::clock::rest;
use ballet::message::Outgoing;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A broker at the end of a wire.
pub struct WiredBroker {
    /// The wire.
    pub wires: Wires,
    /// The broker.
    pub broker: Arc<dyn Broker>,
}

impl fmt::Debug for WiredBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a broker behind {:?}", self.wires)
    }
}

#[async_trait]
impl Broker for WiredBroker {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        self.wires.to_broker().await?;
        self.broker.ensure(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.wires.to_broker().await?;
        self.broker.partitions(topic).await
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        self.wires.to_broker().await?;
        self.broker.range(topic, partition).await
    }

    fn largest(&self) -> usize {
        self.broker.largest()
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        self.wires.to_broker().await?;
        self.wires.trace.produces(batches);
        self.broker.produce(batches).await
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        self.wires.to_broker().await?;
        let member = self.broker.join(group, topics, lanes).await?;
        Ok(Box::new(WiredMember { wires: self.wires.clone(), member }))
    }
}

/// How often a member looks whether the broker is still there.
const LOOK: Duration = Duration::from_millis(500);

struct WiredMember {
    wires: Wires,
    member: Box<dyn Member>,
}

#[async_trait]
impl Member for WiredMember {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        loop {
            self.wires.until_broker().await;
            tokio::select! {
                biased;
                assigned = self.member.assigned() => return assigned,
                () = rest(LOOK) => {}
            }
        }
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        Box::new(WiredReader { wires: self.wires.clone(), reader: self.member.reader(lane) })
    }

    async fn leave(self: Box<Self>) {
        self.member.leave().await;
    }
}

struct WiredReader {
    wires: Wires,
    reader: Box<dyn Reader>,
}

#[async_trait]
impl Reader for WiredReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        self.reader.seek(positions);
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        self.wires.until_broker().await;
        self.reader.next(most).await
    }
}
