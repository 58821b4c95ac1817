//! Many sagas under way, and then their coordinator is killed: how much room they take, and how soon another
//! process has taken them over.

use crate::Failed;
use crate::backend::Backend;
use crate::figure::Figures;
use crate::five::owner::{Began, Deed, Ended, Owner, Task, TookOver};
use crate::ground::Ground;
use crate::options::Options;
use crate::report::{Cell, Run};
use crate::tell::say;
use ballet::clock::Stopwatch;

/// As often as is asked for, over each back end.
pub async fn rounds(ground: &Ground, options: &Options) -> Result<Vec<Run>, Failed> {
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        for on in &options.on {
            let figures = one(*on, ground, options.runs).await?;
            let load = format!("{} under way", options.runs);
            say(&format!("round {round} of {}: {}, {load}: done", options.rounds, on.name()));
            let cell = Cell { work: "five".to_owned(), on: on.name().to_owned(), load };
            runs.push(Run { cell, round, count: options.runs, figures });
        }
    }
    Ok(runs)
}

async fn one(on: Backend, ground: &Ground, count: u64) -> Result<Figures, Failed> {
    let (home, _folder) = ground.home(on)?;
    home.make().await?;
    let task = |deed| Task { home: home.clone(), lanes: ground.lanes, deed };
    let mut first = Owner::start(&task(Deed::Begin(count)))?;
    let began: Began = first.told().await?;
    say(&format!("{}: {count} begun in {:.0} s", on.name(), began.seconds));
    first.kill()?;
    let killed = Stopwatch::start();
    let mut second = Owner::start(&task(Deed::TakeOver(count)))?;
    // It counts from its own beginning.
    let started = killed.elapsed().as_secs_f64();
    let took: TookOver = second.told().await?;
    say(&format!("{}: all lanes taken over after {:.1} s", on.name(), took.all_lanes));
    let ended: Ended = second.told().await?;
    second.dismiss().await?;
    home.forget().await?;
    let all = [
        ("begun_per_second", count as f64 / began.seconds),
        ("rss_live_mb", began.rss),
        ("first_lane_s", started + took.first_lane),
        ("progress_s", started + took.progress),
        ("all_lanes_s", started + took.all_lanes),
        ("rss_taken_mb", took.rss),
        ("ended_per_second", count as f64 / ended.seconds),
        ("rss_most_mb", ended.most_rss),
    ];
    Ok(all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
