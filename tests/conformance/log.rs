//! The log: order, positions, waking up, and who reads what.

use super::{NOON, Pair, message, nth, outgoing};
use ballet::ErrorKind;
use ballet::broker::{Arrived, Broker, Range, Reader, TopicSpec};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec { name: name.into(), partitions, compacted: false }
}

/// A reader of lane 0 of these topics, from the beginning, and whoever gave it.
async fn reader(broker: &dyn Broker, topics: &[&str]) -> Box<dyn Reader> {
    let topics: BTreeSet<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
    let member = broker.join("group", &topics, 2).await.unwrap();
    let mut reader = member.reader(0);
    reader.seek(&topics.into_iter().map(|topic| (topic, 0)).collect());
    reader
}

/// Reads until there are so many.
async fn read(reader: &mut dyn Reader, count: usize) -> Vec<Arrived> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(reader.next(count - all.len()).await.unwrap());
    }
    all
}

fn numbers(arrived: &[Arrived]) -> Vec<u64> {
    arrived.iter().map(nth).collect()
}

async fn produce(broker: &dyn Broker, topic: &str, which: impl IntoIterator<Item = u64>) {
    let messages: Vec<_> = which.into_iter().map(|n| outgoing(topic, 0, n, "x")).collect();
    broker.produce(&[&messages]).await.unwrap();
}

pub async fn a_partition_keeps_its_order<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    broker.ensure(&spec("t", 2)).await.unwrap();
    let mixed: Vec<_> =
        (0..200).map(|n| outgoing("t", u32::from(n % 3 == 0), n, n.to_string())).collect();
    broker.produce(&[&mixed[..100]]).await.unwrap();
    broker.produce(&[&mixed[100..]]).await.unwrap();
    let mut reader = reader(&*broker, &["t"]).await;
    let arrived = read(&mut *reader, 133).await;
    assert_eq!(numbers(&arrived), (0..200).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    assert!(arrived.iter().map(|arrived| arrived.offset).eq(0..133), "offsets have no gaps");
    let one = arrived[1].message.as_ref().unwrap();
    assert_eq!(*one, message(2, "2"));
}

pub async fn a_reader_begins_where_it_is_told_to<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    broker.ensure(&spec("t", 2)).await.unwrap();
    produce(&*broker, "t", 0..10).await;
    let mut reader = reader(&*broker, &["t"]).await;
    assert_eq!(numbers(&read(&mut *reader, 4).await), [0, 1, 2, 3]);
    reader.seek(&BTreeMap::from([("t".to_owned(), 7)]));
    assert_eq!(numbers(&reader.next(100).await.unwrap()), [7, 8, 9]);
    reader.seek(&BTreeMap::from([("t".to_owned(), 1)]));
    assert_eq!(numbers(&reader.next(2).await.unwrap()), [1, 2]);
}

pub async fn a_reader_wakes_up_when_something_is_appended<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    broker.ensure(&spec("t", 2)).await.unwrap();
    let mut reader = reader(&*broker, &["t"]).await;
    for n in 0..5 {
        let (arrived, ()) = tokio::join!(reader.next(10), produce(&*broker, "t", [n]));
        assert_eq!(numbers(&arrived.unwrap()), [n]);
    }
}

pub async fn a_read_that_is_cancelled_loses_nothing<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    broker.ensure(&spec("t", 2)).await.unwrap();
    let mut reader = reader(&*broker, &["t"]).await;
    let mut arrived = Vec::new();
    for n in 0..20 {
        let brief = Duration::from_micros(n * 50);
        if let Ok(read) = tokio::time::timeout(brief, reader.next(10)).await {
            arrived.extend(numbers(&read.unwrap()));
        }
        produce(&*broker, "t", [n]).await;
    }
    while arrived.len() < 20 {
        arrived.extend(numbers(&reader.next(10).await.unwrap()));
    }
    assert!(arrived.into_iter().eq(0..20));
}

