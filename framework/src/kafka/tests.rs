//! The producer and the readers against librdkafka's own mock cluster, which fails as it is told to.

use super::admin::Admin;
use super::config::Config;
use super::member::Membership;
use super::produce::Producing;
use crate::broker::{Arrived, Member, Reader};
use crate::clock::rest;
use crate::error::ErrorKind;
use crate::message::samples::message;
use crate::message::{Envelope, Key, Message, Outgoing, Stamp};
use crate::text::Text;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

type Mock = MockCluster<'static, DefaultProducerContext>;

/// One server with a topic `t` of two partitions, and what speaks to it.
fn cluster() -> (Mock, Arc<Admin>, Producing) {
    cluster_with(&[])
}

/// The same with a client that was told this.
fn cluster_with(properties: &[(&str, &str)]) -> (Mock, Arc<Admin>, Producing) {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("t", 2, 1).unwrap();
    let told = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let properties = properties.iter().map(told).collect();
    let config = Config { properties, ..Config::new(mock.bootstrap_servers()) };
    let admin = Arc::new(Admin::new(Arc::new(config)).unwrap());
    let producing = Producing::new(Arc::clone(&admin));
    (mock, admin, producing)
}

/// Messages of these numbers, counted from 0; their edge counts from 1.
fn batch(partition: u32, seqs: std::ops::Range<u64>) -> Vec<Outgoing> {
    let stamped = |seq: u64| {
        let stamp = Stamp { source: "group".into(), incarnation: 1, lane: 0, seq: seq + 1 };
        let plain = message(&seq.to_string());
        let (traceparent, stamp) = (Some(Text::default()), Some(stamp));
        let envelope = Envelope { traceparent, stamp, ..(*plain.envelope).clone() };
        Message::new(envelope, plain.body)
    };
    seqs.map(|seq| Outgoing { topic: "t".into(), partition, message: stamped(seq) }).collect()
}

/// What a partition holds, up to so many messages.
async fn held(admin: &Arc<Admin>, partition: u32, count: usize) -> Vec<u64> {
    let topics = BTreeSet::from(["t".to_owned()]);
    let member = Membership::join(admin, "group", &topics).unwrap();
    let mut reader = member.reader(partition);
    reader.seek(&BTreeMap::from([("t".to_owned(), 0)]));
    seqs(&mut *reader, count).await
}

async fn seqs(reader: &mut dyn Reader, count: usize) -> Vec<u64> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(reader.next(count - all.len()).await.unwrap());
    }
    let seq = |arrived: Arrived| arrived.message.unwrap().envelope.stamp.as_ref().unwrap().seq - 1;
    all.into_iter().map(seq).collect()
}

async fn ends(admin: &Admin, partition: u32, end: u64) {
    assert_eq!(admin.range("t", partition).await.unwrap().end, end);
}

#[tokio::test]
async fn a_message_is_read_as_it_was_produced() {
    let (_mock, admin, producing) = cluster();
    let sent = batch(1, 0..3);
    producing.produce(&[&sent]).await.unwrap();
    let topics = BTreeSet::from(["t".to_owned()]);
    let member = Membership::join(&admin, "group", &topics).unwrap();
    let mut reader = member.reader(1);
    let mut read = Vec::new();
    while read.len() < 3 {
        read.extend(reader.next(10).await.unwrap().into_iter().map(|it| it.message.unwrap()));
    }
    assert!(read.into_iter().eq(sent.into_iter().map(|out| out.message)));
}

/// The client sends again by itself. One message at a time: the mock does not look at the numbers of a
/// producer, so what becomes of several that are on their way is proved on a real server.
#[tokio::test]
async fn trouble_that_passes_is_not_seen_and_leaves_no_trace() {
    use RDKafkaRespErr as Answer;
    let (mock, admin, producing) = cluster();
    let answers = [
        Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Answer::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Answer::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    for (seq, answer) in (0..).zip(answers.into_iter().cycle().take(12)) {
        mock.request_errors(RDKafkaApiKey::Produce, &[answer, answer]);
        producing.produce(&[&batch(0, seq..seq + 1)]).await.unwrap();
    }
    ends(&admin, 0, 12).await;
    assert!(held(&admin, 0, 12).await.into_iter().eq(0..12));
}

#[tokio::test]
async fn trouble_that_stays_is_told_and_the_next_messages_go_to_a_new_producer() {
    let (mock, admin, producing) = cluster();
    producing.produce(&[&batch(0, 0..10)]).await.unwrap();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Produce, &[refused; 100]);
    let told = producing.produce(&[&batch(0, 10..11)]).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Broker);
    assert_eq!(
        told.to_string(),
        "this user may not write topic `t`: give it the right Write, with `kafka-acls.sh … --add \
         --allow-principal User:… --operation Write --topic t`"
    );
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    producing.produce(&[&batch(0, 10..20)]).await.unwrap();
    assert!(held(&admin, 0, 20).await.into_iter().eq(0..20));
}

