//! What Postgres can do worse than a file: connections that end, owners that freeze, lanes that want the
//! same rows.

use super::pair::{database, migrate, schema};
use ballet::postgres::{Config, Postgres};
use ballet::store::{Advance, Batch, Begun, LaneId, Lock, Slot, Store, Writes};
use ballet::{Error, ErrorKind};
use containers::proxy::Proxy;
use containers::servers::{self, Postgres as Server, own_name};
use sentences::slots::{plain, row};
use sentences::{begin, lane, next, open, write};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Short enough to be waited for, and long enough for what goes well.
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn connected(config: Config) -> Arc<Postgres> {
    Postgres::connect(config.patience(PATIENCE)).await.unwrap()
}

/// The same schema, reached through a network that can fail.
pub async fn through(proxy: &Proxy, config: &Config) -> Config {
    let (_, app) = database().await;
    let direct = servers::postgres().await.address().to_string();
    let url = app.replace(&direct, &proxy.address().to_string());
    Config::new(&url, config.schema()).unwrap().patience(PATIENCE)
}

pub async fn behind(proxy: &Proxy, config: &Config) -> Arc<Postgres> {
    connected(through(proxy, config).await).await
}

pub async fn proxy() -> Proxy {
    Proxy::before(servers::postgres().await.address()).await
}

pub fn writes(key: &'static str, value: u64) -> Writes {
    let slots = BTreeMap::from([(row(key), plain(value.to_string()))]);
    Writes { slots, ..Writes::default() }
}

pub async fn value(store: &dyn Store, key: &'static str) -> Option<u64> {
    let found = store.find(&BTreeSet::from([row(key)]), &BTreeSet::new()).await.unwrap();
    let body = found.slots.get(&row(key))?;
    Some(String::from_utf8_lossy(body).parse().unwrap())
}

/// Takes the lane, and opens a batch that has locked a row and written it.
pub async fn written(store: &dyn Store) -> (Advance, Box<dyn Batch>) {
    let advance = next(&lane(), &store.take(&lane()).await.unwrap());
    let mut batch = begin(store, &advance).await;
    let wanted = BTreeMap::from([(row("k"), Lock::Change)]);
    batch.read(&wanted, &BTreeSet::new()).await.unwrap();
    batch.flush(writes("k", 1)).await.unwrap();
    (advance, batch)
}

/// The same without a lock: it has said nothing to the server since the lane was taken.
pub async fn ready(store: &dyn Store) -> (Advance, Box<dyn Batch>) {
    let advance = next(&lane(), &store.take(&lane()).await.unwrap());
    let mut batch = begin(store, &advance).await;
    batch.flush(writes("k", 1)).await.unwrap();
    (advance, batch)
}

/// What the compare-and-set says after a commit of which nobody knows.
pub async fn probe(store: &dyn Store, advance: &Advance) -> Option<(u64, u64)> {
    match store.begin(advance).await.unwrap() {
        Begun::Open(batch) => {
            batch.roll_back().await;
            None
        }
        Begun::Lost { epoch, batch } => Some((epoch, batch)),
    }
}

/// Ends the sessions of the app that rest in a transaction on this schema.
pub async fn terminate(config: &Config) -> i64 {
    let (database, _) = database().await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let ended = sqlx::query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = $1 AND state LIKE 'idle in transaction%'",
    );
    ended.bind(format!("ballet {}", config.schema())).fetch_one(&mut db).await.unwrap().get(0)
}

/// Ends all sessions of the app on this schema.
pub async fn terminate_all(config: &Config) -> i64 {
    let (database, _) = database().await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let ended = sqlx::query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1",
    );
    ended.bind(format!("ballet {}", config.schema())).fetch_one(&mut db).await.unwrap().get(0)
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_and_the_compare_and_set_finds_it() {
    let (config, proxy) = (schema().await, proxy().await);
    let store = behind(&proxy, &config).await;
    let (advance, batch) = written(&*store).await;
    proxy.silence_back();
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    proxy.cut().await;
    proxy.open().await;
    assert_eq!(probe(&*store, &advance).await, Some((advance.epoch, advance.batch + 1)));
    assert_eq!(value(&*store, "k").await, Some(1));
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_unknown_and_the_compare_and_set_waits_for_its_end() {
    let (config, proxy) = (schema().await, proxy().await);
    let store = behind(&proxy, &config).await;
    let (advance, batch) = written(&*store).await;
    proxy.silence_forth();
    let beside = connected(config).await;
    // The probe begins while the lost transaction is still open on the server.
    let (committed, probed) = tokio::join!(batch.commit(), probe(&*beside, &advance));
    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(probed, None);
    assert_eq!(value(&*beside, "k").await, None);
}

#[tokio::test]
async fn a_session_that_is_ended_before_its_commit_leaves_nothing() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let (advance, batch) = written(&*store).await;
    assert_eq!(terminate(&config).await, 1);
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(probe(&*store, &advance).await, None);
    assert_eq!(value(&*store, "k").await, None);
}

