//! The log in the database of the store: what it promises under many processes, and where one of them ends.

use super::faults::{proxy, through};
use super::pair::{database, schema, with_log};
use ballet::ErrorKind;
use ballet::broker::{Broker, Member, TopicSpec};
use ballet::message::Outgoing;
use ballet::postgres::{Config, Postgres};
use ballet::store::{Advance, Batch, Begun, LaneId, Store, Writes};
use sentences::{begin, lane, next, nth, outgoing};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process, and the log as it has it open.
async fn process(config: &Config) -> (Arc<Postgres>, Arc<dyn Broker>) {
    let store = Postgres::connect(config.clone()).await.unwrap();
    let log = store.log().unwrap();
    (store, log)
}

/// A schema with a log, in which there is a topic of two partitions.
async fn with_topic() -> Config {
    let config = with_log(&schema().await).await;
    let spec = TopicSpec { name: "t".into(), partitions: 2, compacted: false };
    process(&config).await.1.ensure(&spec).await.unwrap();
    config
}

fn at(topic: &str, offset: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(topic.to_owned(), offset)])
}

fn topics() -> BTreeSet<String> {
    BTreeSet::from(["t".to_owned()])
}

async fn member(log: &dyn Broker, lanes: u32) -> Box<dyn Member> {
    log.join("group", &topics(), lanes).await.unwrap()
}

async fn assigned(member: &mut dyn Member) -> BTreeSet<u32> {
    timeout(PATIENCE, member.assigned()).await.expect("lanes are dealt anew").unwrap()
}

/// The ids of the first so many messages of a partition, which have no gap between them.
async fn all(log: Arc<dyn Broker>, partition: u32, count: usize) -> Vec<Uuid> {
    let member = member(&*log, 2).await;
    let mut reader = member.reader(partition);
    reader.seek(&at("t", 0));
    let mut ids = Vec::new();
    while ids.len() < count {
        for arrived in timeout(PATIENCE, reader.next(70)).await.expect("more comes").unwrap() {
            assert_eq!(arrived.offset, ids.len() as u64);
            ids.push(arrived.message.unwrap().envelope.id);
        }
    }
    ids
}

