//! The sentences of every broker, over a real Kafka.

use async_trait::async_trait;
use ballet::Error;
use ballet::broker::{Arrived, Broker, Member, Range, Reader, TopicSpec};
use ballet::clock::Time;
use ballet::kafka::{Config, Kafka};
use ballet::memory::{Node, World};
use ballet::message::Outgoing;
use ballet::store::Store;
use containers::servers::{kafka, own_name};
use sentences::Pair;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

sentences::log_sentences! { OnKafka }

/// A part of the Kafka of all tests that is one test's own: each name begins with the same word.
#[derive(Clone)]
struct Part {
    kafka: Arc<Kafka>,
    word: String,
}

impl Part {
    async fn open(word: String) -> Self {
        let kafka = Kafka::connect(Config::new(kafka().await.bootstrap())).await.unwrap();
        Self { kafka, word }
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.word)
    }

    fn all(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        names.iter().map(|name| self.named(name)).collect()
    }

    /// What is told of it, in the test's own names.
    fn told(&self, told: &Error) -> Error {
        Error::new(told.kind(), told.to_string().replace(&self.named(""), ""))
    }
}

#[async_trait]
impl Broker for Part {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        let topic = TopicSpec { name: self.named(&topic.name), ..topic.clone() };
        self.kafka.ensure(&topic).await.map_err(|told| self.told(&told))
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.kafka.partitions(&self.named(topic)).await.map_err(|told| self.told(&told))
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        self.kafka.range(&self.named(topic), partition).await.map_err(|told| self.told(&told))
    }

    fn largest(&self) -> usize {
        self.kafka.largest()
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        let named =
            |out: &Outgoing| Outgoing { topic: self.named(&out.topic).into(), ..out.clone() };
        let messages: Vec<Outgoing> =
            batches.iter().flat_map(|batch| batch.iter()).map(named).collect();
        self.kafka.produce(&[&messages]).await.map_err(|told| self.told(&told))
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        let member = self.kafka.join(&self.named(group), &self.all(topics), lanes).await;
        let member = member.map_err(|told| self.told(&told))?;
        Ok(Box::new(PartMember { part: self.clone(), member }))
    }
}

struct PartMember {
    part: Part,
    member: Box<dyn Member>,
}

#[async_trait]
impl Member for PartMember {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        self.member.assigned().await
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        Box::new(PartReader { part: self.part.clone(), reader: self.member.reader(lane) })
    }

    async fn leave(self: Box<Self>) {
        self.member.leave().await;
    }
}

struct PartReader {
    part: Part,
    reader: Box<dyn Reader>,
}

#[async_trait]
impl Reader for PartReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        let named = positions.iter().map(|(topic, at)| (self.part.named(topic), *at));
        self.reader.seek(&named.collect());
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        let arrived = self.reader.next(most).await?.into_iter();
        let word = self.part.named("");
        let own = |it: Arrived| Arrived { topic: it.topic.replacen(&word, "", 1).into(), ..it };
        Ok(arrived.map(own).collect())
    }
}

/// The broker under test, with a store that no sentence asks for.
struct OnKafka {
    part: Part,
    store: Node,
}

impl Pair for OnKafka {
    async fn fresh(now: Time) -> Self {
        let world = World::new(Arc::new(ballet::clock::RuntimeClock::starting_at(now)));
        Self { part: Part::open(own_name("log")).await, store: world.node() }
    }

    async fn reopen(self) -> Self {
        Self { part: Part::open(self.part.word).await, ..self }
    }

    fn set_time(&self, _: Time) {}

    fn store(&self) -> Arc<dyn Store> {
        self.store.store()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.part.clone())
    }
}
