//! What tests may rely on when they do harm to a server.

use super::guard::LABEL;
use super::{Kafka, Postgres, kafka, postgres, runtime};
use crate::process::Process;
use crate::proxy::Proxy;
use ballet::clock::{Stopwatch, rest};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use std::time::Duration;
use tokio::process::Command;

const LONG: Duration = Duration::from_secs(60);
/// Longer than an answer takes that comes.
const A_WHILE: Duration = Duration::from_millis(300);

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

#[tokio::test]
async fn a_role_reaches_its_own_database_and_no_other() {
    let postgres = postgres().await;
    let (own, other) = (postgres.database("own").await, postgres.database("other").await);
    let url = own.role("clerk").await;
    connect(&url).await;
    let refused = PgConnection::connect(&url.replace(own.name(), other.name())).await;
    assert!(refused.is_err());
    let url = postgres.url(&own.role_named("clerk"), other.name());
    let refused = PgConnection::connect(&url).await.unwrap_err().to_string();
    assert!(refused.contains("permission denied for database"), "{refused}");
}

#[tokio::test]
async fn a_role_may_only_connect() {
    let database = postgres().await.database("bare").await;
    let mut clerk = connect(&database.role("clerk").await).await;
    for refused in ["create schema mine", "create table public.mine (id int)"] {
        assert!(clerk.execute(refused).await.is_err(), "{refused}");
    }
    connect(&database.owner_url()).await.execute("create schema mine").await.unwrap();
}

#[tokio::test]
async fn statements_are_counted() {
    let database = postgres().await.database("counted").await;
    let mut owner = connect(&database.superuser_url()).await;
    for _ in 0..3 {
        owner.execute("select 'counted'").await.unwrap();
    }
    let count = "select calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = $1 and query = 'select $1'";
    let counted = sqlx::query_scalar(count).bind(database.name());
    let calls: i64 = counted.fetch_one(&mut owner).await.unwrap();
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn a_frozen_postgres_keeps_its_connections_and_answers_nobody() {
    let postgres = Postgres::alone().await;
    let mut old = connect(&postgres.owner_url()).await;
    let url = postgres.owner_url();
    postgres.freeze().await;
    let old = runtime().spawn(async move { old.execute("select 1").await });
    let new = runtime().spawn(async move { connect(&url).await.execute("select 1").await });
    rest(A_WHILE).await;
    assert!(!old.is_finished() && !new.is_finished());
    postgres.thaw().await;
    old.await.unwrap().unwrap();
    new.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_postgres_that_was_stopped_in_order_is_found_where_it_was() {
    let postgres = Postgres::alone().await;
    let mut before = connect(&postgres.owner_url()).await;
    before.execute("create table kept ()").await.unwrap();
    postgres.stop().await;
    assert!(PgConnection::connect(&postgres.owner_url()).await.is_err());
    postgres.start().await;
    connect(&postgres.owner_url()).await.execute("select from kept").await.unwrap();
}

#[tokio::test]
async fn what_is_committed_over_a_network_that_brings_no_answer_is_there() {
    let postgres = postgres().await;
    let database = postgres.database("unheard").await;
    let proxy = Proxy::before(postgres.address()).await;
    let mut unheard = connect(&database.through(proxy.address()).owner_url()).await;
    proxy.silence_back();
    let made = runtime().spawn(async move { unheard.execute("create schema mine").await });
    let mut owner = connect(&database.owner_url()).await;
    while owner.execute("comment on schema mine is 'seen'").await.is_err() {}
    assert!(!made.is_finished());
    proxy.cut().await;
    assert!(made.await.unwrap().is_err());
}

fn producer(bootstrap: &str) -> FutureProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "200");
    config.create().unwrap()
}

/// Writes a word, and says whether it was acknowledged in time.
async fn writes(producer: &FutureProducer, topic: &str, within: Duration) -> bool {
    let record = FutureRecord::<(), _>::to(topic).payload("word");
    let written = tokio::time::timeout(within, producer.send(record, LONG)).await;
    written.is_ok_and(|written| written.is_ok())
}

#[tokio::test]
async fn a_topic_is_made_for_one_test() {
    let kafka = kafka().await;
    let (one, two) = (kafka.topic("orders", 2).await, kafka.topic("orders", 4).await);
    assert_ne!(one, two);
    assert!(writes(&producer(&kafka.bootstrap()), &two, LONG).await);
}

#[tokio::test]
async fn a_client_that_came_by_a_door_is_cut_off_with_it() {
    let kafka = Kafka::with_doors(2).await;
    let topic = kafka.topic("doors", 1).await;
    let [one, two] = [0, 1].map(|door| producer(&kafka.door(door).address().to_string()));
    assert!(writes(&one, &topic, LONG).await && writes(&two, &topic, LONG).await);
    kafka.door(0).cut().await;
    assert!(!writes(&one, &topic, A_WHILE).await);
    assert!(writes(&two, &topic, LONG).await);
    kafka.door(0).open().await;
    assert!(writes(&one, &topic, LONG).await);
}

#[tokio::test]
async fn a_frozen_kafka_acknowledges_nothing_and_goes_on_when_it_is_thawed() {
    let kafka = Kafka::alone().await;
    let topic = kafka.topic("frozen", 1).await;
    let producer = producer(&kafka.bootstrap());
    assert!(writes(&producer, &topic, LONG).await);
    kafka.freeze().await;
    assert!(!writes(&producer, &topic, A_WHILE).await);
    kafka.thaw().await;
    assert!(writes(&producer, &topic, LONG).await);
}

#[tokio::test]
async fn a_kafka_that_was_stopped_in_order_is_found_where_it_was() {
    let kafka = Kafka::alone().await;
    let topic = kafka.topic("stopped", 1).await;
    kafka.stop().await;
    kafka.start().await;
    assert!(writes(&producer(&kafka.bootstrap()), &topic, LONG).await);
}

/// The containers of a process.
async fn containers_of(process: &str) -> String {
    let filter = format!("label={LABEL}={process}");
    let mut docker = Command::new("docker");
    docker.args(["ps", "--all", "--quiet", "--filter", &filter]);
    let listed = docker.output().await.unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

#[tokio::test]
async fn containers_go_with_their_process_even_if_it_is_killed() {
    let itself = std::env::current_exe().unwrap();
    let test = "servers::tests::a_postgres_that_was_stopped_in_order_is_found_where_it_was";
    let mut process = Process::start(itself.to_str().unwrap(), &["--exact", test], &[]);
    let id = process.id();
    until(|| async { !containers_of(&id).await.is_empty() }).await;
    process.kill().await;
    until(|| async { containers_of(&id).await.is_empty() }).await;
}

async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let watch = Stopwatch::start();
    while !is_so().await {
        assert!(watch.elapsed() < LONG, "it does not come to be so");
        rest(Duration::from_millis(50)).await;
    }
}
