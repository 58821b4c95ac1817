//! `cargo run -p mistakes`: which tests catch which deliberate mistake.

use mistakes::layers::Layers;
use mistakes::mistake::{ALL, Row};
use mistakes::options::{HELP, Options};
use mistakes::schedules::Simulation;
use mistakes::work::{Bench, Caught, Found};
use mistakes::{Failed, page, work};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::from(1)
        }
    }
}

/// Says whether every mistake was caught.
fn run(options: &Options) -> Result<bool, Failed> {
    let layers = Layers::build(options.layer)?;
    let benches = Bench::all(&layers);
    let simulation = options.layer.is_none().then(Simulation::build).transpose()?;
    let asked: Vec<&Row> = ALL.iter().filter(|row| options.wants(row.name)).collect();
    let found = work::through((&benches, simulation.as_ref()), &asked, options.threads)?;
    let missed: Vec<&Found<'_>> =
        found.iter().filter(|found| found.caught == Caught::ByNobody).collect();
    println!("{} of {} mistakes were caught", found.len() - missed.len(), found.len());
    for found in &missed {
        println!("nobody caught `{}`: the engine {}", found.row.name, found.row.what);
    }
    if options.is_whole() {
        page::write(&page::table(&found))?;
    }
    Ok(missed.is_empty())
}
