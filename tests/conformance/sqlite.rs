//! What only the embedded pair promises: one process, one clear sentence, and no trace of whoever died.

use super::pairs::{File, Folder};
use super::{NOON, Pair, begin, lane, message, next, open, outgoing, write};
use ballet::broker::TopicSpec;
use ballet::sqlite::Sqlite;
use ballet::store::{Begun, LaneId, Store, Writes};
use ballet::{Error, ErrorKind};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What another program does to the file.
async fn meddle(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut db = options.connect().await.unwrap();
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    db.close().await.unwrap();
}

/// What opening a file is refused with, the path left out.
async fn refused(path: &Path) -> String {
    let told: Error = Sqlite::open(path).await.map(drop).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Store);
    told.to_string().replace(&path.display().to_string(), "it.db")
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let pair = File::fresh(NOON).await;
    assert_eq!(
        refused(&pair.path()).await,
        "`it.db` is open in another process: stop that one, or name another file"
    );
    pair.store().take(&lane()).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_only_dropped_lets_go_of_its_file() {
    let folder = Folder::new();
    for epoch in 1..5 {
        let store = Sqlite::open(folder.file("it.db")).await.unwrap();
        assert_eq!(store.take(&lane()).await.unwrap().epoch, epoch);
    }
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let pair = File::fresh(NOON).await;
    let store = pair.store();
    let pair = pair.reopen().await;
    let told = store.take(&lane()).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Closed);
    assert_eq!(told.to_string(), "the database was closed: open it again");
    pair.store().take(&lane()).await.unwrap();
}

#[tokio::test]
async fn an_incarnation_is_drawn_once() {
    let pair = File::fresh(NOON).await;
    let first = pair.store().incarnation();
    assert_eq!(pair.reopen().await.store().incarnation(), first);
    let other = File::fresh(NOON).await.store().incarnation();
    assert_ne!(other, first);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("it.db");
    std::fs::write(&path, "dear diary").unwrap();
    assert_eq!(refused(&path).await, "`it.db` is not a database: name another file");
    assert_eq!(std::fs::read(&path).unwrap(), b"dear diary");
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("it.db");
    meddle(&path, "CREATE TABLE songs (title TEXT)").await;
    let before = std::fs::read(&path).unwrap();
    let told = "`it.db` belongs to another program: name another file";
    assert_eq!(refused(&path).await, told);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    meddle(&path, "PRAGMA application_id = 7; DROP TABLE songs").await;
    assert_eq!(refused(&path).await, told);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let pair = File::fresh(NOON).await;
    pair.store().take(&lane()).await.unwrap();
    let path = pair.path();
    pair.closed().await;
    meddle(&path, "PRAGMA user_version = 99").await;
    assert_eq!(
        refused(&path).await,
        "`it.db` was written by a newer ballet (schema 99, this one knows 1): use that one"
    );
}

#[tokio::test]
async fn a_file_that_other_migrations_have_made_is_left_alone() {
    for meddled in ["UPDATE meta SET value = value + 1 WHERE name = 'sum'", "DELETE FROM meta"] {
        let pair = File::fresh(NOON).await;
        let path = pair.path();
        pair.closed().await;
        meddle(&path, meddled).await;
        assert_eq!(
            refused(&path).await,
            "`it.db` was made by another build of ballet, which schema 1 here is not: use that one, or name \
             another file"
        );
    }
}

#[tokio::test]
async fn a_damaged_file_is_named_so() {
    for (offset, length) in [(16, 60), (100, 100), (4_096, 4_096), (8_192, 4_096)] {
        let pair = File::fresh(NOON).await;
        pair.store().take(&lane()).await.unwrap();
        pair.closed().await;
        let mut bytes = std::fs::read(pair.path()).unwrap();
        bytes[offset..offset + length].fill(0xa5);
        std::fs::write(pair.path(), bytes).unwrap();
        assert_eq!(
            refused(&pair.path()).await,
            "`it.db` is damaged: restore it from a backup, or name another file",
            "offset {offset}"
        );
    }
}

