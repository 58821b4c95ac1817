//! Readers outlive a server that dies over and over.

use ballet::broker::{Broker, Member};
use ballet::clock::rest;
use ballet::kafka::{Config, Kafka};
use containers::servers;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const TOPICS: usize = 12;
const CLIENTS: usize = 12;
const LANES: u32 = 4;
/// One death in ten ended a process by a fault of memory, before clients waited until leaders are known.
const DEATHS: usize = 15;

/// Reads all lanes of a group, which nobody else is in.
async fn reads(at: String, group: String, topics: Arc<BTreeSet<String>>) {
    let kafka = Kafka::connect(Config::new(at)).await.unwrap();
    let member: Box<dyn Member> = kafka.join(&group, &topics, LANES).await.unwrap();
    let mut reading = JoinSet::new();
    for lane in 0..LANES {
        let mut reader = member.reader(lane);
        reader.seek(&topics.iter().map(|topic| (topic.clone(), 0)).collect());
        reading.spawn(async move {
            loop {
                reader.next(100).await.unwrap();
            }
        });
    }
    reading.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_many_topics_outlive_a_server_that_dies_over_and_over() {
    let server = servers::Kafka::alone().await;
    let mut topics = BTreeSet::new();
    for number in 0..TOPICS {
        topics.insert(server.topic(&format!("many-{number}"), 4).await);
    }
    let topics = Arc::new(topics);
    let mut reading = JoinSet::new();
    for number in 0..CLIENTS {
        reading.spawn(reads(server.bootstrap(), format!("group-{number}"), topics.clone()));
    }
    for _ in 0..DEATHS {
        server.kill().await;
        server.start().await;
        rest(Duration::from_millis(2_500)).await;
        assert!(reading.try_join_next().is_none(), "somebody has stopped reading");
    }
}
