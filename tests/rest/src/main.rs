//! The iPad purchase by services that call each other, measured beside both modes.
//!
//! A measurement is a file: it measures one way, and tells all rounds of all ways in one table.

mod availability;
mod away;
mod baseline;
mod caller;
mod latency;
mod lookup;
mod options;
mod ours;
#[cfg(test)]
mod tests;
mod way;

use crate::availability::Availability;
use crate::away::{AWAY, Away};
use crate::latency::Latency;
use crate::lookup::Lookup;
use crate::options::{HELP, Options};
use crate::way::Way;
use bench::Failed;
use bench::setting::Setting;
use bench::tell::say;
use serde::Serialize;
use std::process::ExitCode;

/// Everything that was measured, round by round.
#[derive(Debug, Serialize)]
struct Figures {
    setting: Setting,
    latency: Vec<Latency>,
    away: Vec<Away>,
    availability: Vec<Availability>,
    lookup: Vec<Lookup>,
}

fn main() -> ExitCode {
    let asked = Options::read(std::env::args().skip(1));
    let done = asked.and_then(|options| match options.is_help {
        true => {
            print!("{HELP}");
            Ok(Ok(()))
        }
        false => Ok(run(&options, Setting::of(&options.folder)?)),
    });
    bench::end(done)
}

fn run(options: &Options, setting: Setting) -> Result<(), Failed> {
    println!("{}", setting.told());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(options, setting))?;
    tell(options, &figures);
    bench::keep(&figures, options.json.as_deref())
}

async fn measure(options: &Options, setting: Setting) -> Result<Figures, Failed> {
    let (latency, away, availability, lookup) = Default::default();
    let mut figures = Figures { setting, latency, away, availability, lookup };
    for round in 0..options.rounds {
        for way in Way::ALL {
            say(&format!("round {} of {}: {}", round + 1, options.rounds, way.name()));
            figures.latency.push(latency::measure(way, options).await?);
            for service in AWAY {
                figures.away.push(away::measure(way, service, options).await?);
            }
            let seed = options.seed.wrapping_add(round);
            figures.availability.push(availability::measure(way, seed, options).await?);
        }
        figures.lookup.push(lookup::measure(options).await?);
    }
    Ok(figures)
}

fn tell(options: &Options, figures: &Figures) {
    let Options { purchases, while_away, draws, away, lookups, rounds, .. } = options;
    println!("\n{purchases} purchases, one after the other\n{}", latency::told(&figures.latency));
    println!("{while_away} purchases while a service is away\n{}", away::told(&figures.away));
    println!(
        "{draws} purchases, at {away} % of which each of three services is away\n{}",
        availability::told(&figures.availability)
    );
    println!("{lookups} addresses, one after the other\n{}", lookup::told(&figures.lookup));
    println!("median (least-most) of {rounds} rounds");
}
