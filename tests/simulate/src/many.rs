//! Many seeds, on all cores: each is played by one thread, so it does not matter how many there are.

use crate::coverage::Counts;
use crate::play::play;
use crate::scenario::Scenario;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A scenario and what was found wrong in it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The scenario.
    pub scenario: Scenario,
    /// What the checkers say.
    pub findings: Vec<String>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Schedules that were played.
    pub played: u64,
    /// How many of them something was found in.
    pub found: usize,
}

/// After so many findings it is enough.
const FINDINGS_MAX: usize = 10;
/// How often it is told how far it is.
const TELL: Duration = Duration::from_millis(200);

/// Plays seeds until all are played, `is_over` says so, or enough was found.
pub fn play_many(
    seeds: Range<u64>,
    is_over: impl Fn() -> bool + Sync,
    mut tell: impl FnMut(Progress),
) -> (Counts, Vec<Found>) {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let all = Mutex::new((Counts::default(), Vec::new()));
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while !stop.load(Ordering::SeqCst) && !is_over() {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end {
                break;
            }
            let scenario = Scenario::of(seed);
            let outcome = play(&scenario);
            let mut all = lock();
            all.0.add(&outcome.counts);
            if !outcome.findings.is_empty() {
                all.1.push(Found { scenario, findings: outcome.findings });
                stop.fetch_or(all.1.len() >= FINDINGS_MAX, Ordering::SeqCst);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(TELL);
            let now = lock();
            let progress = Progress { played: now.0.schedules, found: now.1.len() };
            drop(now);
            tell(progress);
        }
    });
    let (counts, mut found) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|found| found.scenario.seed);
    (counts, found)
}
