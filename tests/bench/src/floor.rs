//! Mode `floor`: what this disk and its SQLite can do with no framework above them.
//!
//! Rows of 300 bytes go into a table by one statement for each commit, with the promises that the
//! embedded pair makes: a write-ahead log, and every commit on the disk before it is answered.

use crate::Failed;
use crate::options::Options;
use crate::setting::{Folder, Setting};
use crate::stats::{Spread, percentile};
use crate::tell::{rule, say};
use ballet::clock::Stopwatch;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::fs::File;
use std::io::Write;
use std::time::Duration;

/// How large a row is.
const ROW: usize = 300;

/// How many rows share a commit.
const GROUPS: [u64; 4] = [1, 10, 100, 1_000];

/// Inserts with so many rows a commit.
#[derive(Debug, Clone, Serialize)]
struct Inserts {
    rows_per_commit: u64,
    commits_per_second: Spread,
    rows_per_second: Spread,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    setting: Setting,
    /// Appending 8 KiB and waiting for the disk, in milliseconds.
    sync_p50: Spread,
    sync_p99: Spread,
    inserts: Vec<Inserts>,
}

/// Measures, and gives the figures as JSON.
pub async fn measure(options: &Options, setting: &Setting) -> Result<serde_json::Value, Failed> {
    let mut syncs = Vec::new();
    let mut rates = vec![Vec::new(); GROUPS.len()];
    // The runs of a round share the time that one run of another mode has.
    let each = options.seconds / 5;
    for round in 1..=options.rounds {
        say(&format!("round {round} of {}", options.rounds));
        syncs.push(sync(options, each)?);
        for (at, rows) in GROUPS.iter().enumerate() {
            rates[at].push(insert(options, *rows, each).await?);
        }
    }
    let group = |(rows, commits): (&u64, &Vec<f64>)| Inserts {
        rows_per_commit: *rows,
        commits_per_second: Spread::of(commits.iter().copied()),
        rows_per_second: Spread::of(commits.iter().map(|commits| commits * *rows as f64)),
    };
    let figures = Figures {
        mode: "floor",
        setting: setting.clone(),
        sync_p50: Spread::of(syncs.iter().map(|(p50, _)| *p50)),
        sync_p99: Spread::of(syncs.iter().map(|(_, p99)| *p99)),
        inserts: GROUPS.iter().zip(&rates).map(group).collect(),
    };
    tell(&figures);
    Ok(serde_json::to_value(figures)?)
}

fn tell(figures: &Figures) {
    let (p50, p99) = (figures.sync_p50.told(2), figures.sync_p99.told(2));
    println!("\n8 KiB to the disk: p50 {p50} ms, p99 {p99} ms\n");
    let mut rows = vec![["rows/commit", "commits/s", "rows/s"].map(str::to_owned).to_vec()];
    rows.extend(figures.inserts.iter().map(|one| {
        let Inserts { rows_per_commit, commits_per_second, rows_per_second } = one;
        vec![rows_per_commit.to_string(), commits_per_second.told(0), rows_per_second.told(0)]
    }));
    println!("{}", rule(&rows));
}

/// Appends and waits for the disk, over and over: p50 and p99 in milliseconds.
fn sync(options: &Options, long: Duration) -> Result<(f64, f64), Failed> {
    let folder = Folder::new(&options.folder)?;
    let mut file = File::create(folder.file("sync"))?;
    let (begun, page) = (Stopwatch::start(), [7; 8_192]);
    let mut waited = Vec::new();
    while begun.elapsed() < long {
        let asked = Stopwatch::start();
        file.write_all(&page)?;
        file.sync_data()?;
        waited.push(asked.elapsed().as_secs_f64() * 1_000.0);
    }
    waited.sort_by(f64::total_cmp);
    Ok((percentile(&waited, 50.0), percentile(&waited, 99.0)))
}

/// Commits a second with so many rows each.
async fn insert(options: &Options, rows: u64, long: Duration) -> Result<f64, Failed> {
    let folder = Folder::new(&options.folder)?;
    let mut db = open(&folder).await?;
    let (begun, mut commits) = (Stopwatch::start(), 0_u32);
    let body = vec![b'x'; ROW];
    while begun.elapsed() < long {
        let text = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
                    INSERT INTO floor (body) SELECT $2 FROM n";
        let insert = sqlx::query(text).bind(i64::try_from(rows)?).bind(&body);
        insert.execute(&mut db).await?;
        commits += 1;
    }
    let rate = f64::from(commits) / begun.elapsed().as_secs_f64();
    db.close().await?;
    Ok(rate)
}

async fn open(folder: &Folder) -> Result<SqliteConnection, Failed> {
    let options = SqliteConnectOptions::new().filename(folder.file("floor.db"));
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut db = options.synchronous(SqliteSynchronous::Full).connect().await?;
    sqlx::query("CREATE TABLE floor (id INTEGER PRIMARY KEY, body BLOB)").execute(&mut db).await?;
    Ok(db)
}
