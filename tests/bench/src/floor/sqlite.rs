//! SQLite with the promises that the embedded pair makes: a write-ahead log, and every commit on the disk before it
//! is answered.

use super::{ROW, again};
use crate::Failed;
use crate::ground::Ground;
use crate::load::Passed;
use crate::setting::Folder;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::time::Duration;

const INSERT: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO floor (body) SELECT $2 FROM n";

/// Commits so many rows at a time.
pub(super) async fn insert(ground: &Ground, rows: u64, long: Duration) -> Result<Passed, Failed> {
    let folder = ground.folder()?;
    let mut db = open(&folder).await?;
    let (rows, body) = (i64::try_from(rows)?, vec![b'x'; ROW]);
    let passed = again(long, async || {
        sqlx::query(INSERT).bind(rows).bind(&body).execute(&mut db).await?;
        Ok(())
    });
    let passed = passed.await?;
    db.close().await?;
    Ok(passed)
}

async fn open(folder: &Folder) -> Result<SqliteConnection, Failed> {
    let options = SqliteConnectOptions::new().filename(folder.file("floor.db"));
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut db = options.synchronous(SqliteSynchronous::Full).connect().await?;
    sqlx::query("CREATE TABLE floor (id INTEGER PRIMARY KEY, body BLOB)").execute(&mut db).await?;
    Ok(db)
}
