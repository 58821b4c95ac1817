//! How work comes: a closed loop, or an open one.
//!
//! In a closed loop so many are under way, and whenever one ends the next begins. In an open one they come at a
//! rate, whoever is ready: each has its moment, and how long it took is counted from there. So a stand that
//! stands still for a second is charged with all that came in that second.

use crate::Failed;
use crate::stand::Stand;
use ballet::clock::{Stopwatch, rest};
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How exact a histogram is: to one in a thousand.
const DIGITS: u8 = 3;

/// How work comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// So many under way.
    InFlight(usize),
    /// So many a second.
    Rate(u64),
}

impl Load {
    /// For people, and as the name of a cell.
    pub fn told(self) -> String {
        match self {
            Self::InFlight(count) => format!("{count} in flight"),
            Self::Rate(rate) => format!("{rate} a second"),
        }
    }
}

/// When to begin no more.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub count: u64,
    pub seconds: Duration,
}

/// What has passed: how many, in which time, and how long each took, in microseconds.
#[derive(Debug, Clone)]
pub struct Passed {
    pub count: u64,
    pub seconds: f64,
    pub waited: Histogram<u64>,
}

impl Passed {
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// The time in which so many percent had come to their end, in milliseconds.
    pub fn within_ms(&self, percent: f64) -> f64 {
        self.waited.value_at_percentile(percent) as f64 / 1_000.0
    }
}

/// How long each took since somebody last asked. One for all clients: each of its own would cost more than what
/// is measured.
#[derive(Clone)]
pub struct Waited(Arc<Mutex<(Histogram<u64>, Stopwatch)>>);

impl Waited {
    pub fn new() -> Result<Self, Failed> {
        Ok(Self(Arc::new(Mutex::new((empty()?, Stopwatch::start())))))
    }

    fn note(&self, took: Duration) -> Result<(), Failed> {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).0.record(micros)?)
    }

    /// What has passed since this was last asked.
    pub fn take(&self) -> Result<Passed, Failed> {
        let fresh = (empty()?, Stopwatch::start());
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (waited, since) = std::mem::replace(&mut *inner, fresh);
        Ok(Passed { count: waited.len(), seconds: since.elapsed().as_secs_f64(), waited })
    }
}

/// Has work done whose numbers begin at `first`, and waits for the end of all.
pub async fn run(
    stand: &Arc<dyn Stand>,
    load: Load,
    limits: Limits,
    first: u64,
) -> Result<Passed, Failed> {
    let waited = Waited::new()?;
    run_into(stand, load, limits, first, &waited).await?;
    waited.take()
}

/// The same, for somebody who looks in between. Says how many were done.
pub async fn run_into(
    stand: &Arc<dyn Stand>,
    load: Load,
    limits: Limits,
    first: u64,
    waited: &Waited,
) -> Result<u64, Failed> {
    match load {
        Load::InFlight(count) => closed(stand, count, limits, first, waited).await,
        Load::Rate(rate) => open(stand, rate, limits, first, waited).await,
    }
}

fn empty() -> Result<Histogram<u64>, Failed> {
    Ok(Histogram::new(DIGITS)?)
}

async fn closed(
    stand: &Arc<dyn Stand>,
    in_flight: usize,
    limits: Limits,
    first: u64,
    waited: &Waited,
) -> Result<u64, Failed> {
    let next = Arc::new(AtomicU64::new(first));
    let (begun, end) = (Stopwatch::start(), first + limits.count);
    let mut clients = JoinSet::new();
    for _ in 0..in_flight {
        let (stand, next, waited) = (Arc::clone(stand), Arc::clone(&next), waited.clone());
        clients.spawn(async move {
            let mut done = 0;
            while begun.elapsed() < limits.seconds {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    break;
                }
                let asked = Stopwatch::start();
                stand.one(number).await?;
                waited.note(asked.elapsed())?;
                done += 1;
            }
            Ok::<u64, Failed>(done)
        });
    }
    let mut done = 0;
    while let Some(client) = clients.join_next().await {
        done += client??;
    }
    Ok(done)
}

