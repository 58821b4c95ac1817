//! The iPad purchase both ways, side by side: two purchases told, a few hundred counted, all audited.

mod figures;
mod options;
mod purchases;
mod report;
mod scenarios;
mod tell;

use crate::options::{Deed, HELP, Options};
use crate::purchases::Compared;
use crate::scenarios::{ALL, Played};
use crate::tell::KEY;
use compare::Failed;
use compare::ground::Ground;
use compare::orders::Source;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::ExitCode;

/// As the examples that it compares.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many orders of a scenario are told.
const TOLD: usize = 3;

fn main() -> ExitCode {
    let asked = match Options::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(told) => return wrong(&told),
    };
    let done = match &asked.deed {
        Deed::Help => {
            print!("{HELP}");
            Ok(true)
        }
        Deed::Play(name) if name == "list" => {
            ALL.iter().for_each(|one| println!("{}\n    {}", one.name, one.sentence()));
            Ok(true)
        }
        Deed::Play(name) => match scenarios::named(name) {
            Ok(wanted) => play(&asked, &wanted),
            Err(told) => return wrong(&told),
        },
        Deed::Compare { source, report } => compare(&asked, source, report),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(told) => {
            eprintln!("{told}");
            ExitCode::from(1)
        }
    }
}

fn wrong(told: &str) -> ExitCode {
    eprintln!("{told}");
    ExitCode::from(2)
}

/// Plays scenarios and tells them. Says whether all is well.
fn play(asked: &Options, wanted: &[&scenarios::Scenario]) -> Result<bool, Failed> {
    let mut all = Vec::new();
    for scenario in wanted {
        let played = scenarios::play(scenario, asked.only.as_deref())?;
        if !asked.json {
            print_played(&played);
        }
        all.push(played);
    }
    if asked.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(all.iter().all(Played::is_well))
}

fn print_played(played: &Played) {
    println!("{}\n{}\n({KEY}; time is virtual)\n", played.scenario, played.sentence);
    for story in played.stories.iter().take(TOLD) {
        println!("{}\n\n{}\n", story.head, tell::columns(&story.columns));
    }
    if let Some(more @ 1..) = played.stories.len().checked_sub(TOLD) {
        println!("and {more} more orders, which `--json` tells\n");
    }
    for one in &played.verdicts {
        match &one.failed {
            Some(told) => println!("{}: the scenario failed: {told}", one.way),
            None => println!("{}: the scenario holds; {}", one.way, verdict(&one.breaches)),
        }
    }
    println!();
}

/// What the auditor says.
fn verdict(breaches: &[String]) -> String {
    let all = shop::audit::INVARIANTS.len();
    match breaches {
        [] => format!("the auditor finds nothing wrong, by any of {all} invariants"),
        some => format!("the auditor finds {}:\n  {}", some.len(), some.join("\n  ")),
    }
}

/// Runs, tells, counts. Says whether all is well.
fn compare(asked: &Options, source: &Source, report: &Path) -> Result<bool, Failed> {
    let unwritten = |told| format!("the report `{}` cannot be written: {told}", report.display());
    // Whoever gave a wrong place is told so now, and not when all is done.
    OpenOptions::new().create(true).append(true).open(report).map_err(unwritten)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let compared =
        runtime.block_on(purchases::compare(source, &ground(asked)?, asked.only.as_deref()))?;
    std::fs::write(report, report::html(&compared)).map_err(unwritten)?;
    if asked.json {
        println!("{}", serde_json::to_string_pretty(&compared)?);
    } else {
        print_compared(&compared);
        println!("\nThe same with plots, for a browser: {}", report.display());
    }
    Ok(compared.faults.is_empty() && compared.figures.iter().all(|one| one.breaches.is_empty()))
}

/// What the shops are to stand on.
#[cfg(feature = "servers")]
fn ground(asked: &Options) -> Result<Ground, Failed> {
    match &asked.servers {
        None => Ok(Ground::Files(std::env::temp_dir())),
        Some(urls) => {
            let servers = compare::servers::Servers::new(&urls.store, Some(&urls.broker))?;
            Ok(Ground::Servers(servers))
        }
    }
}

#[cfg(not(feature = "servers"))]
fn ground(asked: &Options) -> Result<Ground, Failed> {
    match &asked.servers {
        None => Ok(Ground::Files(std::env::temp_dir())),
        Some(_) => {
            Err("servers were left out of this build: build it with `--features servers`".into())
        }
    }
}

fn print_compared(compared: &Compared) {
    for story in &compared.stories {
        let columns = tell::columns(&story.columns);
        println!("{}: {}\n({KEY})\n\n{columns}\n", story.head, story.order_id);
    }
    println!("{}\n", figures::table(&compared.figures));
    for one in &compared.figures {
        println!("{}: {}", one.way, verdict(&one.breaches));
    }
    println!();
    compared.setting.lines().iter().for_each(|(name, text)| println!("{name:<10}{text}"));
}
