//! Topics: how they are made, and which are refused.

use super::with_topic;
use ballet::broker::{Broker, TopicSpec};
use ballet::clock::{RuntimeClock, Time};
use ballet::kafka::{Config, Kafka};
use ballet::memory::World;
use ballet::{App, ErrorKind, Plan, Saga, StepError, act};
use containers::servers::{self, own_name};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn spec(name: &str) -> TopicSpec {
    TopicSpec { name: own_name(name), partitions: 2, compacted: false }
}

#[tokio::test]
async fn a_new_topic_keeps_its_messages_as_long_as_the_settings_say() {
    let bootstrap = servers::kafka().await.bootstrap();
    for days in [3, 30] {
        let config = Config { retention: DAY * days, ..Config::new(&bootstrap) };
        let kafka = Kafka::connect(config).await.unwrap();
        let spec = spec("kept");
        kafka.ensure(&spec).await.unwrap();
        assert_eq!(kafka.retention(&spec.name).await.unwrap(), Some(DAY * days));
    }
}

#[tokio::test]
async fn a_topic_that_forgets_what_must_be_kept_is_refused() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 2).await;
    let spec = TopicSpec { name: topic.clone(), partitions: 2, compacted: true };
    let told = kafka.ensure(&spec).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    let text = format!(
        "topic `{topic}` has `cleanup.policy=delete` and must have `compact`: alter the topic"
    );
    assert_eq!(told.to_string(), text);
}

#[tokio::test]
async fn more_copies_than_there_are_servers_are_refused_with_the_number() {
    let bootstrap = servers::kafka().await.bootstrap();
    let config = Config { replication: Some(3), ..Config::new(bootstrap) };
    let kafka = Kafka::connect(config).await.unwrap();
    let spec = spec("copies");
    let told = kafka.ensure(&spec).await.unwrap_err().to_string();
    let start = format!(
        "topic `{}` cannot be kept on 3 servers: set `replication` to what the cluster has, or start \
         more",
        spec.name
    );
    assert!(told.starts_with(&start), "{told}");
}

#[tokio::test]
async fn several_processes_that_start_at_once_make_a_topic_once() {
    let bootstrap = servers::kafka().await.bootstrap();
    let spec = spec("shared");
    let ensure = async || {
        let kafka = Kafka::connect(Config::new(&bootstrap)).await.unwrap();
        kafka.ensure(&spec).await
    };
    let (a, b, c) = tokio::join!(ensure(), ensure(), ensure());
    a.and(b).and(c).unwrap();
}

struct Stroll;

impl Saga for Stroll {
    const NAME: &'static str = "stroll";
    type Input = ();

    fn plan() -> Plan<Self> {
        Plan::begin().step("walk", act(Self::walk).leaves_nothing()).end()
    }
}

impl Stroll {
    async fn walk(&self) -> Result<(), StepError> {
        Ok(())
    }
}

/// A message that came back after its id was forgotten would count twice.
#[tokio::test]
async fn an_app_refuses_topics_that_outlive_what_it_remembers() {
    let server = servers::Kafka::alone().await;
    let config = Config { retention: DAY * 30, ..Config::new(server.bootstrap()) };
    let kafka = Kafka::connect(config).await.unwrap();
    let world = World::new(Arc::new(RuntimeClock::starting_at(Time::default())));
    let app = App::new(world.node().store()).broker(kafka).saga(Stroll);
    let told = app.start().await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    assert_eq!(
        told.to_string(),
        "topic `stroll.replies` is kept too long: messages are kept for 2592000s, unread ones for \
         2592000s and foreign ids for 1209600s: keep the latter two for as long at least"
    );
}
