//! Opening the file: whose it is, which schema it has, and what SQLite must promise.

use crate::error::{Error, ErrorKind};
use crate::sqlite::place;
use crate::sqlite::tail::{Log, Topic};
use crate::sqlite::trouble::{damaged, file, store, unopened};
use crate::store::migrations::{Made, Migrations};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Says in the header of the file that it is ours: `blet`.
pub(super) const APPLICATION: i32 = 0x626c_6574;

const MIGRATIONS: Migrations =
    Migrations(&[include_str!("../../migrations/sqlite/0001_lanes.sql")]);

/// With what every SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How connections to a file are made. The thread of each is named, so that tools can tell them apart.
pub(super) fn options(path: &Path, role: &'static str) -> SqliteConnectOptions {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        .statement_cache_capacity(256)
        .row_buffer_size(1_024)
        .pragma("cache_size", "-32768")
        .pragma("temp_store", "MEMORY")
        .thread_name(move |_| format!("{role} {name}"))
}

/// Opens the file to write, makes what is not there yet, and gives its incarnation. If it is opened for
/// somebody, it is theirs from now on, unless it is somebody else's.
pub(super) async fn open(
    path: &Path,
    owner: Option<&str>,
) -> Result<(SqliteConnection, u32), Error> {
    look(path)?;
    let db = options(path, "writes").create_if_missing(true).connect().await;
    let mut db = db.map_err(|told| unopened(path, told))?;
    let version = whose(&mut db, path).await?;
    promise(&mut db, path).await?;
    sound(&mut db, path).await?;
    for number in done(&mut db, path, version).await?..MIGRATIONS.known() {
        migrate(&mut db, number).await.map_err(|told| unopened(path, told))?;
    }
    if let Some(owner) = owner {
        belongs_to(&mut db, path, owner).await?;
    }
    let incarnation = incarnation(&mut db).await.map_err(|told| unopened(path, told))?;
    Ok((db, incarnation))
}

/// Whose a file is, is written down by whoever opens it first and says who it is.
async fn belongs_to(db: &mut SqliteConnection, path: &Path, owner: &str) -> Result<(), Error> {
    let asked = sqlx::query(
        "INSERT INTO meta (name, value) VALUES ('owner', $1)
         ON CONFLICT (name) DO UPDATE SET value = value RETURNING value",
    );
    let row = asked.bind(owner).fetch_one(db).await.map_err(|told| unopened(path, told))?;
    match row.get::<String, _>(0) {
        known if known == owner => Ok(()),
        known => {
            let told = format!("belongs to `{known}`, and this is `{owner}`: name another file");
            Err(Error::new(ErrorKind::Store, file(path, told)))
        }
    }
}

/// A file that does not begin as SQLite's do is left alone.
fn look(path: &Path) -> Result<(), Error> {
    let mut header = Vec::new();
    match std::fs::File::open(path) {
        Err(_) => return Ok(()), // There is none yet, or SQLite will say why it cannot be read.
        Ok(found) => {
            let read = found.take(MAGIC.len() as u64).read_to_end(&mut header);
            read.map_err(|told| Error::new(ErrorKind::Store, file(path, told)))?;
        }
    }
    if header.is_empty() || header == MAGIC {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Store, file(path, "is not a database: name another file")))
}

/// The version of the schema in the file, if it is one of ours; 0 in an empty one.
async fn whose(db: &mut SqliteConnection, path: &Path) -> Result<i64, Error> {
    let asked = sqlx::query(
        "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
         FROM pragma_application_id a, pragma_user_version v",
    );
    let row = asked.fetch_one(db).await.map_err(|told| unopened(path, told))?;
    let (application, version, things): (i32, i64, i64) = (row.get(0), row.get(1), row.get(2));
    match application {
        0 if version == 0 && things == 0 => Ok(0),
        APPLICATION if version <= MIGRATIONS.known() as i64 => Ok(version),
        APPLICATION => Err(newer(path, version)),
        _ => {
            let told = "belongs to another program: name another file";
            Err(Error::new(ErrorKind::Store, file(path, told)))
        }
    }
}

/// How many of our migrations have made it. Refuses one that others have made, or more than we know.
async fn done(db: &mut SqliteConnection, path: &Path, version: i64) -> Result<usize, Error> {
    let known = MIGRATIONS.known();
    let sum = if version == 0 { Ok(0) } else { sum(db).await };
    let told = match MIGRATIONS.made(version, sum.map_err(|told| unopened(path, told))?) {
        Made::Same => return Ok(known),
        Made::Older(done) => return Ok(done),
        Made::Newer => return Err(newer(path, version)),
        Made::Otherwise => format!(
            "was made by another build of ballet, which schema {version} here is not: use that one, or name \
             another file"
        ),
    };
    Err(Error::new(ErrorKind::Store, file(path, told)))
}