#[tokio::test]
async fn a_session_that_is_ended_in_the_middle_of_a_batch_leaves_nothing_and_the_next_works() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    let (_, mut batch) = written(&*store).await;
    assert_eq!(terminate(&config).await, 1);
    let told = batch.inbox(1).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Store);
    assert!(told.to_string().contains("it is tried again"), "{told}");
    let told = batch.commit().await.unwrap_err();
    assert_eq!(told.to_string(), "a statement of the batch failed: it was taken back");
    assert_eq!(value(&*store, "k").await, None);
    write(&*store, &lane(), writes("k", 2)).await;
    assert_eq!(value(&*store, "k").await, Some(2));
}

/// It is told that nobody knows, asks, and learns that the lane is another's. The other has waited for as
/// long as the server lets a transaction rest, and no longer.
#[tokio::test]
async fn an_owner_that_freezes_in_a_batch_holds_no_locks_for_ever_and_is_fenced() {
    let config = schema().await;
    let frozen = connected(config.clone()).await;
    let (advance, batch) = written(&*frozen).await;
    let other = connected(config).await;
    let taken = other.take(&lane()).await.unwrap();
    assert_eq!((taken.epoch, taken.batch), (advance.epoch + 1, 0));
    write(&*other, &lane(), writes("k", 2)).await;
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(probe(&*frozen, &advance).await, Some((taken.epoch + 1, 1)));
    assert_eq!(value(&*frozen, "k").await, Some(2));
}

#[tokio::test]
async fn a_new_owner_waits_for_the_batch_of_the_old_one_and_sees_it() {
    let config = schema().await;
    let (old, new) = (connected(config.clone()).await, connected(config).await);
    let (advance, batch) = written(&*old).await;
    let committing = async {
        tokio::task::yield_now().await;
        batch.commit().await.unwrap();
    };
    let lane = lane();
    let (taken, ()) = tokio::join!(new.take(&lane), committing);
    let taken = taken.unwrap();
    assert_eq!((taken.epoch, taken.batch), (advance.epoch + 1, 1));
    let Begun::Lost { epoch, batch } = old.begin(&advance).await.unwrap() else {
        panic!("the old owner went on")
    };
    assert_eq!((epoch, batch), (taken.epoch, 1));
}

fn lanes() -> [LaneId; 2] {
    [LaneId::new("group", 0), LaneId::new("group", 1)]
}

