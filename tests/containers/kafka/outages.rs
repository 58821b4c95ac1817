//! The server dies, or the network does: nothing that was acknowledged is lost, and the order is kept.

use super::{batch, nth, read, reader, with_topic};
use ballet::broker::{Broker, Range};
use ballet::clock::Stopwatch;
use ballet::kafka::{Config, Kafka};
use containers::servers;
use std::time::Duration;

const LANES: u32 = 4;
const EACH: u64 = 600;

/// Reads until the last message was there. A message may come again, but none before its turn.
async fn follow(kafka: &Kafka, topic: &str, lane: u32) {
    let mut reader = reader(kafka, topic, lane).await;
    let mut taken = 0;
    while taken < EACH {
        for arrived in reader.next(100).await.unwrap() {
            let n = nth(&arrived);
            assert!(n <= taken, "{n} came, and {taken} was next");
            taken = taken.max(n + 1);
        }
    }
}

/// An edge: sends batch after batch, each until it is acknowledged.
async fn send(kafka: &Kafka, topic: &str, lane: u32) {
    for start in (0..EACH).step_by(20) {
        while kafka.produce(&[&batch(topic, lane, start..start + 20)]).await.is_err() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_has_lost_nothing_and_mixed_up_nothing() {
    let server = servers::Kafka::alone().await;
    let (kafka, topic) = with_topic(&server.bootstrap(), LANES).await;
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (one, other, name) = (kafka.clone(), kafka.clone(), topic.clone());
        let sent = topic.clone();
        tasks.spawn(async move { send(&one, &sent, lane).await });
        tasks.spawn(async move { follow(&other, &name, lane).await });
    }
    for _ in 0..2 {
        let before = kafka.range(&topic, 0).await.unwrap().end;
        while kafka.range(&topic, 0).await.unwrap().end == before && before < EACH {}
        server.kill().await;
        server.start().await;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// Waits until so many messages are there, but not for ever; whether they are.
async fn has(kafka: &Kafka, topic: &str, count: u64) -> bool {
    let since = Stopwatch::start();
    while kafka.range(topic, 0).await.unwrap().end < count {
        if since.elapsed() > Duration::from_secs(10) {
            return false;
        }
    }
    true
}

/// The server does what it was asked to do, and nobody hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_that_is_lost_makes_no_second_message() {
    let server = servers::Kafka::with_doors(1).await;
    let (kafka, topic) = with_topic(&server.bootstrap(), 1).await;
    let door = server.door(0);
    let behind = Kafka::connect(Config::new(door.address().to_string())).await.unwrap();
    behind.produce(&[&batch(&topic, 0, 0..10)]).await.unwrap();
    let mut end = 10;
    let sending = loop {
        door.silence_back();
        let (name, behind) = (topic.clone(), behind.clone());
        let next = batch(&name, 0, end..end + 10);
        let sending = tokio::spawn(async move { behind.produce(&[&next]).await });
        end += 10;
        if has(&kafka, &topic, end).await {
            break sending;
        }
        // The client had asked for something else before, and waits for that.
        assert!(end < 60, "nothing reaches the server");
        door.open().await;
        sending.await.unwrap().unwrap();
    };
    assert!(!sending.is_finished(), "nobody has told it");
    door.cut().await;
    door.open().await;
    sending.await.unwrap().unwrap();
    assert_eq!(kafka.range(&topic, 0).await.unwrap(), Range { start: 0, end });
    let mut reader = reader(&kafka, &topic, 0).await;
    let all = usize::try_from(end).unwrap();
    assert!(read(&mut *reader, all).await.iter().map(nth).eq(0..end));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_goes_on_where_it_was_when_the_network_is_mended() {
    let server = servers::Kafka::with_doors(1).await;
    let (kafka, topic) = with_topic(&server.bootstrap(), 1).await;
    let door = server.door(0);
    let behind = Kafka::connect(Config::new(door.address().to_string())).await.unwrap();
    let mut reader = reader(&behind, &topic, 0).await;
    let mut next = 0;
    for round in 0..3 {
        kafka.produce(&[&batch(&topic, 0, round * 100..round * 100 + 50)]).await.unwrap();
        next += read(&mut *reader, 30).await.len() as u64;
        door.cut().await;
        kafka.produce(&[&batch(&topic, 0, round * 100 + 50..round * 100 + 100)]).await.unwrap();
        door.open().await;
        let all = read(&mut *reader, 70).await;
        assert!(all.iter().map(nth).eq(next..next + 70));
        next += 70;
    }
}

#[tokio::test]
async fn a_server_that_comes_late_is_waited_for() {
    let server = servers::Kafka::alone().await;
    server.stop().await;
    let config = Config::new(server.bootstrap());
    let (connected, ()) = tokio::join!(Kafka::connect(config), server.start());
    connected.unwrap();
    server.stop().await;
    let config = Config { patience: Duration::from_millis(500), ..Config::new(server.bootstrap()) };
    let told = Kafka::connect(config).await.unwrap_err().to_string();
    let start = format!(
        "no Kafka answers at `{}`: check the address, that it runs, and whether",
        server.bootstrap()
    );
    assert!(told.starts_with(&start), "{told}");
}