fn newer(path: &Path, version: i64) -> Error {
    let known = MIGRATIONS.known();
    let told = format!(
        "was written by a newer ballet (schema {version}, this one knows {known}): use that one"
    );
    Error::new(ErrorKind::Store, file(path, told))
}

/// The sum of the migrations that have made it.
async fn sum(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let asked = sqlx::query("SELECT value FROM meta WHERE name = 'sum'");
    Ok(asked.fetch_optional(db).await?.map_or(0, |row| row.get(0)))
}

/// Says what must hold, and makes sure that it does: what a power cut leaves is what some commit left. That a
/// commit is on the disk before it is answered is seen to by [`disk`](crate::sqlite::disk).
async fn promise(db: &mut SqliteConnection, path: &Path) -> Result<(), Error> {
    let asked =
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_mode = WAL";
    let row = db.fetch_all(sqlx::query(asked)).await.map_err(|told| unopened(path, told))?;
    let mode = row.last().map(|row| row.get::<String, _>(0)).unwrap_or_default();
    let synchronous = db.fetch_one(sqlx::query("PRAGMA synchronous")).await;
    let synchronous: i64 = synchronous.map_err(|told| unopened(path, told))?.get(0);
    if mode == "wal" && synchronous == 1 {
        return Ok(());
    }
    let told = format!(
        "cannot be written safely (journal {mode}, synchronous {synchronous}): put it on a local disk"
    );
    Err(Error::new(ErrorKind::Store, file(path, told)))
}

/// Looks at what everything else hangs on. All of the file would take as long as the file is large, and
/// what is damaged elsewhere is told by the statement that meets it.
async fn sound(db: &mut SqliteConnection, path: &Path) -> Result<(), Error> {
    let asked = sqlx::query(
        "SELECT c.quick_check FROM sqlite_schema s, pragma_quick_check(s.name) c
         WHERE s.name IN ('meta', 'lanes', 'topics') AND c.quick_check <> 'ok'",
    );
    let found = asked.fetch_all(db).await.map_err(|told| unopened(path, told))?;
    match found.first() {
        None => Ok(()),
        Some(row) => Err(damaged(path).because(row.get::<String, _>(0))),
    }
}

/// Applies a migration and notes it, in one transaction.
///
/// # If the process dies
///
/// The migration is there as a whole or not at all.
async fn migrate(db: &mut SqliteConnection, number: usize) -> Result<(), sqlx::Error> {
    let (migration, version) = (MIGRATIONS.0[number], number + 1);
    let sum = MIGRATIONS.sum(version);
    let text = format!(
        "BEGIN IMMEDIATE;\n{migration}\nPRAGMA application_id = {APPLICATION};
         PRAGMA user_version = {version};
         INSERT INTO meta (name, value) VALUES ('sum', {sum})
         ON CONFLICT (name) DO UPDATE SET value = excluded.value;\nCOMMIT"
    );
    // Not prepared: it runs once.
    db.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop)
}

/// The incarnation of the file, which is drawn when it is made.
async fn incarnation(db: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    let drawn = sqlx::query(
        "INSERT INTO meta (name, value) VALUES ('incarnation', $1)
         ON CONFLICT (name) DO UPDATE SET value = value RETURNING value",
    );
    let row = drawn.bind(crate::id::incarnation()).fetch_all(db).await?;
    Ok(row.first().map(|row| row.get(0)).unwrap_or_default())
}

/// The log of a file: its topics, and where their partitions end.
pub(super) async fn log(db: &mut SqliteConnection) -> Result<Log, Error> {
    let rows = sqlx::query("SELECT number, name, partitions, compacted FROM topics");
    let rows = rows.fetch_all(&mut *db).await.map_err(store)?;
    let (mut topics, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let (number, name, partitions) = (row.get(0), row.get::<String, _>(1), row.get(2));
        for partition in 0..partitions {
            let first = place::first(number, partition);
            let last = sqlx::query("SELECT max(place) - $1 FROM log WHERE place BETWEEN $1 AND $2");
            let last = last.bind(first).bind(place::last(number, partition));
            let last = last.fetch_one(&mut *db).await;
            let last: Option<i64> = last.map_err(store)?.get(0);
            let end = last.map_or(0, |last| u64::try_from(last + 1).unwrap_or_default());
            ends.insert((name.as_str().into(), partition), end);
        }
        topics.insert(name, Topic { number, partitions, compacted: row.get(3) });
    }
    Ok(Log::new(topics, ends))
}