#[tokio::test]
async fn a_file_that_another_program_has_locked_is_named_so() {
    let pair = File::fresh(NOON).await;
    pair.closed().await;
    let options = SqliteConnectOptions::new().filename(pair.path());
    let mut db = options.pragma("locking_mode", "EXCLUSIVE").connect().await.unwrap();
    db.execute(sqlx::raw_sql("BEGIN EXCLUSIVE; UPDATE lanes SET epoch = 1; COMMIT")).await.unwrap();
    assert_eq!(
        refused(&pair.path()).await,
        "`it.db` is locked by another program: end it, or name another file"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_so() {
    let folder = Folder::new();
    let path = folder.file("nowhere").join("it.db");
    assert_eq!(
        refused(&path).await,
        "`it.db` is in a folder that is not there: make it, or name another file"
    );
}

#[tokio::test]
async fn bytes_in_the_log_that_are_no_message_are_told_so() {
    let pair = File::fresh(NOON).await;
    let spec = TopicSpec { name: "t".into(), partitions: 1, compacted: false };
    pair.broker().ensure(&spec).await.unwrap();
    pair.broker().produce(&[&[outgoing("t", 0, 1, "x")]]).await.unwrap();
    pair.closed().await;
    meddle(&pair.path(), "INSERT INTO log SELECT place + 1, 0, NULL, x'00ff0a' FROM log").await;
    let pair = pair.reopen().await;
    pair.broker().produce(&[&[outgoing("t", 0, 2, "y")]]).await.unwrap();
    let topics = BTreeSet::from(["t".to_owned()]);
    let mut reader = pair.broker().join("g", &topics, 1).await.unwrap().reader(0);
    reader.seek(&BTreeMap::from([("t".to_owned(), 0)]));
    let mut arrived = Vec::new();
    while arrived.len() < 3 {
        arrived.extend(reader.next(10).await.unwrap());
    }
    assert_eq!(*arrived[0].message.as_ref().unwrap(), message(1, "x"));
    let (bytes, told) = arrived[1].message.as_ref().unwrap_err();
    assert_eq!(
        (&bytes[..], &**told),
        (&b"\x00\xff\n"[..], "these bytes are not a message: no envelope")
    );
    assert_eq!(*arrived[2].message.as_ref().unwrap(), message(2, "y"));
}

/// A batch that sends one message is released, and its transaction stays open, since another lane has its
/// turn in it. That lane reads the message, and its own batch is committed with it.
#[tokio::test]
async fn lanes_share_a_transaction_and_hand_messages_over_inside_it() {
    let pair = File::fresh(NOON).await;
    let (store, broker) = (pair.store(), pair.broker());
    let spec = TopicSpec { name: "t".into(), partitions: 1, compacted: false };
    broker.ensure(&spec).await.unwrap();
    let other = LaneId::new("other", 0);
    let taken = store.take(&other).await.unwrap();
    let topics = BTreeSet::from(["t".to_owned()]);
    let mut reader = broker.join("other", &topics, 1).await.unwrap().reader(0);
    let (_, mut first) = open(&*store, &lane()).await;
    let out = vec![outgoing("t", 0, 1, "x")];
    first.flush(Writes { outgoing: out, ..Writes::default() }).await.unwrap();
    let second = async {
        let advance = next(&other, &taken);
        let begun = store.begin(&advance).await.unwrap();
        let arrived = reader.next(10).await.unwrap();
        assert_eq!(broker.range("t", 0).await.unwrap().end, 0, "it is not committed yet");
        assert_eq!(arrived.len(), 1);
        let Begun::Open(batch) = begun else { panic!("nobody else is there") };
        batch.commit().await.unwrap();
    };
    let first = async { first.commit().await.unwrap() };
    tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(first, second) })
        .await
        .expect("one commit answers both");
    assert_eq!(broker.range("t", 0).await.unwrap().end, 1);
}

#[tokio::test]
async fn a_batch_that_fails_takes_nothing_from_those_it_shares_a_transaction_with() {
    let pair = File::fresh(NOON).await;
    let store = pair.store();
    let other = LaneId::new("other", 0);
    let taken = store.take(&other).await.unwrap();
    let (_, mut good) = open(&*store, &lane()).await;
    good.flush(Writes { seen: vec!["good".into()], ..Writes::default() }).await.unwrap();
    let bad = async {
        let mut bad = begin(&*store, &next(&other, &taken)).await;
        let out = vec![outgoing("nowhere", 0, 1, "x")];
        let seen = vec!["bad".into()];
        bad.flush(Writes { outgoing: out, seen, ..Writes::default() }).await.unwrap();
        bad.commit().await.unwrap_err()
    };
    let (good, bad) = tokio::join!(good.commit(), bad);
    good.unwrap();
    assert_eq!(bad.to_string(), "there is no topic `nowhere`");
    assert_eq!(store.take(&lane()).await.unwrap().batch, 1);
    assert_eq!(store.take(&other).await.unwrap().batch, 0);
    let pair = pair.reopen().await;
    write(&*pair.store(), &lane(), Writes::default()).await;
}
