//! Much at once. What it says of speed is for people; nothing depends on it.

use super::{at, batch, nth, set, with_topic};
use ballet::broker::{Broker, Reader};
use ballet::clock::Stopwatch;
use containers::servers::{self, own_name};
use tokio::task::JoinSet;

const LANES: u32 = 8;
const EACH: u64 = 25_000;

/// The lanes that take nothing for a while are paused, and go on where they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_taking_hold_up_nobody_and_miss_nothing() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), LANES).await;
    let since = Stopwatch::start();
    let mut producing = JoinSet::new();
    for lane in 0..LANES {
        let (kafka, topic) = (kafka.clone(), topic.clone());
        producing.spawn(async move {
            for start in (0..EACH).step_by(500) {
                kafka.produce(&[&batch(&topic, lane, start..start + 500)]).await.unwrap();
            }
        });
    }
    producing.join_all().await;
    let produced = since.elapsed();
    let since = Stopwatch::start();
    let member = kafka.join(&own_name("group"), &set(&topic), LANES).await.unwrap();
    let mut readers: Vec<Box<dyn Reader>> = (0..LANES).map(|lane| member.reader(lane)).collect();
    readers.iter_mut().for_each(|reader| reader.seek(&at(&topic, 0)));
    // The later half takes nothing until the earlier half has everything.
    let late = readers.split_off(readers.len() / 2);
    for some in [readers, late] {
        let mut reading = JoinSet::new();
        some.into_iter().for_each(|reader| drop(reading.spawn(take_all(reader))));
        reading.join_all().await;
    }
    let count = u64::from(LANES) * EACH;
    println!("{count} messages: produced in {produced:?}, read in {:?}", since.elapsed());
}

async fn take_all(mut reader: Box<dyn Reader>) {
    let mut next = 0;
    while next < EACH {
        for arrived in reader.next(500).await.unwrap() {
            assert_eq!((nth(&arrived), arrived.offset), (next, next));
            next += 1;
        }
    }
}
