//! Rounds of runs, in turn over everything that is asked for.

use crate::Failed;
use crate::backend::Backend;
use crate::figure::{Figures, PER_SECOND};
use crate::gauges::Gauges;
use crate::ground::Ground;
use crate::load::{Limits, Load, Passed, run};
use crate::options::Options;
use crate::report::{Cell, Run};
use crate::stand::Stand;
use crate::statements::Executed;
use crate::tell::say;
use crate::work::Work;
use std::sync::Arc;
use std::time::Duration;

/// How many are under way while nobody measures, and for how long at most.
const FILLING: Load = Load::InFlight(256);
const WARMING: Load = Load::InFlight(8);
/// How many are done at most while statements are counted.
const COUNTED: u64 = 2_000;
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// All rounds, and after them what can only be counted while nobody looks at the time.
pub async fn rounds(
    works: &[Work],
    ground: &Ground,
    options: &Options,
) -> Result<Vec<Run>, Failed> {
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        for on in &options.on {
            for (work, loads) in
                works.iter().flat_map(|work| visits(options).map(move |all| (work, all)))
            {
                let mut visit = Visit { work: *work, on: *on, round, options, bytes: None };
                runs.extend(visit.make(ground, loads).await?);
            }
        }
    }
    if options.on.contains(&Backend::Sqlite) {
        Executed::begin();
        for (work, load) in
            works.iter().flat_map(|work| options.loads.iter().map(move |load| (work, load)))
        {
            let (work, on, round) = (*work, Backend::Sqlite, options.rounds + 1);
            let mut visit = Visit { work, on, round, options, bytes: None };
            runs.push(visit.count(ground, *load).await?);
        }
    }
    Ok(runs)
}

/// Which loads share a place: each has its own, unless filling it takes long.
fn visits(options: &Options) -> impl Iterator<Item = &[Load]> {
    let together = if options.settled == 0 { 1 } else { options.loads.len() };
    options.loads.chunks(together)
}

/// A place, and what happens there.
struct Visit<'a> {
    work: Work,
    on: Backend,
    round: usize,
    options: &'a Options,
    /// How many bytes the messages of one have, if it is known.
    bytes: Option<f64>,
}

