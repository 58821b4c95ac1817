//! What others write: messages without our extensions, and bytes that are no message.

use super::{batch, read, reader, with_topic};
use ballet::broker::{Arrived, Broker};
use ballet::message::Kind;
use containers::servers;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::time::Duration;

type Raw<'a> = (Option<&'a [u8]>, &'a [(&'a str, Option<&'a [u8]>)], Option<&'a [u8]>);

/// Writes records as any program may.
async fn write(topic: &str, records: &[Raw<'_>]) {
    let bootstrap = servers::kafka().await.bootstrap();
    let stranger: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "0")
        .create()
        .unwrap();
    for (key, headers, body) in records {
        let mut owned = OwnedHeaders::new();
        for (key, value) in *headers {
            owned = owned.insert(Header { key, value: *value });
        }
        let mut record = FutureRecord::<[u8], [u8]>::to(topic).partition(0).headers(owned);
        record.key = *key;
        record.payload = *body;
        stranger.send(record, Duration::from_secs(10)).await.unwrap();
    }
}

const EVENT: &[(&str, Option<&[u8]>)] = &[
    ("ce_specversion", Some(b"1.0")),
    ("ce_id", Some(b"A-17")),
    ("ce_source", Some(b"/warehouse")),
    ("ce_type", Some(b"stock.counted")),
    ("ce_time", Some(b"2026-01-31T12:00:00+01:00")),
];

fn reason(arrived: &Arrived) -> (&[u8], &str) {
    let (bytes, reason) = arrived.message.as_ref().expect_err("it is no message");
    (bytes, reason)
}

#[tokio::test]
async fn a_cloud_event_of_somebody_else_is_a_message() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 1).await;
    write(&topic, &[(Some(b"ipad"), EVENT, Some(b"{\"left\":4}"))]).await;
    let mut reader = reader(&kafka, &topic, 0).await;
    let message = read(&mut *reader, 1).await.remove(0).message.unwrap();
    assert_eq!((message.envelope.kind, &message.envelope.stamp), (Kind::Event, &None));
    assert_eq!(message.envelope.occurred_at.to_string(), "2026-01-31T11:00:00.000000Z");
    assert_eq!((message.envelope.key.as_str(), &message.body[..]), ("ipad", &b"{\"left\":4}"[..]));
}

#[tokio::test]
async fn bytes_that_are_no_message_are_handed_over_as_they_are_and_their_neighbours_go_on() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 1).await;
    let garbage: [Raw<'_>; 6] = [
        (None, &[], Some(b"\xff\x00garbage")),
        (Some(b"k"), &[], None),
        (None, EVENT, Some(b"{}")),
        (Some(b"\xc3\x28"), EVENT, Some(b"{}")),
        (Some(b"k"), &[("ce_specversion", Some(b"\xff"))], Some(b"{}")),
        (Some(b"k"), &[("ce_specversion", None)], Some(b"{}")),
    ];
    for (n, raw) in (0..).zip(garbage) {
        write(&topic, &[raw]).await;
        kafka.produce(&[&batch(&topic, 0, n..n + 1)]).await.unwrap();
    }
    let mut reader = reader(&kafka, &topic, 0).await;
    let all = read(&mut *reader, 12).await;
    let told: Vec<_> = all.iter().step_by(2).map(reason).collect();
    assert_eq!(
        told,
        [
            (&b"\xff\x00garbage"[..], "this is not a message: header `ce_specversion` is missing"),
            (b"", "this is not a message: header `ce_specversion` is missing"),
            (b"{}", "this is not a message: its record has no key"),
            (b"{}", "this is not a message: the key of its record is not UTF-8"),
            (b"{}", "this is not a message: header `ce_specversion` is not UTF-8"),
            (b"{}", "this is not a message: it is of version `` of CloudEvents; only 1.0 is read"),
        ]
    );
    assert!(all.iter().skip(1).step_by(2).map(super::nth).eq(0..6));
}
