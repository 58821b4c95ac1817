//! What the tests expect of the Kafka that they use.

use containers::servers::Kafka;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "nobody");
    config.set("enable.auto.commit", "false").set("linger.ms", "0");
    config
}

async fn write(bootstrap: &str, topic: &str, word: &str) {
    let producer: FutureProducer = client(bootstrap).create().unwrap();
    let record = FutureRecord::<(), _>::to(topic).payload(word);
    producer.send(record, Duration::from_secs(10)).await.unwrap();
}

async fn first_word(bootstrap: &str, topic: &str) -> String {
    let consumer: StreamConsumer = client(bootstrap).create().unwrap();
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&start).unwrap();
    let message = consumer.recv().await.unwrap();
    String::from_utf8(message.payload().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn what_a_kafka_has_acknowledged_survives_its_death() {
    let kafka = Kafka::alone().await;
    let topic = kafka.topic("survives", 1).await;
    write(&kafka.bootstrap(), &topic, "kept").await;
    kafka.kill().await;
    kafka.start().await;
    assert_eq!(first_word(&kafka.bootstrap(), &topic).await, "kept");
}
