//! Modes `sqlite` and `kafka`: the saga of five steps, over what a [`Stand`] stands on.

use crate::Failed;
use crate::closed::{Load, Passed, check, run};
use crate::meter::{self, Meter};
use crate::options::Options;
use crate::saga::STEPS;
use crate::setting::Setting;
use crate::stand::{Ground, Stand};
use crate::statements::Executed;
use crate::stats::Spread;
use crate::tell::{rule, say};
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// Of this process.
    cpu_micros_per_saga: f64,
    /// Of all processes of these servers on this machine.
    cpu_micros_per_saga_of_postgres: f64,
    cpu_micros_per_saga_of_kafka: f64,
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
pub async fn measure(
    ground: &Ground,
    options: &Options,
    setting: &Setting,
) -> Result<serde_json::Value, Failed> {
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        for in_flight in &options.in_flight {
            say(&format!("round {round} of {}: {in_flight} in flight", options.rounds));
            let one = timed(ground, options, round, *in_flight).await?;
            say(&format!("  {:.0} sagas per second; every effect there once", one.per_second));
            runs.push(one);
        }
    }
    let mut counted = Vec::new();
    let levels = if ground.is_file() { &*options.in_flight } else { &[] };
    for in_flight in levels {
        Executed::begin();
        say(&format!("counting statements: {in_flight} in flight"));
        counted.push(count(ground, options, *in_flight).await?);
    }
    let at = |in_flight: &usize| {
        let of = runs.iter().filter(|run| run.in_flight == *in_flight);
        (*in_flight, Spread::of(of.map(|run| run.per_second)))
    };
    let per_second = options.in_flight.iter().map(at).collect();
    tell(ground, options, &runs, &counted);
    let (mode, setting, lanes) = (ground.name(), setting.clone(), options.lanes);
    let figures = Figures { mode, setting, lanes, runs, per_second, counted };
    Ok(serde_json::to_value(figures)?)
}

/// A stand that is warm.
async fn open(ground: &Ground, options: &Options) -> Result<Stand, Failed> {
    let stand = Stand::open(ground, options).await?;
    let warm = Load { in_flight: 8, sagas: WARM, seconds: Duration::from_secs(3600) };
    run(stand.coordinator(), warm, 0).await?;
    Ok(stand)
}

/// Looks at what all sagas have left, and closes.
async fn close(stand: Stand, sagas: u64) -> Result<(), Failed> {
    let checked = check(stand.worker(), sagas).await;
    stand.close().await?;
    checked
}

async fn timed(
    ground: &Ground,
    options: &Options,
    round: usize,
    in_flight: usize,
) -> Result<Run, Failed> {
    let stand = open(ground, options).await?;
    let load = Load { in_flight, sagas: options.sagas, seconds: options.seconds };
    let (batches, messages, meter) = (stand.batches(), stand.messages().await?, Meter::now());
    let passed = run(stand.coordinator(), load, WARM).await?;
    let used = Meter::now().since(meter);
    let (resident_bytes, load_after) = (meter::resident(), meter::load());
    let sagas = passed.sagas as f64;
    let batches = (stand.batches() - batches) as f64;
    // What begins a saga enters by the inbox and is in no log.
    let messages = (stand.messages().await? - messages + passed.sagas) as f64;
    close(stand, WARM + passed.sagas).await?;
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
        cpu_micros_per_saga_of_postgres: used.postgres as f64 / sagas,
        cpu_micros_per_saga_of_kafka: used.kafka as f64 / sagas,
        bytes_to_disk_per_saga: used.written as f64 / sagas,
        resident_bytes,
        load_after,
    })
}

async fn count(ground: &Ground, options: &Options, in_flight: usize) -> Result<Counted, Failed> {
    let stand = open(ground, options).await?;
    let sagas = options.sagas.min(in_flight as u64 * 4).max(WARM);
    let load = Load { in_flight, sagas, seconds: options.seconds };
    let (batches, executed) = (stand.batches(), Executed::now());
    let passed = run(stand.coordinator(), load, WARM).await?;
    let (batches, executed) = (stand.batches() - batches, Executed::now().since(executed));
    close(stand, WARM + passed.sagas).await?;
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
fn tell(ground: &Ground, options: &Options, runs: &[Run], counted: &[Counted]) {
    let titles = ["in flight", "sagas/s", "p50 ms", "p95 ms", "p99 ms", "us CPU/saga"];
    let more = match ground.is_file() {
        true => ["KB to disk/saga", "msgs/batch", "RSS MB"].as_slice(),
        false => &["us of Postgres", "us of Kafka", "msgs/batch", "RSS MB"],
    };
    let titles = titles.iter().chain(more).map(|title| (*title).to_owned());
    let mut rows = vec![titles.collect::<Vec<_>>()];
    for in_flight in &options.in_flight {
        let of = |figure: &dyn Fn(&Run) -> f64, digits| {
            let all = runs.iter().filter(|run| run.in_flight == *in_flight);
            Spread::of(all.map(figure)).told(digits)
        };
        let mut row = vec![
            in_flight.to_string(),
            of(&|run| run.per_second, 0),
            of(&|run| run.passed.p50, 1),
            of(&|run| run.passed.p95, 1),
            of(&|run| run.passed.p99, 1),
            of(&|run| run.cpu_micros_per_saga, 0),
        ];
        match ground.is_file() {
            true => row.push(of(&|run| run.bytes_to_disk_per_saga / 1_024.0, 1)),
            false => row.extend([
                of(&|run| run.cpu_micros_per_saga_of_postgres, 0),
                of(&|run| run.cpu_micros_per_saga_of_kafka, 0),
            ]),
        }
        row.push(of(&|run| run.messages_per_batch, 1));
        row.push(of(&|run| run.resident_bytes.unwrap_or_default() as f64 / 1_048_576.0, 0));
        rows.push(row);
    }
    println!("\n{}", rule(&rows));
    if !counted.is_empty() {
        tell_counted(counted);
    }
    println!("median (least-most) of {} rounds; 11 messages a saga, effects exact", options.rounds);
}

fn tell_counted(counted: &[Counted]) {
    let titles = ["in flight", "msgs/batch", "statements/batch", "calls/batch", "commits/saga"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(counted.iter().map(|one| {
        vec![
            one.in_flight.to_string(),
            format!("{:.1}", one.messages_per_batch),
            format!("{:.1}", one.statements_per_batch),
            format!("{:.1}", one.calls_per_batch),
            format!("{:.3}", one.commits_per_saga),
        ]
    }));
    println!("counted in runs that were not timed:\n{}", rule(&rows));
}
