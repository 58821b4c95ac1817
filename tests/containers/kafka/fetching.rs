//! Where readers stand, and what is there no more.

use super::{at, batch, nth, read, set, with_topic};
use ballet::ErrorKind;
use ballet::broker::{Broker, Range, TopicSpec};
use containers::servers::{self, own_name};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

async fn admin() -> AdminClient<DefaultClientContext> {
    let bootstrap = servers::kafka().await.bootstrap();
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

/// Deletes what stands before an offset, as time does.
async fn delete_before(topic: &str, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    admin().await.delete_records(&list, &AdminOptions::new()).await.unwrap();
}

#[tokio::test]
async fn a_lane_whose_messages_were_deleted_unread_is_told_before_it_goes_on() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 1).await;
    kafka.produce(&[&batch(&topic, 0, 0..20)]).await.unwrap();
    delete_before(&topic, 12).await;
    assert_eq!(kafka.range(&topic, 0).await.unwrap(), Range { start: 12, end: 20 });
    let member = kafka.join(&own_name("group"), &set(&topic), 1).await.unwrap();
    let mut reader = member.reader(0);
    reader.seek(&at(&topic, 5));
    let told = reader.next(10).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Broker);
    let text = format!("messages 5 to 11 of `{topic}`, partition 0, were deleted unread");
    assert_eq!(told.to_string(), text);
    reader.seek(&at(&topic, 5));
    assert!(read(&mut *reader, 8).await.iter().map(nth).eq(12..20));
}

#[tokio::test]
async fn a_lane_behind_the_end_of_a_topic_that_was_made_anew_stands_still_and_says_so() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 1).await;
    kafka.produce(&[&batch(&topic, 0, 0..20)]).await.unwrap();
    admin().await.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    let spec = TopicSpec { name: topic.clone(), partitions: 1, compacted: false };
    while kafka.ensure(&spec).await.is_err()
        || kafka.range(&topic, 0).await.is_ok_and(|it| it.end > 0)
    {}
    let member = kafka.join(&own_name("group"), &set(&topic), 1).await.unwrap();
    let mut reader = member.reader(0);
    for _ in 0..2 {
        reader.seek(&at(&topic, 20));
        let told = reader.next(1).await.unwrap_err().to_string();
        let start =
            format!("partition 0 of `{topic}` ends at 0, and 20 messages of it were handled");
        assert!(told.starts_with(&start), "{told}");
    }
}

/// Several lanes share a client: what one of them meets is no matter of the others.
#[tokio::test]
async fn other_lanes_read_on_when_one_is_told_that_its_messages_are_gone() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 2).await;
    kafka.produce(&[&batch(&topic, 0, 0..10)]).await.unwrap();
    kafka.produce(&[&batch(&topic, 1, 0..10)]).await.unwrap();
    delete_before(&topic, 10).await;
    let member = kafka.join(&own_name("group"), &set(&topic), 2).await.unwrap();
    let (mut gone, mut whole) = (member.reader(0), member.reader(1));
    whole.seek(&at(&topic, 0));
    gone.seek(&at(&topic, 0));
    assert!(gone.next(1).await.is_err());
    kafka.produce(&[&batch(&topic, 1, 10..20)]).await.unwrap();
    assert!(read(&mut *whole, 20).await.iter().map(nth).eq(0..20));
}
