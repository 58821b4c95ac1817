//! Mode `sqlite`: the embedded pair, everything in one process over one file.

use crate::Failed;
use crate::closed::{Load, Passed, check, run};
use crate::meter::{self, Meter};
use crate::options::Options;
use crate::saga::{FiveSteps, STEPS, Worker};
use crate::setting::{Folder, Setting};
use crate::statements::Executed;
use crate::stats::Spread;
use crate::tell::{rule, say};
use ballet::sqlite::Sqlite;
use ballet::{App, Running};
use serde::Serialize;
use sqlx::{Connection, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many sagas go first: they make statements, files and caches.
const WARM: u64 = 200;

/// What one run has shown.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    round: usize,
    in_flight: usize,
    passed: Passed,
    per_second: f64,
    /// Begun, commands and replies.
    messages_per_saga: f64,
    batches_per_saga: f64,
    messages_per_batch: f64,
    cpu_micros_per_saga: f64,
    bytes_to_disk_per_saga: f64,
    resident_bytes: Option<u64>,
    load_after: Option<f64>,
}

/// What was counted in a run that was not timed.
#[derive(Debug, Clone, Serialize)]
pub struct Counted {
    in_flight: usize,
    batches_per_saga: f64,
    messages_per_batch: f64,
    statements_per_batch: f64,
    calls_per_batch: f64,
    commits_per_saga: f64,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    setting: Setting,
    lanes: u32,
    runs: Vec<Run>,
    per_second: BTreeMap<usize, Spread>,
    counted: Vec<Counted>,
}

/// Measures, and gives the figures as JSON.
pub async fn measure(options: &Options, setting: &Setting) -> Result<serde_json::Value, Failed> {
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        for in_flight in &options.in_flight {
            say(&format!("round {round} of {}: {in_flight} in flight", options.rounds));
            let one = timed(options, round, *in_flight).await?;
            say(&format!("  {:.0} sagas per second; every effect there once", one.per_second));
            runs.push(one);
        }
    }
    Executed::begin();
    let mut counted = Vec::new();
    for in_flight in &options.in_flight {
        say(&format!("counting statements: {in_flight} in flight"));
        counted.push(count(options, *in_flight).await?);
    }
    let at = |in_flight: &usize| {
        let of = runs.iter().filter(|run| run.in_flight == *in_flight);
        (*in_flight, Spread::of(of.map(|run| run.per_second)))
    };
    let per_second = options.in_flight.iter().map(at).collect();
    tell(options, &runs, &counted);
    let (mode, setting, lanes) = ("sqlite", setting.clone(), options.lanes);
    let figures = Figures { mode, setting, lanes, runs, per_second, counted };
    Ok(serde_json::to_value(figures)?)
}

/// An app at work over a file of its own.
struct Stand {
    store: Arc<Sqlite>,
    app: Arc<Running>,
    folder: Folder,
}

const FILE: &str = "bench.db";

impl Stand {
    async fn open(options: &Options) -> Result<Self, Failed> {
        let folder = Folder::new(&options.folder)?;
        let store = Sqlite::open(folder.file(FILE)).await?;
        let app = App::new(store.clone()).lanes(options.lanes).saga(FiveSteps).reactor(Worker);
        let app = Arc::new(app.start().await?);
        let stand = Self { store, app, folder };
        let warm = Load { in_flight: 8, sagas: WARM, seconds: Duration::from_secs(3600) };
        run(&stand.app, warm, 0).await?;
        Ok(stand)
    }

    fn batches(&self) -> u64 {
        self.app.health().values().map(|health| health.batches).sum()
    }

    /// How many messages are in the log.
    async fn messages(&self) -> Result<u64, Failed> {
        let path = self.folder.file(FILE);
        let mut db = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
        let row = sqlx::query("SELECT count(*) FROM log").fetch_one(&mut db).await?;
        db.close().await?;
        Ok(u64::try_from(row.get::<i64, _>(0))?)
    }

    /// Looks at what all sagas have left, and closes.
    async fn close(self, sagas: u64) -> Result<(), Failed> {
        let Self { store, app, folder } = self;
        let checked = check(&app, sagas).await;
        if let Ok(app) = Arc::try_unwrap(app) {
            app.stop().await;
        }
        store.close().await;
        drop(folder);
        checked
    }
}

