//! Plays worlds drawn from seeds, with everything that may go wrong in them.

mod bar;
mod options;
mod report;

use crate::bar::Bar;
use crate::options::{Asked, HELP};
use simulate::{Found, Scenario, play, play_many, shrink};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

/// Worlds allocate little things by the million.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Asked::read(std::env::args().skip(1)) {
        Ok(Asked::Help) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Asked::Replay(scenario)) => replay(&scenario),
        Ok(Asked::Play { seeds, most }) => play_seeds(seeds, most),
        Err(told) => {
            eprintln!("{told}");
            ExitCode::from(2)
        }
    }
}

fn replay(scenario: &Scenario) -> ExitCode {
    print!("{scenario}");
    let outcome = play(scenario);
    println!("trace {:016x}", outcome.trace);
    for finding in &outcome.findings {
        println!("{finding}");
    }
    if outcome.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play_seeds(seeds: Range<u64>, most: Duration) -> ExitCode {
    let mut bar = Bar::new(seeds.end - seeds.start, most);
    let clock = bar.clock();
    let (counts, found) = play_many(seeds, || clock.elapsed() >= most, |now| bar.tell(now));
    bar.end();
    print!("{}", report::summary(&counts, clock.elapsed()));
    // The first few: making them smaller takes a while.
    for found in found.iter().take(3) {
        let least = shrink(&found.scenario);
        print!("{}", report::finding(found, &least));
    }
    for Found { scenario, findings } in found.iter().skip(3) {
        println!("seed {}: {}", scenario.seed, findings[0]);
    }
    let missed = report::missed(&counts);
    for missed in &missed {
        println!("{missed}");
    }
    if found.is_empty() && missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