async fn open(
    stand: &Arc<dyn Stand>,
    rate: u64,
    limits: Limits,
    first: u64,
    waited: &Waited,
) -> Result<u64, Failed> {
    let begun = Stopwatch::start();
    let wanted = ((limits.seconds.as_secs_f64() * rate as f64) as u64).clamp(1, limits.count);
    let mut under_way = JoinSet::new();
    for at in 0..wanted {
        let due = moment(at, rate);
        while begun.elapsed() < due {
            rest(due.saturating_sub(begun.elapsed())).await;
        }
        let (stand, waited) = (Arc::clone(stand), waited.clone());
        under_way.spawn(async move {
            stand.one(first + at).await?;
            waited.note(begun.elapsed().saturating_sub(due))
        });
        while let Some(ended) = under_way.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = under_way.join_next().await {
        ended??;
    }
    Ok(wanted)
}

/// When the one of this number is due.
fn moment(at: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(at as f64 / rate as f64)
}

#[cfg(test)]
mod tests {
    use super::{Limits, Load, run};
    use crate::Failed;
    use crate::stand::{Counts, Stand};
    use async_trait::async_trait;
    use ballet::clock::rest;
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Takes so long for each, and stands still at one of them, one at a time.
    #[derive(Default)]
    struct Slow {
        takes: Duration,
        stands_still_at: Option<u64>,
        turn: tokio::sync::Mutex<()>,
        done: Mutex<BTreeSet<u64>>,
    }

    #[async_trait]
    impl Stand for Slow {
        async fn one(&self, number: u64) -> Result<(), Failed> {
            let _turn = self.turn.lock().await;
            if self.stands_still_at == Some(number) {
                rest(Duration::from_secs(1)).await;
            }
            rest(self.takes).await;
            assert!(self.done.lock().unwrap().insert(number), "{number} comes once");
            Ok(())
        }
        async fn counts(&self) -> Result<Counts, Failed> {
            Ok(Counts::default())
        }
        fn messages_of(&self, _: u64, _: u64) -> Option<u64> {
            None
        }
        async fn check(&self, _: u64) -> Result<(), Failed> {
            Ok(())
        }
        async fn close(self: Arc<Self>) -> Result<(), Failed> {
            Ok(())
        }
    }

    const LIMITS: Limits = Limits { count: 1_000, seconds: Duration::from_secs(2) };

    #[tokio::test(start_paused = true)]
    async fn a_closed_loop_has_so_many_under_way_and_numbers_without_gaps() {
        let slow = Arc::new(Slow { takes: Duration::from_millis(10), ..Slow::default() });
        let stand: Arc<dyn Stand> = slow.clone();
        let passed = run(&stand, Load::InFlight(4), LIMITS, 5).await.unwrap();
        // Who waits for three others waits for four times as long.
        assert!((39.0..41.5).contains(&passed.within_ms(50.0)), "{}", passed.within_ms(50.0));
        assert!((95.0..105.0).contains(&passed.rate()), "{}", passed.rate());
        let numbers: Vec<u64> = slow.done.lock().unwrap().iter().copied().collect();
        assert_eq!(numbers, (5..5 + passed.count).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_loop_charges_who_stands_still_with_all_that_came_meanwhile() {
        let slow = Slow { stands_still_at: Some(0), ..Slow::default() };
        let stand: Arc<dyn Stand> = Arc::new(slow);
        let passed = run(&stand, Load::Rate(100), LIMITS, 0).await.unwrap();
        assert_eq!(passed.count, 200);
        // Half of all came while it stood still, evenly: a quarter of them waited for half a second or more.
        let p75 = passed.within_ms(75.0);
        assert!((450.0..550.0).contains(&p75), "{p75}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_begin_than_there_shall_be() {
        for load in [Load::InFlight(7), Load::Rate(1_000)] {
            let stand: Arc<dyn Stand> = Arc::new(Slow::default());
            let limits = Limits { count: 20, ..LIMITS };
            assert_eq!(run(&stand, load, limits, 0).await.unwrap().count, 20);
        }
    }
}