async fn timed(options: &Options, round: usize, in_flight: usize) -> Result<Run, Failed> {
    let stand = Stand::open(options).await?;
    let load = Load { in_flight, sagas: options.sagas, seconds: options.seconds };
    let (batches, messages, meter) = (stand.batches(), stand.messages().await?, Meter::now());
    let passed = run(&stand.app, load, WARM).await?;
    let used = Meter::now().since(meter);
    let (resident_bytes, load_after) = (meter::resident(), meter::load());
    let sagas = passed.sagas as f64;
    let batches = (stand.batches() - batches) as f64;
    // What begins a saga enters by the inbox and is in no log.
    let messages = (stand.messages().await? - messages + passed.sagas) as f64;
    stand.close(WARM + passed.sagas).await?;
    let exact = f64::from(1 + 2 * STEPS);
    if messages != exact * sagas {
        return Err(
            format!("{messages} messages for {sagas} sagas, {exact} for each wanted").into()
        );
    }
    Ok(Run {
        round,
        in_flight,
        passed,
        per_second: passed.rate(),
        messages_per_saga: messages / sagas,
        batches_per_saga: batches / sagas,
        messages_per_batch: messages / batches,
        cpu_micros_per_saga: used.cpu as f64 / sagas,
        bytes_to_disk_per_saga: used.written as f64 / sagas,
        resident_bytes,
        load_after,
    })
}

async fn count(options: &Options, in_flight: usize) -> Result<Counted, Failed> {
    let stand = Stand::open(options).await?;
    let sagas = options.sagas.min(in_flight as u64 * 4).max(WARM);
    let load = Load { in_flight, sagas, seconds: options.seconds };
    let (batches, executed) = (stand.batches(), Executed::now());
    let passed = run(&stand.app, load, WARM).await?;
    let (batches, executed) = (stand.batches() - batches, Executed::now().since(executed));
    stand.close(WARM + passed.sagas).await?;
    let (sagas, batches) = (passed.sagas as f64, batches as f64);
    Ok(Counted {
        in_flight,
        batches_per_saga: batches / sagas,
        messages_per_batch: f64::from(1 + 2 * STEPS) * sagas / batches,
        statements_per_batch: executed.statements as f64 / batches,
        calls_per_batch: executed.calls as f64 / batches,
        commits_per_saga: executed.commits as f64 / sagas,
    })
}

/// Medians of all rounds, with their ranges.
fn tell(options: &Options, runs: &[Run], counted: &[Counted]) {
    let mut rows = vec![
        ["in flight", "sagas/s", "p50 ms", "p95 ms", "p99 ms", "us CPU/saga", "msgs/batch"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows[0].extend(["KB to disk/saga", "RSS MB"].map(str::to_owned));
    for in_flight in &options.in_flight {
        let of = |figure: &dyn Fn(&Run) -> f64, digits| {
            let all = runs.iter().filter(|run| run.in_flight == *in_flight);
            Spread::of(all.map(figure)).told(digits)
        };
        rows.push(vec![
            in_flight.to_string(),
            of(&|run| run.per_second, 0),
            of(&|run| run.passed.p50, 1),
            of(&|run| run.passed.p95, 1),
            of(&|run| run.passed.p99, 1),
            of(&|run| run.cpu_micros_per_saga, 0),
            of(&|run| run.messages_per_batch, 1),
            of(&|run| run.bytes_to_disk_per_saga / 1_024.0, 1),
            of(&|run| run.resident_bytes.unwrap_or_default() as f64 / 1_048_576.0, 0),
        ]);
    }
    println!("\n{}", rule(&rows));
    let mut rows = vec![
        ["in flight", "msgs/batch", "statements/batch", "calls/batch", "commits/saga"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for one in counted {
        rows.push(vec![
            one.in_flight.to_string(),
            format!("{:.1}", one.messages_per_batch),
            format!("{:.1}", one.statements_per_batch),
            format!("{:.1}", one.calls_per_batch),
            format!("{:.3}", one.commits_per_saga),
        ]);
    }
    println!("counted in runs that were not timed:\n{}", rule(&rows));
    println!("median (least-most) of {} rounds; 11 messages a saga, effects exact", options.rounds);
}