/// Lanes share a producer. When it fails for one, the others hear of it and send again as well.
#[tokio::test]
async fn when_one_lane_fails_every_lane_sends_again_and_nothing_is_lost() {
    let (mock, admin, producing) = cluster();
    producing.produce(&[&batch(0, 0..1)]).await.unwrap();
    producing.produce(&[&batch(1, 0..1)]).await.unwrap();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Produce, &[refused]);
    let again = async |partition: u32| {
        let mut failed = 0;
        for seq in 1..101 {
            while producing.produce(&[&batch(partition, seq..seq + 1)]).await.is_err() {
                failed += 1;
            }
        }
        failed
    };
    let (one, other) = tokio::join!(again(0), again(1));
    assert!(one + other > 0, "it was refused once");
    for partition in [0, 1] {
        let end = admin.range("t", partition).await.unwrap().end;
        let all = held(&admin, partition, usize::try_from(end).unwrap()).await;
        let all = BTreeSet::from_iter(all);
        assert!(all.into_iter().eq(0..101), "partition {partition}");
    }
}

/// Whoever waits for room goes on when another's trouble empties the queue. What was thrown away of its messages
/// is missing then, so nothing may follow on it.
#[tokio::test]
async fn nothing_follows_on_what_was_thrown_away() {
    let one_by_one = [
        ("batch.num.messages", "1"),
        ("max.in.flight", "1"),
        ("queue.buffering.max.messages", "10"),
    ];
    let (mock, admin, producing) = cluster_with(&one_by_one);
    producing.produce(&[&batch(0, 0..1)]).await.unwrap();
    let mut refused = batch(1, 0..5);
    let envelope = (*refused[0].message.envelope).clone();
    let key = Key::new("k".repeat(3 << 20));
    refused[0].message =
        Message::new(Envelope { key, ..envelope }, refused[0].message.body.clone());
    mock.broker_round_trip_time(1, Duration::from_millis(300)).unwrap();
    let messages = batch(0, 1..31);
    let in_trouble = async {
        rest(Duration::from_millis(20)).await;
        producing.produce(&[&refused]).await.unwrap_err()
    };
    let batches = [&messages[..]];
    let (sent, told) = tokio::join!(producing.produce(&batches), in_trouble);
    assert!(sent.is_err(), "it was thrown away because of {told}");
    mock.broker_round_trip_time(1, Duration::ZERO).unwrap();
    producing.produce(&batches).await.unwrap();
    let end = admin.range("t", 0).await.unwrap().end;
    let all = held(&admin, 0, usize::try_from(end).unwrap()).await;
    let gap = all.iter().scan(0, |next, seq| {
        let is_gap = seq > next;
        *next = (*next).max(seq + 1);
        Some(is_gap)
    });
    assert!(!gap.into_iter().any(|is_gap| is_gap), "{all:?}");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_anything_is_sent() {
    let (_mock, admin, producing) = cluster();
    let mut messages = batch(0, 0..3);
    messages[2].message.body = vec![b' '; (2 << 20) + 1].into();
    let told = producing.produce(&[&messages]).await.unwrap_err();
    assert_eq!(
        told.to_string(),
        "a message to `t` has 2097153 bytes and may have 2097152: raise `largest`, and \
         `max.message.bytes` of the topic"
    );
    ends(&admin, 0, 0).await;
}

#[tokio::test]
async fn whoever_stops_waiting_takes_nothing_back_and_keeps_the_order() {
    let (mock, admin, producing) = cluster();
    producing.produce(&[&batch(0, 0..1)]).await.unwrap();
    mock.broker_round_trip_time(1, Duration::from_millis(200)).unwrap();
    let messages = batch(0, 1..50);
    {
        let batches = [&messages[..]];
        let mut first = std::pin::pin!(producing.produce(&batches));
        let waited = futures::poll!(&mut first);
        assert!(waited.is_pending());
    }
    mock.broker_round_trip_time(1, Duration::ZERO).unwrap();
    producing.produce(&[&batch(0, 50..60)]).await.unwrap();
    assert!(held(&admin, 0, 60).await.into_iter().eq(0..60));
}

/// The mock keeps five megabytes of a partition.
#[tokio::test]
async fn a_reader_whose_messages_are_gone_is_told_once_and_then_given_what_is_there() {
    let (_mock, admin, producing) = cluster();
    for start in (0..40_000).step_by(1_000) {
        producing.produce(&[&batch(0, start..start + 1_000)]).await.unwrap();
    }
    let start = admin.range("t", 0).await.unwrap().start;
    assert!(start > 1);
    let topics = BTreeSet::from(["t".to_owned()]);
    let member = Membership::join(&admin, "group", &topics).unwrap();
    let mut reader = member.reader(0);
    let at = BTreeMap::from([("t".to_owned(), 1)]);
    reader.seek(&at);
    let told = reader.next(1).await.unwrap_err().to_string();
    let last = start - 1;
    assert_eq!(told, format!("messages 1 to {last} of `t`, partition 0, were deleted unread"));
    reader.seek(&at);
    assert_eq!(reader.next(1).await.unwrap()[0].offset, start);
}

/// As after a topic was made anew under the same name.
#[tokio::test]
async fn a_reader_that_stands_behind_the_end_is_told_every_time() {
    let (_mock, admin, producing) = cluster();
    producing.produce(&[&batch(0, 0..5)]).await.unwrap();
    let topics = BTreeSet::from(["t".to_owned()]);
    let member = Membership::join(&admin, "group", &topics).unwrap();
    let mut reader = member.reader(0);
    for _ in 0..3 {
        reader.seek(&BTreeMap::from([("t".to_owned(), 9)]));
        let told = reader.next(1).await.unwrap_err().to_string();
        let start = "partition 0 of `t` ends at 5, and 9 messages of it were handled: ";
        assert!(told.starts_with(start), "{told}");
    }
}

/// The client refuses a session that is longer than it waits for polls.
#[tokio::test]
async fn a_session_may_be_longer_than_the_client_waits_for_polls_by_itself() {
    let mock: Mock = MockCluster::new(1).unwrap();
    let session = Duration::from_secs(600);
    let config = Config { session, ..Config::new(mock.bootstrap_servers()) };
    let admin = Arc::new(Admin::new(Arc::new(config)).unwrap());
    Membership::join(&admin, "group", &BTreeSet::from(["t".to_owned()])).unwrap();
}

#[tokio::test]
async fn what_the_guarantees_rest_on_cannot_be_set() {
    let properties = BTreeMap::from([("acks".to_owned(), "0".to_owned())]);
    let config = Config { properties, ..Config::new("localhost:1") };
    let told = super::Kafka::connect(config).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    assert_eq!(told.to_string(), "Kafka's property `acks` is set by ballet: leave it out");
}

#[tokio::test]
async fn a_property_that_nobody_knows_is_named_and_its_value_is_not() {
    let properties = BTreeMap::from([("sasl.pasword".to_owned(), "dance".to_owned())]);
    let told = super::Kafka::connect(Config { properties, ..Config::new("localhost:1") }).await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("`sasl.pasword`") && !told.contains("dance"), "{told}");
}

