//! Rights in Kafka: every service with exactly those that the topology prints, and what it may not.

use super::{buy, end_of, everybody, is_decent};
use containers::process::{Process, program};
use containers::servers::{self, Acl, Kafka, acls_of};
use containers::shop::{Part, Shop, services};
use futures::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use shop::http::schema_of;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A topic that Inventory writes in both modes.
const RESERVATIONS: &str = "shop.reservations.v1";

async fn printed(example: &str) -> String {
    let mut process = Process::start(&program(example), &["topology", "--acls"], &[]);
    assert_eq!(process.ended().await.code(), Some(0));
    process.heard().await
}

/// Without one of its rights a service does not start, and says which and what to run.
async fn is_told(shop: &Shop, broker: &str) {
    let mut process = shop.begin_with("inventory", &[("SHOP_BROKER", broker)]);
    assert_eq!(process.ended().await.code(), Some(2));
    let said = process.heard().await;
    is_decent(&said);
    let expected = format!(
        "{0}: user `inventory` may not see topic `{RESERVATIONS}`: give it the right Describe, with \
         `kafka-acls.sh … --add --allow-principal User:inventory --operation Describe --topic \
         {RESERVATIONS}`; `{0} topology --acls` prints all rights",
        shop.example()
    );
    assert!(said.lines().any(|line| line == expected), "{said}");
}

/// All topics but Kafka's own.
async fn topics(kafka: &Kafka) -> Vec<String> {
    let bootstrap = kafka.bootstrap();
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
        let all = client.fetch_metadata(None, Duration::from_secs(10)).unwrap();
        all.topics().iter().map(|topic| topic.name().to_owned()).collect::<Vec<_>>()
    });
    let all = asked.await.unwrap();
    all.into_iter().filter(|topic| !topic.starts_with("__")).collect()
}

/// Tries to write every topic as this user, and compares with what it was given.
async fn writes_what_it_may(at: SocketAddr, user: &str, topics: &[String], acls: &[Acl]) -> usize {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", at.to_string()).set("security.protocol", "SASL_PLAINTEXT");
    config.set("sasl.mechanism", "PLAIN").set("sasl.username", user).set("sasl.password", "secret");
    let producer: FutureProducer = config.set("message.timeout.ms", "20000").create().unwrap();
    let tries = topics.iter().map(|topic| {
        // A topic that is compacted takes nothing without a key.
        let record = FutureRecord::to(topic).key("key").payload("garbage").partition(0);
        producer.send(record, Duration::from_secs(20))
    });
    let mut refused = 0;
    for (topic, tried) in topics.iter().zip(join_all(tries).await) {
        let may = |acl: &Acl| acl.user == user && acl.operation == "Write" && acl.is_for(topic);
        match tried {
            Ok(_) => assert!(acls.iter().any(may), "`{user}` may write `{topic}`"),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed), _)) => {
                assert!(!acls.iter().any(may), "`{user}` may not write `{topic}`");
                refused += 1;
            }
            Err((told, _)) => panic!("{user} and {topic}: {told}"),
        }
    }
    refused
}

async fn with_the_rights_that_are_printed(example: &'static str) {
    let users: Vec<String> = services(example).into_iter().map(schema_of).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let (kafka, guarded) = Kafka::guarded(&names).await;
    let shop = Shop::on(example, servers::postgres().await, Arc::new(kafka)).await;
    let printed = printed(example).await;
    let acls = acls_of(&printed);
    let is_late = |acl: &Acl| acl.user == "inventory" && acl.is_for(RESERVATIONS);
    let first: Vec<Acl> = acls.iter().filter(|acl| !is_late(acl)).cloned().collect();
    shop.kafka().give(&first).await;

    let broker = format!("kafka://{{service}}:secret@{guarded}");
    is_told(&shop, &broker).await;
    // The lines are what Kafka's own program understands.
    let line = |text: &str| printed.lines().find(|line| line.contains(text)).unwrap().to_owned();
    let late = format!(
        "User:inventory --operation Write --operation Create --operation \
                        DescribeConfigs --topic {RESERVATIONS}"
    );
    shop.kafka().run_acls(&line(&late)).await;
    shop.kafka().run_acls(&line("--group view.addresses~ --resource-pattern-type prefixed")).await;

    let all = everybody(example);
    let mut part = Part::of(&all, shop.begin_with(&all, &[("SHOP_BROKER", &broker)])).await;
    part.ready().await;
    let declining = part.ask("PUT", "/dials/provider", r#"{"decline": ["c2"]}"#).await;
    assert_eq!(declining.status, 200, "{declining:?}");
    let (bought, declined) = (buy(&part, "c1").await, buy(&part, "c2").await);
    assert_eq!(end_of(&part, &bought).await, "shipped");
    assert_eq!(end_of(&part, &declined).await, "cancelled");
    assert_eq!(part.process.end().await.code(), Some(0));
    let said = part.process.heard().await;
    assert!(!said.contains("may not"), "{said}");

    let topics = topics(shop.kafka()).await;
    assert!(topics.len() > 20, "{topics:?}");
    let tries = users.iter().map(|user| writes_what_it_may(guarded, user, &topics, &acls));
    let refused: usize = join_all(tries).await.into_iter().sum();
    println!("{example}: {} users, {} topics, {refused} refused", users.len(), topics.len());
    assert!(refused > topics.len() * users.len() / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_has_exactly_the_rights_it_needs_with_a_coordinator() {
    with_the_rights_that_are_printed("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_has_exactly_the_rights_it_needs_by_reactions() {
    with_the_rights_that_are_printed("choreographed").await;
}
