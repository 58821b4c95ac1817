//! Mode `floor`: what this machine can do with no engine above it, so that ratios can be told.
//!
//! Rows of 300 bytes go into a table by one statement for each commit, and every commit is on the disk before it is
//! answered. Postgres has several clients, who share what goes to the disk; SQLite has one.

mod disk;
#[cfg(feature = "servers")]
mod kafka;
#[cfg(feature = "servers")]
mod postgres;
mod sqlite;

use crate::Failed;
use crate::ground::Ground;
use crate::load::Passed;
use crate::measure::figures_of;
use crate::options::Options;
use crate::report::{Cell, Run};
use crate::tell::say;
use ballet::clock::Stopwatch;
use hdrhistogram::Histogram;
use std::time::Duration;

/// How large a row is.
const ROW: usize = 300;
/// How many rows share a commit, and in Postgres how many clients commit at a time.
const GROUPS: [u64; 4] = [1, 10, 100, 1_000];
#[cfg(feature = "servers")]
const CLIENTS: [usize; 3] = [1, 8, 32];

/// Something that is done over and over.
#[derive(Debug, Clone, Copy)]
enum Probe {
    /// 8 KiB to the disk.
    Disk,
    /// So many rows a commit.
    Sqlite(u64),
    /// So many clients, so many rows a commit.
    #[cfg(feature = "servers")]
    Postgres(usize, u64),
    /// A question that reads nothing.
    #[cfg(feature = "servers")]
    Question,
    /// From a producer to the disk of a Kafka and to a consumer.
    #[cfg(feature = "servers")]
    Trip,
    /// So many messages at a time, acknowledged.
    #[cfg(feature = "servers")]
    Produce(usize),
}

impl Probe {
    fn all(options: &Options) -> Vec<Self> {
        let asks = |name: &str| options.on.iter().any(|on| on.name() == name);
        let mut all = vec![Self::Disk];
        if asks("sqlite") {
            all.extend(GROUPS.map(Self::Sqlite));
        }
        #[cfg(feature = "servers")]
        {
            if asks("postgres") || asks("kafka") {
                all.push(Self::Question);
                all.extend(GROUPS.map(|rows| Self::Postgres(1, rows)));
                all.extend(CLIENTS[1..].iter().map(|clients| Self::Postgres(*clients, 1)));
            }
            if asks("kafka") {
                all.extend([Self::Trip, Self::Produce(1), Self::Produce(1_000)]);
            }
        }
        all
    }

    const fn on(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Sqlite(_) => "sqlite",
            #[cfg(feature = "servers")]
            Self::Postgres(..) | Self::Question => "postgres",
            #[cfg(feature = "servers")]
            Self::Trip | Self::Produce(_) => "kafka",
        }
    }

    fn load(self) -> String {
        match self {
            Self::Disk => "8 KiB and wait".to_owned(),
            Self::Sqlite(rows) => format!("{rows} rows a commit"),
            #[cfg(feature = "servers")]
            Self::Postgres(clients, rows) => format!("{clients} clients, {rows} rows a commit"),
            #[cfg(feature = "servers")]
            Self::Question => "select 1".to_owned(),
            #[cfg(feature = "servers")]
            Self::Trip => "one way, one at a time".to_owned(),
            #[cfg(feature = "servers")]
            Self::Produce(count) => format!("{count} messages and wait"),
        }
    }

    /// How many rows or messages one of them takes.
    const fn rows(self) -> Option<f64> {
        match self {
            Self::Sqlite(rows) => Some(rows as f64),
            #[cfg(feature = "servers")]
            Self::Postgres(_, rows) => Some(rows as f64),
            #[cfg(feature = "servers")]
            Self::Produce(count) => Some(count as f64),
            _ => None,
        }
    }

    async fn run(self, ground: &Ground, long: Duration) -> Result<Passed, Failed> {
        match self {
            Self::Disk => disk::sync(ground, long).await,
            Self::Sqlite(rows) => sqlite::insert(ground, rows, long).await,
            #[cfg(feature = "servers")]
            Self::Postgres(clients, rows) => postgres::insert(ground, clients, rows, long).await,
            #[cfg(feature = "servers")]
            Self::Question => postgres::ask(ground, long).await,
            #[cfg(feature = "servers")]
            Self::Trip => kafka::trip(ground, long).await,
            #[cfg(feature = "servers")]
            Self::Produce(count) => kafka::produce(ground, count, long).await,
        }
    }
}

/// All rounds. The runs of a round share the time that five runs of another mode have.
pub async fn rounds(ground: &Ground, options: &Options) -> Result<Vec<Run>, Failed> {
    let probes = Probe::all(options);
    let each = options.seconds * 5 / u32::try_from(probes.len())?;
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        say(&format!("round {round} of {}", options.rounds));
        for probe in &probes {
            let passed = probe.run(ground, each).await?;
            let mut figures = figures_of(&passed);
            if let Some(rows) = probe.rows() {
                figures.insert("rows_per_second".to_owned(), rows * passed.rate());
            }
            let cell =
                Cell { work: "floor".to_owned(), on: probe.on().to_owned(), load: probe.load() };
            runs.push(Run { cell, round, count: passed.count, figures });
        }
    }
    Ok(runs)
}

/// Does it over and over, so long.
async fn again(
    long: Duration,
    mut once: impl AsyncFnMut() -> Result<(), Failed>,
) -> Result<Passed, Failed> {
    let (begun, mut waited) = (Stopwatch::start(), Histogram::new(3)?);
    while begun.elapsed() < long {
        let asked = Stopwatch::start();
        once().await?;
        waited.record(u64::try_from(asked.elapsed().as_micros())?)?;
    }
    Ok(Passed { count: waited.len(), seconds: begun.elapsed().as_secs_f64(), waited })
}