/// What the `n`-th batch of a process says, in both partitions, in an order of its own.
fn said(process: u64, n: u64) -> Vec<Outgoing> {
    let number = process * 10_000 + n * 10;
    let mut said: Vec<Outgoing> =
        (0..6).map(|i| outgoing("t", u32::from(i % 2 == 0), number + i, "{}")).collect();
    if n.is_multiple_of(2) {
        said.reverse();
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_processes_append_at_once_all_read_in_one_order_and_without_a_gap() {
    const EACH: u64 = 60;
    let config = with_topic().await;
    let mut reading = JoinSet::new();
    for partition in [0, 1, 0, 1] {
        let (_store, log) = process(&config).await;
        reading.spawn(async move { (partition, all(log, partition, 4 * 3 * EACH as usize).await) });
    }
    let mut appending = JoinSet::new();
    for number in 0..4 {
        let (_store, log) = process(&config).await;
        appending.spawn(async move {
            for n in 0..EACH {
                log.produce(&[&said(number, n)]).await.unwrap();
            }
        });
    }
    appending.join_all().await;
    let mut read = reading.join_all().await;
    read.sort();
    assert_eq!(read[0], read[1]);
    assert_eq!(read[2], read[3]);
    let different: BTreeSet<Uuid> = read[0].1.iter().chain(&read[2].1).copied().collect();
    assert_eq!(different.len(), 4 * 6 * EACH as usize, "each is there once");
}

#[tokio::test]
async fn what_another_process_appends_wakes_who_waits() {
    let config = with_topic().await;
    let ((_one, reads), (_two, appends)) = (process(&config).await, process(&config).await);
    let member = member(&*reads, 2).await;
    let mut reader = member.reader(0);
    reader.seek(&at("t", 0));
    for n in 0..5 {
        let read = timeout(PATIENCE, reader.next(10));
        let (arrived, ()) = tokio::join!(read, async {
            ballet::clock::rest(Duration::from_millis(n * 30)).await;
            appends.produce(&[&[outgoing("t", 0, n, "x")]]).await.unwrap();
        });
        assert_eq!(arrived.expect("it is seen").unwrap().iter().map(nth).collect::<Vec<_>>(), [n]);
    }
}

#[tokio::test]
async fn members_share_the_lanes_and_hear_of_who_leaves() {
    let config = with_topic().await;
    let ((_one, first), (_two, second)) = (process(&config).await, process(&config).await);
    let mut stays = member(&*first, 4).await;
    assert_eq!(assigned(&mut *stays).await, [0, 1, 2, 3].into());
    let mut leaves = member(&*second, 4).await;
    assert_eq!(assigned(&mut *leaves).await, [1, 3].into());
    assert_eq!(assigned(&mut *stays).await, [0, 2].into());
    leaves.leave().await;
    assert_eq!(assigned(&mut *stays).await, [0, 1, 2, 3].into());
}

#[tokio::test]
async fn who_ends_without_a_word_is_missed() {
    let config = with_topic().await;
    let ((_one, first), (two, second)) = (process(&config).await, process(&config).await);
    let mut stays = member(&*first, 4).await;
    assert_eq!(assigned(&mut *stays).await, [0, 1, 2, 3].into());
    let mut ends = member(&*second, 4).await;
    assert_eq!(assigned(&mut *ends).await, [1, 3].into());
    assert_eq!(assigned(&mut *stays).await, [0, 2].into());
    // It can say nothing any more.
    two.close().await;
    assert_eq!(assigned(&mut *stays).await, [0, 1, 2, 3].into());
}

/// Opens a batch of a lane that says one thing.
async fn saying(store: &dyn Store, lane: &LaneId, n: u64) -> (Advance, Box<dyn Batch>) {
    let advance = next(lane, &store.take(lane).await.unwrap());
    let mut batch = begin(store, &advance).await;
    let writes = Writes { outgoing: vec![outgoing("t", 0, n, "x")], ..Writes::default() };
    batch.flush(writes).await.unwrap();
    (advance, batch)
}

#[tokio::test]
async fn what_a_batch_says_is_there_if_and_only_if_it_is_committed() {
    let config = with_topic().await;
    let (store, log) = process(&config).await;
    let (_, taken_back) = saying(&*store, &lane(), 1).await;
    taken_back.roll_back().await;
    let (_, dropped) = saying(&*store, &lane(), 2).await;
    drop(dropped);
    assert_eq!(log.range("t", 0).await.unwrap().end, 0);
    let (_, committed) = saying(&*store, &lane(), 3).await;
    let (_other, elsewhere) = process(&config).await;
    assert_eq!(elsewhere.range("t", 0).await.unwrap().end, 0, "nobody waits for an open batch");
    committed.commit().await.unwrap();
    assert_eq!(elsewhere.range("t", 0).await.unwrap().end, 1);
}

#[tokio::test]
async fn a_topic_that_is_not_there_takes_the_batch_back() {
    let (store, _) = process(&with_topic().await).await;
    let advance = next(&lane(), &store.take(&lane()).await.unwrap());
    let mut batch = begin(&*store, &advance).await;
    let writes = Writes { outgoing: vec![outgoing("nowhere", 0, 1, "x")], ..Writes::default() };
    batch.flush(writes).await.unwrap();
    let told = batch.commit().await.unwrap_err();
    assert_eq!(told.to_string(), "there is no topic `nowhere`");
    assert!(matches!(store.begin(&advance).await.unwrap(), Begun::Open(_)), "nothing was written");
}

/// Whoever appends holds the partition, so a batch whose owner is cut off must not hold it for ever.
#[tokio::test]
async fn a_batch_whose_append_is_not_answered_is_taken_back_and_holds_up_nobody() {
    let config = with_topic().await;
    let (_other, elsewhere) = process(&config).await;
    let proxy = proxy().await;
    let store = Postgres::connect(with_log(&through(&proxy, &config).await).await).await.unwrap();
    let (advance, batch) = saying(&*store, &lane(), 7).await;
    proxy.silence_back();
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Store);
    timeout(PATIENCE, elsewhere.produce(&[&[outgoing("t", 0, 8, "x")]])).await.unwrap().unwrap();
    proxy.cut().await;
    proxy.open().await;
    assert!(matches!(store.begin(&advance).await.unwrap(), Begun::Open(_)));
    assert_eq!(elsewhere.range("t", 0).await.unwrap().end, 1, "what was taken back left no gap");
}

#[tokio::test]
async fn what_was_left_in_the_outbox_is_found_by_an_owner_with_a_log() {
    let config = schema().await;
    let before = Postgres::connect(config.clone()).await.unwrap();
    let (_, batch) = saying(&*before, &lane(), 1).await;
    batch.commit().await.unwrap();
    let (after, _) = process(&with_log(&config).await).await;
    let left = after.take(&lane()).await.unwrap().unpublished;
    assert_eq!(left, [(1, vec![outgoing("t", 0, 1, "x")])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_damaged_is_as_many_messages_that_are_none_and_the_lane_reads_on() {
    let config = with_topic().await;
    let (_store, log) = process(&config).await;
    for n in 0..3 {
        let said: Vec<Outgoing> = (0..2).map(|i| outgoing("t", 0, n * 2 + i, "{}")).collect();
        log.produce(&[&said]).await.unwrap();
    }
    let damage =
        format!("UPDATE {}_log.log SET messages = '\\x01' WHERE first = 2", config.schema());
    let mut owner = PgConnection::connect(&database().await.0.owner_url()).await.unwrap();
    owner.execute(AssertSqlSafe(damage)).await.unwrap();
    let (_other, log) = process(&config).await;
    let member = member(&*log, 1).await;
    let mut reader = member.reader(0);
    reader.seek(&at("t", 0));
    let mut told = Vec::new();
    while told.len() < 6 {
        let arrived = timeout(PATIENCE, reader.next(70)).await.expect("more comes").unwrap();
        told.extend(arrived.into_iter().map(|one| (one.offset, one.message.is_ok())));
    }
    let well = [(0, true), (1, true), (2, false), (3, false), (4, true), (5, true)];
    assert_eq!(told, well);
}

/// Two stores of one process, one of which shares the log of the other: what one says the other is handed at
/// once, without a statement.
#[tokio::test]
async fn stores_of_a_process_that_share_a_log_hand_each_other_what_they_say() {
    let config = with_topic().await;
    let (speaks, _) = process(&config).await;
    let beside = schema().await.with_log_of(&speaks).unwrap();
    let (_hears, log) = process(&beside).await;
    let member = member(&*log, 2).await;
    let mut reader = member.reader(0);
    reader.seek(&at("t", 0));
    // It has asked the database once, and waits.
    let none = timeout(Duration::from_millis(300), reader.next(9)).await;
    assert!(none.is_err());
    let advance = next(&lane(), &speaks.take(&lane()).await.unwrap());
    let mut batch = begin(&*speaks, &advance).await;
    let said = Writes { outgoing: vec![outgoing("t", 0, 1, "x")], ..Writes::default() };
    batch.flush(said).await.unwrap();
    batch.commit().await.unwrap();
    let mut handed = std::pin::pin!(reader.next(9));
    let arrived = futures::poll!(&mut handed);
    assert!(matches!(arrived, std::task::Poll::Ready(Ok(all)) if all.len() == 1));
}

#[tokio::test]
async fn a_store_that_has_no_log_or_is_elsewhere_shares_none() {
    let config = schema().await;
    let alone = Postgres::connect(config.clone()).await.unwrap();
    let told = config.clone().with_log_of(&alone).unwrap_err();
    assert!(told.to_string().ends_with("has no log: open it with one"), "{told}");
    let logged = Postgres::connect(with_log(&config).await).await.unwrap();
    let elsewhere = Config::new("postgres://app@elsewhere/db", "a").unwrap();
    let told = elsewhere.with_log_of(&logged).unwrap_err();
    assert!(
        told.to_string().starts_with("a store in database `db` at elsewhere:5432 cannot"),
        "{told}"
    );
}