async fn add(batch: &mut dyn Batch, keys: &[&'static str]) -> Result<Writes, Error> {
    let slots: BTreeMap<Slot, Lock> = keys.iter().map(|key| (row(*key), Lock::Change)).collect();
    let found = batch.read(&slots, &BTreeSet::new()).await?;
    let before = |key: &str| {
        let body = found.slots.get(&row(key.to_owned()));
        body.map_or(0, |body| String::from_utf8_lossy(body).parse::<u64>().unwrap())
    };
    let slots = keys.iter().map(|key| (row(*key), plain((before(key) + 1).to_string())));
    Ok(Writes { slots: slots.collect(), ..Writes::default() })
}

/// Writes and commits, if all went well until here; takes it back otherwise.
async fn end(mut batch: Box<dyn Batch>, added: Result<Writes, Error>) -> Result<(), Error> {
    let flushed = match added {
        Ok(writes) => batch.flush(writes).await,
        Err(told) => Err(told),
    };
    match flushed {
        Ok(()) => batch.commit().await,
        Err(told) => {
            batch.roll_back().await;
            Err(told)
        }
    }
}

/// One batch of a lane that adds one to each of these rows.
async fn add_all(store: &dyn Store, lane: &LaneId, keys: &[&'static str]) -> Result<(), Error> {
    let (_, mut batch) = open(store, lane).await;
    let added = add(&mut *batch, keys).await;
    end(batch, added).await
}

/// Which of the two was taken back: exactly one was.
fn beaten(first: Result<(), Error>, second: Result<(), Error>) -> LaneId {
    let [one, two] = lanes();
    let (beaten, told) = match (first, second) {
        (Err(told), Ok(())) => (one, told),
        (Ok(()), Err(told)) => (two, told),
        both => panic!("one of them must be taken back: {both:?}"),
    };
    assert_eq!(told.kind(), ErrorKind::Store);
    assert!(told.to_string().starts_with("another lane has"), "{told}");
    beaten
}

#[tokio::test]
async fn of_two_lanes_that_lock_each_others_rows_one_is_taken_back_and_nothing_is_lost() {
    let store = connected(schema().await).await;
    let [one, two] = lanes();
    write(&*store, &one, writes("a", 0)).await;
    write(&*store, &one, writes("b", 0)).await;
    let (_, mut first) = open(&*store, &one).await;
    let (_, mut second) = open(&*store, &two).await;
    let a = add(&mut *first, &["a"]).await.unwrap();
    let b = add(&mut *second, &["b"]).await.unwrap();
    let both = |own: Writes, other: Writes| {
        let slots = own.slots.into_iter().chain(other.slots).collect();
        Writes { slots, ..Writes::default() }
    };
    let first = async {
        let added = add(&mut *first, &["b"]).await.map(|b| both(a, b));
        end(first, added).await
    };
    let second = async {
        let added = add(&mut *second, &["a"]).await.map(|a| both(b, a));
        end(second, added).await
    };
    let (first, second) = tokio::join!(first, second);
    add_all(&*store, &beaten(first, second), &["a", "b"]).await.unwrap();
    assert_eq!(value(&*store, "a").await, Some(2));
    assert_eq!(value(&*store, "b").await, Some(2));
}

#[tokio::test]
async fn lanes_that_lock_the_same_rows_in_one_round_wait_for_each_other() {
    let store = connected(schema().await).await;
    let [one, two] = lanes();
    let all = ["a", "b", "c", "d"];
    for key in all {
        write(&*store, &one, writes(key, 0)).await;
    }
    for _ in 0..10 {
        let back = ["d", "c", "b", "a"];
        let (first, second) =
            tokio::join!(add_all(&*store, &one, &all), add_all(&*store, &two, &back));
        first.and(second).unwrap();
    }
    for key in all {
        assert_eq!(value(&*store, key).await, Some(20));
    }
}

#[tokio::test]
async fn a_row_that_two_lanes_find_absent_is_written_by_one_after_the_other() {
    let store = connected(schema().await).await;
    let [one, two] = lanes();
    let (_, mut first) = open(&*store, &one).await;
    let (_, mut second) = open(&*store, &two).await;
    let (found, beside) = (add(&mut *first, &["k"]).await, add(&mut *second, &["k"]).await);
    let (first, second) = tokio::join!(end(first, found), end(second, beside));
    add_all(&*store, &beaten(first, second), &["k"]).await.unwrap();
    assert_eq!(value(&*store, "k").await, Some(2));
}

/// Each lane writes its own row because it has found the other's absent. One of the two must have come
/// first, and the second must have seen it.
#[tokio::test]
async fn what_was_found_absent_is_locked_though_it_is_not_written() {
    let store = connected(schema().await).await;
    let [one, two] = lanes();
    let (_, mut first) = open(&*store, &one).await;
    let (_, mut second) = open(&*store, &two).await;
    let both = ["a", "b"].map(|key| (row(key), Lock::Change)).into();
    for batch in [&mut first, &mut second] {
        assert!(batch.read(&both, &BTreeSet::new()).await.unwrap().slots.is_empty());
    }
    let (first, second) =
        tokio::join!(end(first, Ok(writes("a", 1))), end(second, Ok(writes("b", 1))));
    let one_is_beaten = beaten(first, second) == one;
    assert_eq!(value(&*store, "a").await, (!one_is_beaten).then_some(1));
    assert_eq!(value(&*store, "b").await, one_is_beaten.then_some(1));
}

#[tokio::test]
async fn a_store_works_on_when_its_server_comes_back() {
    let server = Server::alone().await;
    let database = server.database("store").await;
    let app = database.role("app").await;
    let schema = own_name("schema");
    migrate(&database, &schema).await;
    let store = connected(Config::new(&app, &schema).unwrap()).await;
    write(&*store, &lane(), writes("k", 1)).await;
    let (advance, batch) = written(&*store).await;
    server.kill().await;
    assert_eq!(batch.commit().await.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(store.take(&lane()).await.unwrap_err().kind(), ErrorKind::Store);
    server.start().await;
    // Connections that rested are found dead one at a time, and all of them are then let go.
    let mut told = 0;
    while store.waiting().await.is_err() {
        told += 1;
        assert!(told <= 1, "it does not get over it");
    }
    assert_eq!(probe(&*store, &advance).await, None);
    assert_eq!(value(&*store, "k").await, Some(1));
    write(&*store, &lane(), writes("k", 2)).await;
}

/// Whoever stops waiting leaves nothing behind on the server, wherever it stops.
#[tokio::test]
async fn no_session_rests_in_a_transaction_that_nobody_holds() {
    let config = schema().await;
    let store = connected(config.clone()).await;
    for _ in 0..10 {
        drop(written(&*store).await);
    }
    let taken = store.take(&lane()).await.unwrap();
    assert_eq!(taken.batch, 0);
    assert_eq!(terminate(&config).await, 0);
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_told_so() {
    let config = schema().await;
    let (database, _) = database().await;
    let role = own_name("reader");
    let url = database.role(&role).await;
    let mut owner = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let name = database.role_named(&role);
    let only = format!("ALTER ROLE {name} SET default_transaction_read_only = on");
    owner.execute(AssertSqlSafe(only)).await.unwrap();
    let granted = Config::new(&database.owner_url(), config.schema()).unwrap();
    Postgres::migrate(&granted, Some(&name)).await.unwrap();
    let store = connected(Config::new(&url, config.schema()).unwrap()).await;
    let told = store.take(&lane()).await.unwrap_err();
    assert!(told.to_string().starts_with("the database can only be read: connect to the primary"));
}