#[test]
fn secrets_are_not_shown() {
    let text = |name: &str| (name.to_owned(), "dance".to_owned());
    let properties = ["ssl.key.password", "sasl.oauthbearer.client.secret", "ssl.key.pem"];
    let sasl =
        super::Sasl { mechanism: "PLAIN".into(), user: "u".into(), password: "dance".into() };
    let config = Config {
        security: super::Security { sasl: Some(sasl), ..super::Security::default() },
        properties: properties.into_iter().map(text).collect(),
        ..Config::new("localhost:1")
    };
    assert!(!format!("{config:?}").contains("dance"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_so_long_and_then_told() {
    let config = Config { patience: Duration::from_millis(300), ..Config::new("127.0.0.1:1") };
    let told = super::Kafka::connect(config).await.unwrap_err();
    let start = "no Kafka answers at `127.0.0.1:1`: check the address, that it runs, and whether";
    assert!(told.to_string().starts_with(start), "{told}");
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_told() {
    let config =
        Config { patience: Duration::from_millis(300), ..Config::new("nowhere.invalid:9092") };
    let told = super::Kafka::connect(config).await.unwrap_err();
    let start = "nobody knows the host of Kafka at `nowhere.invalid:9092`: check the address (";
    assert!(told.to_string().starts_with(start), "{told}");
}

/// A server that comes back says for a moment that its partitions have no leader, and whoever has heard
/// that does not ask again by itself.
#[tokio::test]
async fn a_partition_that_had_no_leader_is_looked_at_again_when_it_has_one() {
    let (mock, admin, producing) = cluster();
    producing.produce(&[&batch(0, 0..3)]).await.unwrap();
    ends(&admin, 0, 3).await;
    mock.partition_leader("t", 0, None).unwrap();
    admin.forget();
    assert_eq!(admin.partitions("t").await.unwrap(), 2);
    mock.partition_leader("t", 0, Some(1)).unwrap();
    ends(&admin, 0, 3).await;
}
