//! A run that is long, looked at again and again: whether it costs the same at its end as at its beginning.

use crate::Failed;
use crate::backend::Backend;
use crate::gauges::{Gauges, Reading};
use crate::ground::Ground;
use crate::load::{Limits, Load, Waited, run, run_into};
use crate::measure::figures_of;
use crate::options::Options;
use crate::report::{Cell, Run};
use crate::stand::Stand;
use crate::tell::say;
use crate::work::Work;
use ballet::clock::{Stopwatch, rest};
use std::sync::Arc;

/// How many are under way while those go that are not timed.
const WARMING: Load = Load::InFlight(8);

/// One run over each back end and load, and what it has shown in each of its parts.
pub async fn runs(ground: &Ground, options: &Options) -> Result<Vec<Run>, Failed> {
    let mut runs = Vec::new();
    for (on, load) in options.on.iter().flat_map(|on| options.loads.iter().map(move |l| (*on, *l)))
    {
        let stand = Work::Five.open(on, ground, options).await?;
        let gauges = ground.gauges(on).await?.with(stand.helpers());
        let limits = Limits { count: options.warm, seconds: options.seconds };
        let first = run(&stand, WARMING, limits, 0).await?.count;
        let long = Long { on, load, options, gauges, parts: Vec::new() };
        let (parts, done) = long.run(&stand, first).await?;
        // Of what is kept for a while only, no row is missing: they are the worker's own.
        stand.check(first + done).await?;
        say(&format!("{}, {}: {done} done; all effects exact", on.name(), load.told()));
        stand.close().await?;
        runs.extend(parts);
    }
    Ok(runs)
}

struct Long<'a> {
    on: Backend,
    load: Load,
    options: &'a Options,
    gauges: Gauges,
    parts: Vec<Run>,
}

impl Long<'_> {
    /// All parts, and how many were done.
    async fn run(mut self, stand: &Arc<dyn Stand>, first: u64) -> Result<(Vec<Run>, u64), Failed> {
        let Options { seconds, every, .. } = *self.options;
        let (waited, load) = (Waited::new()?, self.load);
        let (begun, mut before) = (Stopwatch::start(), self.gauges.read().await?);
        let (stand_of_load, waited_of_load) = (Arc::clone(stand), waited.clone());
        let limits = Limits { count: u64::MAX - first, seconds };
        let all = tokio::spawn(async move {
            run_into(&stand_of_load, load, limits, first, &waited_of_load).await
        });
        let mut looked = 0;
        // The last part ends with the run, which is over a moment later.
        while every * (looked + 1) <= seconds && !all.is_finished() {
            looked += 1;
            rest((every * looked).saturating_sub(begun.elapsed())).await;
            before = self.look(stand, &waited, before, begun).await?;
        }
        let done = all.await??;
        Ok((self.parts, done))
    }

    /// What has passed since it was looked at last.
    async fn look(
        &mut self,
        stand: &Arc<dyn Stand>,
        waited: &Waited,
        before: Reading,
        begun: Stopwatch,
    ) -> Result<Reading, Failed> {
        let (passed, now) = (waited.take()?, self.gauges.read().await?);
        let mut figures = now.each(&before, passed.count);
        figures.extend(figures_of(&passed));
        figures.extend(stand.sizes().await?);
        let until = begun.elapsed().as_secs();
        let load = format!("{}, up to {until} s", self.load.told());
        say(&format!(
            "{}, {load}: {:.0} a second, p50 {:.1} ms, p99 {:.1} ms, {:.0} us of CPU each",
            self.on.name(),
            passed.rate(),
            passed.within_ms(50.0),
            passed.within_ms(99.0),
            figures.get("cpu_us").copied().unwrap_or_default(),
        ));
        let cell = Cell { work: "five".to_owned(), on: self.on.name().to_owned(), load };
        let round = self.parts.len() + 1;
        self.parts.push(Run { cell, round, count: passed.count, figures });
        // What was just asked for is not charged to the next part.
        self.gauges.read().await
    }
}
