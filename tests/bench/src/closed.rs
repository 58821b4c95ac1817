//! A closed loop: so many sagas under way, and whenever one ends the next one begins.

use crate::Failed;
use crate::saga::{EFFECTS, Effect, FiveSteps, Order, STEPS, Worker};
use crate::stats::percentile;
use ballet::clock::Stopwatch;
use ballet::{Outcome, Running};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a run lasts.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub in_flight: usize,
    pub sagas: u64,
    pub seconds: Duration,
}

/// How long clients waited, in milliseconds, and what came of it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Passed {
    pub sagas: u64,
    pub seconds: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl Passed {
    pub fn rate(&self) -> f64 {
        self.sagas as f64 / self.seconds
    }
}

/// The order of a saga: what it must leave is known from its number.
const fn order(saga: u64) -> Order {
    Order { saga, amount: saga % 1_000 }
}

/// Runs sagas whose numbers begin at `first`, and waits for the end of all.
pub async fn run(app: &Arc<Running>, load: Load, first: u64) -> Result<Passed, Failed> {
    let next = Arc::new(AtomicU64::new(first));
    let (begun, end) = (Stopwatch::start(), first + load.sagas);
    let mut clients = JoinSet::new();
    for _ in 0..load.in_flight {
        let (app, next) = (Arc::clone(app), Arc::clone(&next));
        clients.spawn(async move {
            let mut waited = Vec::new();
            while begun.elapsed() < load.seconds {
                let saga = next.fetch_add(1, Ordering::Relaxed);
                if saga >= end {
                    break;
                }
                let asked = Stopwatch::start();
                one(&app, saga).await?;
                waited.push(asked.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok::<_, Failed>(waited)
        });
    }
    let mut waited = Vec::new();
    while let Some(client) = clients.join_next().await {
        waited.extend(client??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    waited.sort_by(f64::total_cmp);
    let at = |percent| percentile(&waited, percent);
    Ok(Passed { sagas: waited.len() as u64, seconds, p50: at(50.0), p95: at(95.0), p99: at(99.0) })
}

async fn one(app: &Running, saga: u64) -> Result<(), Failed> {
    let run = app.begin::<FiveSteps>(saga.to_string(), &order(saga)).await?;
    match run.outcome().await? {
        Outcome::Completed => Ok(()),
        Outcome::Compensated(why) => Err(format!("saga {saga} was taken back: {why:?}").into()),
    }
}

/// Sees that sagas `0..sagas` have left exactly their effects, each once, and nobody else any.
pub async fn check(app: &Running, sagas: u64) -> Result<(), Failed> {
    let found: BTreeMap<(u64, u32), Effect> =
        app.rows::<Worker, _, _>(EFFECTS).await?.into_iter().collect();
    let wanted = (0..sagas).flat_map(|saga| (1..=STEPS).map(move |step| (saga, step)));
    let wanted = wanted.map(|(saga, step)| ((saga, step), Effect { amount: order(saga).amount }));
    let wanted: BTreeMap<_, _> = wanted.collect();
    if found == wanted {
        return Ok(());
    }
    let missing = wanted.iter().filter(|(key, effect)| found.get(key) != Some(effect)).count();
    let more = found.keys().filter(|key| !wanted.contains_key(key)).count();
    Err(format!("{missing} effects are missing or wrong, and {more} are too many").into())
}
