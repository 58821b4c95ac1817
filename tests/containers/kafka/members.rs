//! Members come, go, and fall silent: who reads which lane, and that nothing is read twice or never.

use super::{at, batch, nth, set, with_topic};
use ballet::broker::{Broker, Member, Reader};
use ballet::kafka::{Config, Kafka};
use containers::servers::{self, own_name};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

const LANES: u32 = 8;

async fn join(kafka: &Kafka, group: &str, topic: &str) -> Box<dyn Member> {
    kafka.join(group, &set(topic), LANES).await.unwrap()
}

/// Waits until a member has so many lanes.
async fn lanes(member: &mut dyn Member, count: usize) -> BTreeSet<u32> {
    loop {
        let lanes = member.assigned().await.unwrap();
        if lanes.len() == count {
            return lanes;
        }
    }
}

#[tokio::test]
async fn a_second_member_takes_half_of_the_lanes_and_gives_them_back() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), LANES).await;
    let group = own_name("group");
    let mut one = join(&kafka, &group, &topic).await;
    let all = lanes(&mut *one, 8).await;
    assert_eq!(all, (0..LANES).collect());
    let mut other = join(&kafka, &group, &topic).await;
    let (kept, given) = tokio::join!(lanes(&mut *one, 4), lanes(&mut *other, 4));
    assert!(kept.is_disjoint(&given), "{kept:?} {given:?}");
    assert_eq!(kept.union(&given).copied().collect::<BTreeSet<_>>(), all);
    drop(other);
    assert_eq!(lanes(&mut *one, 8).await, all);
}

/// So a process that ends lets its lanes finish before anybody else begins with them.
#[tokio::test]
async fn a_seat_is_left_when_the_last_reader_is_gone() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), LANES).await;
    let group = own_name("group");
    let mut one = join(&kafka, &group, &topic).await;
    let mut other = join(&kafka, &group, &topic).await;
    let (kept, _) = tokio::join!(lanes(&mut *one, 4), lanes(&mut *other, 4));
    let reader = one.reader(*kept.first().unwrap());
    drop(one);
    let waited = tokio::time::timeout(Duration::from_secs(3), other.assigned()).await;
    assert!(waited.is_err(), "{waited:?}");
    drop(reader);
    lanes(&mut *other, 8).await;
}

/// What a store knows of a lane: who owns it, and what it has taken.
#[derive(Default)]
struct Row {
    epoch: u64,
    taken: Vec<u64>,
}

type Rows = Arc<Vec<Mutex<Row>>>;

/// Owns a lane as the engine does: raises its epoch, reads where it stands, and writes while the epoch
/// is its own. It is not told when its lane goes to another member: it has to find out.
async fn own(rows: Rows, lane: u32, mut reader: Box<dyn Reader>, topic: String) {
    let row = &rows[lane as usize];
    let epoch = {
        let mut row = row.lock().unwrap();
        row.epoch += 1;
        reader.seek(&at(&topic, row.taken.len() as u64));
        row.epoch
    };
    loop {
        let arrived = reader.next(50).await.unwrap();
        tokio::task::yield_now().await;
        let mut row = row.lock().unwrap();
        if row.epoch != epoch {
            return;
        }
        row.taken.extend(arrived.iter().map(nth));
    }
}

/// A process: owns whatever its member is assigned, until it is aborted.
async fn live(kafka: Arc<Kafka>, group: String, topic: String, rows: Rows) {
    let mut member = join(&kafka, &group, &topic).await;
    let mut owned = BTreeSet::new();
    let mut owners = JoinSet::new();
    loop {
        let lanes = member.assigned().await.unwrap();
        for lane in lanes.difference(&owned) {
            owners.spawn(own(rows.clone(), *lane, member.reader(*lane), topic.clone()));
        }
        owned = lanes;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_rebalances_in_mid_batch_every_message_counts_once_and_in_order() {
    const EACH: u64 = 3_000;
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), LANES).await;
    let rows: Rows = Arc::new((0..LANES).map(|_| Mutex::default()).collect());
    let group = own_name("group");
    let begin = || tokio::spawn(live(kafka.clone(), group.clone(), topic.clone(), rows.clone()));
    let mut processes = vec![begin()];
    for part in 0..10 {
        let which = part * EACH / 10..(part + 1) * EACH / 10;
        for lane in 0..LANES {
            kafka.produce(&[&batch(&topic, lane, which.clone())]).await.unwrap();
        }
        match part {
            1 | 3 | 7 => processes.push(begin()),
            // It does not say good-bye to its lanes: its tasks are gone in the middle.
            5 | 8 => processes.remove(0).abort(),
            _ => {}
        }
    }
    for row in rows.iter() {
        while (row.lock().unwrap().taken.len() as u64) < EACH {
            tokio::task::yield_now().await;
        }
        let row = row.lock().unwrap();
        assert!(row.taken.iter().copied().eq(0..EACH), "{:?}", row.taken);
    }
    processes.into_iter().for_each(|process| process.abort());
}

/// As after SIGSTOP: its connections stay, and nothing comes from it.
#[tokio::test]
async fn a_member_that_is_frozen_loses_its_lanes_and_is_told_when_it_is_back() {
    let server = servers::Kafka::with_doors(1).await;
    let (kafka, topic) = with_topic(&server.bootstrap(), LANES).await;
    let group = own_name("group");
    let behind = Config {
        session: Duration::from_secs(6),
        ..Config::new(server.door(0).address().to_string())
    };
    let behind = Kafka::connect(behind).await.unwrap();
    let mut frozen = join(&behind, &group, &topic).await;
    let all = lanes(&mut *frozen, 8).await;
    server.door(0).silence();
    let mut awake = join(&kafka, &group, &topic).await;
    assert_eq!(lanes(&mut *awake, 8).await, all);
    server.door(0).open().await;
    let (mine, theirs) = tokio::join!(lanes(&mut *awake, 4), async {
        let mut seen = Vec::new();
        loop {
            seen.push(frozen.assigned().await.unwrap());
            if seen.last().is_some_and(|lanes| lanes.len() == 4) {
                return seen;
            }
        }
    });
    assert!(theirs[..theirs.len() - 1].iter().all(BTreeSet::is_empty), "{theirs:?}");
    assert!(mine.is_disjoint(theirs.last().unwrap()));
}

#[tokio::test]
async fn groups_read_the_same_topic_side_by_side() {
    let (kafka, topic) = with_topic(&servers::kafka().await.bootstrap(), 1).await;
    kafka.produce(&[&batch(&topic, 0, 0..10)]).await.unwrap();
    let mut all = BTreeMap::new();
    for name in ["one", "other"] {
        let mut reader = super::reader(&kafka, &topic, 0).await;
        let which: Vec<u64> = super::read(&mut *reader, 10).await.iter().map(nth).collect();
        all.insert(name, which);
    }
    assert!(all.into_values().all(|which| which.into_iter().eq(0..10)));
}
