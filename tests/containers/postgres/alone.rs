//! Batches that lock nothing: they say nothing before their commit, which is one statement and decides all.

use super::faults::{behind, connected, probe, proxy, ready, terminate_all, value, writes};
use super::pair::{database, migrate, schema, with_log};
use ballet::broker::TopicSpec;
use ballet::message::Outgoing;
use ballet::postgres::{Config, Postgres};
use ballet::store::{Advance, LaneId, Store, Writes};
use ballet::{Error, ErrorKind};
use containers::servers::{Postgres as Server, own_name};
use sentences::{begin, lane, next, outgoing, write};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_and_the_compare_and_set_finds_it() {
    let (config, proxy) = (schema().await, proxy().await);
    let store = behind(&proxy, &config).await;
    // Once before, so that the statement is prepared and does what it says when it arrives.
    write(&*store, &lane(), writes("before", 0)).await;
    let (advance, batch) = ready(&*store).await;
    proxy.silence_back();
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    proxy.cut().await;
    proxy.open().await;
    assert_eq!(probe(&*store, &advance).await, Some((advance.epoch, advance.batch + 1)));
    assert_eq!(value(&*store, "k").await, Some(1));
}

/// Somebody else in the same database, who has said this.
async fn somebody(says: String) -> PgConnection {
    let (database, _) = database().await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    db.execute(sqlx::raw_sql(AssertSqlSafe(says))).await.unwrap();
    db
}

/// Until a session of the app waits for what somebody holds.
async fn waits(config: &Config) {
    let mut db = somebody("SELECT 1".to_owned()).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = $1 AND wait_event_type = 'Lock'";
    loop {
        let asked = sqlx::query(waiting).bind(format!("ballet {}", config.schema()));
        if asked.fetch_one(&mut db).await.unwrap().get::<i64, _>(0) > 0 {
            return;
        }
        ballet::clock::rest(Duration::from_millis(10)).await;
    }
}

/// The batch puts a row that is there, which it has taken for new, and its second statement waits: somebody holds the
/// row, which the first did not need. He lets go when he ends.
async fn second(store: &dyn Store, config: &Config) -> (Advance, Committing, PgConnection) {
    write(store, &lane(), writes("k", 0)).await;
    let holds = format!("BEGIN; SELECT 1 FROM {}.rows FOR UPDATE", config.schema());
    let holder = somebody(holds).await;
    let (advance, batch) = ready(store).await;
    let committing = tokio::spawn(batch.commit());
    waits(config).await;
    (advance, committing, holder)
}

type Committing = JoinHandle<Result<(), Error>>;

#[tokio::test]
async fn a_second_statement_whose_answer_is_lost_is_unknown_and_the_compare_and_set_finds_it() {
    let (config, proxy) = (schema().await, proxy().await);
    let store = behind(&proxy, &config).await;
    let (advance, committed, mut holder) = second(&*store, &config).await;
    proxy.silence_back();
    holder.execute("COMMIT").await.unwrap();
    assert_eq!(committed.await.unwrap().unwrap_err().kind(), ErrorKind::Unknown);
    proxy.cut().await;
    proxy.open().await;
    assert_eq!(probe(&*store, &advance).await, Some((advance.epoch, advance.batch + 1)));
    assert_eq!(value(&*store, "k").await, Some(1));
}

#[tokio::test]
async fn a_session_that_ends_under_the_second_statement_makes_it_unknown_and_leaves_nothing() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let (advance, committed, mut holder) = second(&*store, &config).await;
    assert!(terminate_all(&config).await > 0);
    assert_eq!(committed.await.unwrap().unwrap_err().kind(), ErrorKind::Unknown);
    holder.execute("COMMIT").await.unwrap();
    assert_eq!(probe(&*store, &advance).await, None);
    assert_eq!(value(&*store, "k").await, Some(0));
}

/// The first statement waits for a row that comes and makes it fail; before it is seen which row that was, the lane is
/// taken by another.
#[tokio::test]
async fn an_owner_that_is_replaced_before_its_second_statement_has_written_nothing() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let rows = format!("{}.rows", config.schema());
    let (advance, batch) = ready(&*store).await;
    let puts = format!("BEGIN; INSERT INTO {rows} VALUES ('service.table', 'k', '7')");
    let mut holder = somebody(puts).await;
    let committing = tokio::spawn(batch.commit());
    waits(&config).await;
    let locks = tokio::spawn(somebody(format!("BEGIN; LOCK TABLE {rows}")));
    locked(&rows).await;
    holder.execute("COMMIT").await.unwrap();
    let mut locker = locks.await.unwrap();
    waits(&config).await;
    let other = connected(config).await;
    let taken = other.take(&lane()).await.unwrap();
    locker.execute("COMMIT").await.unwrap();
    assert_eq!(committing.await.unwrap().unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(probe(&*store, &advance).await, Some((taken.epoch, 0)));
    assert_eq!(value(&*other, "k").await, Some(7));
}

