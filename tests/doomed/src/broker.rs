//! A broker that says what is passed.

use crate::Points;
use crate::point::Point;
use async_trait::async_trait;
use ballet::Error;
use ballet::broker::{Broker, Member, Range, TopicSpec};
use ballet::message::Outgoing;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The broker of a service.
pub(crate) struct Passed {
    pub(crate) service: &'static str,
    pub(crate) points: Points,
    pub(crate) broker: Arc<dyn Broker>,
}

#[async_trait]
impl Broker for Passed {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        self.broker.ensure(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.broker.partitions(topic).await
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        self.broker.range(topic, partition).await
    }

    async fn retention(&self, topic: &str) -> Result<Option<Duration>, Error> {
        self.broker.retention(topic).await
    }

    fn largest(&self) -> usize {
        self.broker.largest()
    }

    fn fused(&self) -> Option<String> {
        self.broker.fused()
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        self.points.pass(self.service, Point::Produce);
        self.broker.produce(batches).await?;
        self.points.pass(self.service, Point::Produced);
        Ok(())
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        self.broker.join(group, topics, lanes).await
    }

    fn trouble(&self) -> Option<String> {
        self.broker.trouble()
    }
}