impl Visit<'_> {
    async fn make(&mut self, ground: &Ground, loads: &[Load]) -> Result<Vec<Run>, Failed> {
        let stand = self.work.open(self.on, ground, self.options).await?;
        let mut gauges = ground.gauges(self.on).await?.with(stand.helpers());
        let made = self.runs(&stand, &mut gauges, loads).await;
        stand.close().await?;
        made
    }

    /// Statements and commits of SQLite. The driver is listened to, which takes time, so nothing else is told.
    async fn count(&mut self, ground: &Ground, load: Load) -> Result<Run, Failed> {
        say(&format!("counting statements: {}", load.told()));
        let stand = self.work.open(self.on, ground, self.options).await?;
        let first = self.fill(&stand, WARMING, 0, self.options.warm).await?;
        let limits = Limits { count: COUNTED, seconds: self.options.seconds };
        Arc::clone(&stand).prepare(first + COUNTED).await?;
        let executed = Executed::now();
        let count = run(&stand, load, limits, first).await?.count;
        let executed = Executed::now().since(executed);
        stand.check(first + count).await?;
        stand.close().await?;
        let each = |number: u64| number as f64 / count.max(1) as f64;
        let figures = [("statements", executed.statements), ("commits", executed.commits)];
        let figures = figures.map(|(key, number)| (key.to_owned(), each(number))).into();
        Ok(Run { cell: self.cell(load), round: self.round, count, figures })
    }

    fn cell(&self, load: Load) -> Cell {
        let (work, on) = (self.work.name().to_owned(), self.on.name().to_owned());
        Cell { work, on, load: load.told() }
    }

    async fn runs(
        &mut self,
        stand: &Arc<dyn Stand>,
        gauges: &mut Gauges,
        loads: &[Load],
    ) -> Result<Vec<Run>, Failed> {
        let Options { warm, settled, .. } = *self.options;
        let mut done = self.fill(stand, WARMING, 0, warm).await?;
        self.bytes = stand.bytes().await?.map(|bytes| bytes as f64 / done.max(1) as f64);
        if settled > 0 {
            say(&format!("{}: {settled} settle first", self.on.name()));
            done += self.fill(stand, FILLING, done, settled).await?;
        }
        let mut runs = Vec::new();
        for load in loads {
            let one = self.timed(stand, gauges, *load, done).await?;
            done += one.count;
            stand.check(done).await?;
            self.say(&one);
            runs.push(one);
        }
        Ok(runs)
    }

    async fn fill(
        &self,
        stand: &Arc<dyn Stand>,
        load: Load,
        first: u64,
        count: u64,
    ) -> Result<u64, Failed> {
        let limits = Limits { count, seconds: AN_HOUR };
        Arc::clone(stand).prepare(first + count).await?;
        Ok(run(stand, load, limits, first).await?.count)
    }

    async fn timed(
        &self,
        stand: &Arc<dyn Stand>,
        gauges: &mut Gauges,
        load: Load,
        first: u64,
    ) -> Result<Run, Failed> {
        let limits = Limits { count: self.options.count(), seconds: self.options.seconds };
        Arc::clone(stand).prepare(first + limits.count).await?;
        let (counts, before) = (stand.counts().await?, gauges.read().await?);
        let passed = run(stand, load, limits, first).await?;
        let after = gauges.read().await?;
        let since = stand.counts().await?;
        let (messages, batches) =
            (since.messages - counts.messages, since.batches - counts.batches);
        let again = again(stand.messages_of(first, passed.count), messages)?;
        let mut figures = after.each(&before, passed.count);
        if self.options.settled > 0 {
            figures.extend(stand.sizes().await?);
        }
        figures.extend(figures_of(&passed));
        figures.extend(self.bytes.map(|bytes| ("message_bytes".to_owned(), bytes)));
        figures.insert("messages".to_owned(), messages as f64 / passed.count.max(1) as f64);
        if again > 0 {
            figures.insert("again".to_owned(), again as f64 / passed.count.max(1) as f64);
        }
        if batches > 0 {
            figures.insert("messages_per_batch".to_owned(), messages as f64 / batches as f64);
        }
        Ok(Run { cell: self.cell(load), round: self.round, count: passed.count, figures })
    }

    fn say(&self, run: &Run) {
        let Cell { work, on, load } = &run.cell;
        let of = |key: &str| run.figures.get(key).copied().unwrap_or_default();
        say(&format!(
            "round {} of {}: {work}, {on}, {load}: {:.0} a second, p50 {:.1} ms, {:.0} us of CPU each; all effects exact",
            self.round,
            self.options.rounds,
            of(PER_SECOND),
            of("p50_ms"),
            of("cpu_us"),
        ));
    }
}

/// How many were said more than it takes: who is not answered for long asks again, and is answered again. Fewer
/// there must not be.
fn again(wanted: Option<u64>, said: u64) -> Result<u64, Failed> {
    match wanted {
        Some(wanted) if said < wanted => {
            Err(format!("{said} messages were said, and it takes {wanted}").into())
        }
        wanted => Ok(wanted.map_or(0, |wanted| said - wanted)),
    }
}

/// What clients have seen.
pub fn figures_of(passed: &Passed) -> Figures {
    let at = |percent| passed.within_ms(percent);
    let all = [
        (PER_SECOND, passed.rate()),
        ("p50_ms", at(50.0)),
        ("p95_ms", at(95.0)),
        ("p99_ms", at(99.0)),
        ("p999_ms", at(99.9)),
        ("max_ms", at(100.0)),
    ];
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn messages_may_come_again_and_must_not_be_missing() {
        assert_eq!(again(Some(11), 13).unwrap(), 2);
        assert_eq!(again(None, 13).unwrap(), 0);
        let told = again(Some(11), 10).unwrap_err().to_string();
        assert_eq!(told, "10 messages were said, and it takes 11");
    }
}