/// Until somebody waits for all of a table.
async fn locked(table: &str) {
    let mut db = somebody("SELECT 1".to_owned()).await;
    let waiting = "SELECT count(*) FROM pg_locks
         WHERE relation = $1::regclass AND mode = 'AccessExclusiveLock' AND NOT granted";
    while sqlx::query(waiting).bind(table).fetch_one(&mut db).await.unwrap().get::<i64, _>(0) == 0 {
        ballet::clock::rest(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_unknown_and_has_not_happened() {
    let (config, proxy) = (schema().await, proxy().await);
    let store = behind(&proxy, &config).await;
    let (advance, batch) = ready(&*store).await;
    proxy.silence_forth();
    let beside = connected(config).await;
    let (committed, probed) = tokio::join!(batch.commit(), probe(&*beside, &advance));
    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(probed, None);
    assert_eq!(value(&*beside, "k").await, None);
}

/// The owner has concluded that its batch was lost, and has taken the lane again; only now the statement
/// comes. It belongs to an epoch that is over.
#[tokio::test]
async fn a_commit_that_comes_after_the_lane_was_taken_again_does_nothing() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let (_, late) = ready(&*store).await;
    let beside = connected(config).await;
    beside.take(&lane()).await.unwrap();
    assert_eq!(late.commit().await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(value(&*store, "k").await, None);
}

#[tokio::test]
async fn a_session_that_was_ended_before_the_commit_makes_it_unknown_and_leaves_nothing() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let (advance, batch) = ready(&*store).await;
    assert!(terminate_all(&config).await > 0);
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(probe(&*store, &advance).await, None);
    assert_eq!(value(&*store, "k").await, None);
}

/// Others need not wait for an owner that froze, for it holds nothing.
#[tokio::test]
async fn an_owner_that_freezes_in_a_batch_holds_nothing_and_is_fenced() {
    let config = schema().await;
    let frozen = connected(config.clone()).await;
    let (advance, batch) = ready(&*frozen).await;
    let other = connected(config).await;
    let taken = other.take(&lane()).await.unwrap();
    assert_eq!((taken.epoch, taken.batch), (advance.epoch + 1, 0));
    write(&*other, &lane(), writes("k", 2)).await;
    let told = batch.commit().await.unwrap_err();
    assert_eq!(told.to_string(), "lane group/0 belongs to another owner, of epoch 3");
    assert_eq!(probe(&*frozen, &advance).await, Some((taken.epoch + 1, 1)));
    assert_eq!(value(&*frozen, "k").await, Some(2));
}

#[tokio::test]
async fn a_server_that_dies_under_a_commit_makes_it_unknown_and_the_store_works_on() {
    let server = Server::alone().await;
    let database = server.database("store").await;
    let app = database.role("app").await;
    let schema = own_name("schema");
    migrate(&database, &schema).await;
    let store = connected(Config::new(&app, &schema).unwrap()).await;
    let (advance, batch) = ready(&*store).await;
    server.kill().await;
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    server.start().await;
    while store.waiting().await.is_err() {}
    assert_eq!(probe(&*store, &advance).await, None);
    write(&*store, &lane(), writes("k", 2)).await;
    assert_eq!(value(&*store, "k").await, Some(2));
}

/// A batch that rests knows nothing of the database any more: it asks, so that an owner learns in time that
/// it was replaced.
#[tokio::test]
async fn an_owner_that_has_rested_asks_before_it_begins() {
    let config = schema().await;
    let (store, other) = (connected(config.clone()).await, connected(config).await);
    let advance = next(&lane(), &store.take(&lane()).await.unwrap());
    ballet::clock::rest(Duration::from_millis(5_100)).await;
    let taken = other.take(&lane()).await.unwrap();
    assert_eq!(probe(&*store, &advance).await, Some((taken.epoch, 0)));
}

/// However long its batches take: deadlines are told by that time.
#[tokio::test]
async fn the_time_of_a_lane_does_not_fall_behind_that_of_the_database() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let mut advance = next(&lane(), &store.take(&lane()).await.unwrap());
    for n in 0..4 {
        let mut batch = begin(&*store, &advance).await;
        ballet::clock::rest(Duration::from_millis(400)).await;
        batch.flush(writes("k", n)).await.unwrap();
        batch.commit().await.unwrap();
        advance = Advance { batch: advance.batch + 1, ..advance };
    }
    let now = begin(&*store, &advance).await.now();
    // Whoever takes the lane asks the database.
    let told = connected(config).await.take(&lane()).await.unwrap().time;
    let behind = told.since(now);
    assert!(behind < Duration::from_millis(400), "{behind:?} in four batches");
}

/// Three lanes write the same rows, that none of them has read, and say something in the same partition:
/// whoever waits for a row holds no partition.
#[tokio::test]
async fn lanes_that_write_the_same_rows_and_say_something_do_not_wait_in_a_circle() {
    let store = Postgres::connect(with_log(&schema().await).await).await.unwrap();
    let broker = store.log().unwrap();
    broker.ensure(&TopicSpec { name: "t".into(), partitions: 1, compacted: false }).await.unwrap();
    let say = |n| -> Vec<Outgoing> { vec![outgoing("t", 0, n, "x")] };
    let work = |number: u32| {
        let store = Arc::clone(&store);
        async move {
            let lane = LaneId::new("group", number);
            let mut advance = next(&lane, &store.take(&lane).await.unwrap());
            for n in 0..50 {
                let mut batch = begin(&*store, &advance).await;
                let key = ["a", "b"][usize::from((n + u64::from(number)) % 2 == 0)];
                let written = Writes { outgoing: say(n), ..writes(key, n) };
                batch.flush(written).await.unwrap();
                batch.commit().await.unwrap();
                advance = Advance { batch: advance.batch + 1, ..advance };
            }
        }
    };
    tokio::join!(work(0), work(1), work(2));
    assert_eq!(broker.range("t", 0).await.unwrap().end, 150);
}

/// Who is told something that was said a moment ago does not handle it before that, however far behind its own
/// clock is.
#[tokio::test]
async fn nothing_is_handled_before_it_was_said() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let advance = next(&lane(), &store.take(&lane()).await.unwrap());
    let beside = LaneId::new("group", 1);
    let said = connected(config).await.take(&beside).await.unwrap().time;
    assert!(begin(&*store, &Advance { said, ..advance }).await.now() >= said);
}