pub async fn a_range_tells_what_a_partition_holds<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    broker.ensure(&spec("t", 2)).await.unwrap();
    produce(&*broker, "t", 0..3).await;
    assert_eq!(broker.range("t", 0).await.unwrap(), Range { start: 0, end: 3 });
    assert_eq!(broker.range("t", 1).await.unwrap(), Range { start: 0, end: 0 });
    let pair = pair.reopen().await;
    let broker = pair.broker();
    assert_eq!(broker.range("t", 0).await.unwrap(), Range { start: 0, end: 3 });
}

pub async fn a_topic_with_another_number_of_partitions_is_refused<P: Pair>() {
    let pair = P::fresh(NOON).await;
    for _ in 0..2 {
        pair.broker().ensure(&spec("t", 2)).await.unwrap();
    }
    assert_eq!(pair.broker().partitions("t").await.unwrap(), 2);
    let pair = pair.reopen().await;
    let told = pair.broker().ensure(&spec("t", 3)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    assert_eq!(told.to_string(), "topic `t` has 2 partitions and must have 3; the count is pinned");
    assert_eq!(pair.broker().partitions("t").await.unwrap(), 2);
}

pub async fn a_topic_that_is_not_there_is_named<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    let told = [
        broker.partitions("t").await.unwrap_err(),
        broker.range("t", 0).await.unwrap_err(),
        broker.produce(&[&[outgoing("t", 0, 1, "x")]]).await.unwrap_err(),
    ];
    for told in told {
        assert_eq!((told.kind(), &*told.to_string()), (ErrorKind::Broker, "there is no topic `t`"));
    }
}

pub async fn a_message_of_a_mebibyte_comes_back_whole<P: Pair>() {
    let pair = P::fresh(NOON).await;
    pair.broker().ensure(&spec("t", 2)).await.unwrap();
    let large: Bytes = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<u8>>().into();
    pair.broker().produce(&[&[outgoing("t", 0, 1, large.clone())]]).await.unwrap();
    let broker = pair.broker();
    let mut now = reader(&*broker, &["t"]).await;
    assert_eq!(now.next(1).await.unwrap()[0].message.as_ref().unwrap().body, large);
    drop(now);
    let pair = pair.reopen().await;
    let broker = pair.broker();
    let mut after = reader(&*broker, &["t"]).await;
    assert_eq!(after.next(1).await.unwrap()[0].message.as_ref().unwrap().body, large);
}

pub async fn every_lane_belongs_to_exactly_one_member<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    let topics = BTreeSet::from(["t".to_owned()]);
    broker.ensure(&spec("t", 2)).await.unwrap();
    let mut member = broker.join("group", &topics, 5).await.unwrap();
    assert_eq!(member.assigned().await.unwrap(), (0..5).collect());
    let mut other = broker.join("another", &topics, 5).await.unwrap();
    assert_eq!(other.assigned().await.unwrap(), (0..5).collect(), "groups do not meet");
    let quiet = tokio::time::timeout(Duration::from_millis(50), member.assigned()).await;
    assert!(quiet.is_err(), "nothing has changed");
}

pub async fn all_topics_of_a_lane_are_read<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let broker = pair.broker();
    for topic in ["a", "b", "c"] {
        broker.ensure(&spec(topic, 2)).await.unwrap();
        produce(&*broker, topic, 0..30).await;
    }
    let mut reader = reader(&*broker, &["a", "c"]).await;
    let arrived = read(&mut *reader, 60).await;
    for topic in ["a", "c"] {
        let of = arrived.iter().filter(|arrived| arrived.topic == topic).cloned();
        assert!(numbers(&of.collect::<Vec<_>>()).into_iter().eq(0..30), "{topic}");
    }
}

pub async fn what_was_produced_is_there_after_a_restart<P: Pair>() {
    let pair = P::fresh(NOON).await;
    pair.broker().ensure(&spec("t", 2)).await.unwrap();
    produce(&*pair.broker(), "t", 0..600).await;
    let pair = pair.reopen().await;
    produce(&*pair.broker(), "t", 600..700).await;
    let broker = pair.broker();
    let mut reader = reader(&*broker, &["t"]).await;
    assert!(numbers(&read(&mut *reader, 700).await).into_iter().eq(0..700));
}
