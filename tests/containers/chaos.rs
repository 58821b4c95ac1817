//! Chaos: a shop of processes under load, to which harm is done, and an audit in the end.
//!
//! ```text
//! options   the command line         wishes   what customers wish for       dice      the seed
//! plan      which faults             harm     doing and mending them        tell      what is said
//! fleet     processes and servers    crowd    customers, and what they know wire      their client
//! reckoning what must be true        report   the figures                   stories   runs that are tests
//! ```
//!
//! The seed decides what is ordered and which faults come in which order; it does not decide the
//! moments, for those are the machine's.

mod crowd;
mod dice;
mod fleet;
mod harm;
mod options;
mod plan;
mod reckoning;
mod report;
mod stories;
mod tell;
mod wire;
mod wishes;

pub use stories::{Outcome, each_is_killed_once, grows_and_shrinks};

use crowd::Crowd;
use fleet::{Fleet, SEVERAL, Size};
use harm::Villain;
use options::{Asked, HELP, Options};
use plan::Plan;
use report::Report;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tell::Tell;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// The lanes of a service: one for each of its processes, and two at least.
const LANES: u32 = 2;
/// The most purchases that are under way: a shop that is away for long is not buried under them.
const MOST: usize = 120;

/// Deadlines that are over while harm is done, so that whoever is given up is given up in the middle.
const DEADLINES: [(&str, &str); 2] =
    [("SHOP_VALIDATION_WAIT_MS", "20000"), ("SHOP_PAYMENT_WAIT_MS", "20000")];

/// Runs as these words say, and tells the figures.
#[must_use]
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let options = match Options::read(args) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            let _ = writeln!(io::stdout(), "{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "chaos: {why}");
            return ExitCode::from(2);
        }
    };
    match crate::servers::runtime().block_on(run_all(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            let _ = writeln!(io::stderr(), "chaos: {why}");
            ExitCode::from(2)
        }
    }
}

/// Ends when somebody says so.
async fn told_to_end() {
    let mut told = signal(SignalKind::terminate()).expect("signals can be heard");
    let mut interrupted = signal(SignalKind::interrupt()).expect("signals can be heard");
    tokio::select! {
        _ = told.recv() => {}
        _ = interrupted.recv() => {}
    }
}

/// Runs all examples, and says whether nothing was wrong.
async fn run_all(options: &Options) -> Result<bool, String> {
    let mut reports = Vec::new();
    for example in options.examples.iter().copied() {
        let folder = options.folder.join(example);
        let unkept = |told| format!("cannot keep anything in {} ({told})", folder.display());
        std::fs::create_dir_all(&folder).map_err(unkept)?;
        let report = run(example, options, &folder).await.map_err(unkept)?;
        let _ = writeln!(io::stdout(), "\n{report}");
        for wrong in &report.wrong {
            let _ = writeln!(io::stdout(), "  {wrong}");
        }
        let _ = writeln!(io::stdout(), "kept in {}\n", folder.display());
        reports.push(report);
    }
    if let Some(file) = &options.json {
        let figures: Vec<_> = reports.iter().map(Report::json).collect();
        let written = std::fs::write(file, format!("{:#}\n", serde_json::json!(figures)));
        written.map_err(|told| format!("cannot write {} ({told})", file.display()))?;
    }
    Ok(reports.iter().all(|report| report.wrong.is_empty()))
}

/// One run of one example. Whoever tells it to end in the middle ends all processes.
async fn run(example: &'static str, options: &Options, folder: &Path) -> io::Result<Report> {
    let tell = Arc::new(Tell::new(&folder.join("run"))?);
    let Options { seed, copies, .. } = *options;
    tell.say(format!("{example}, seed {seed}: servers and processes start"));
    let lanes = u32::try_from(copies).unwrap_or(LANES).max(LANES);
    let size = Size { lanes, several: SEVERAL, copies, deadlines: &DEADLINES };
    let fleet = Arc::new(Fleet::new(example, size, folder, Arc::clone(&tell)).await);
    tokio::select! {
        report = harm(&fleet, &tell, options, folder) => report,
        () = told_to_end() => {
            fleet.abandon().await;
            Err(io::Error::new(io::ErrorKind::Interrupted, "it was told to end"))
        }
    }
}

/// Lets customers come, does harm for as long as is asked for, and reckons.
async fn harm(
    fleet: &Arc<Fleet>,
    tell: &Arc<Tell>,
    options: &Options,
    folder: &Path,
) -> io::Result<Report> {
    let Options { seed, rate, lasts, .. } = *options;
    let looking = Aborting(tokio::spawn(Arc::clone(fleet).look_after()));
    fleet.want_all().await;
    let mut wrong = fleet.ready().await;
    let expected = stories::open(fleet).await;
    let crowd = Crowd::new(seed, wishes::ALL, fleet.desks(), &folder.join("acknowledged"));
    tell.say(format!("{} processes are ready; customers come", fleet.slots.len()));

    let buying = Aborting(tokio::spawn(Arc::clone(&crowd).come(rate, MOST)));
    let mut villain = Villain::new(fleet, &crowd, tell);
    villain.rage(Plan::of(seed, fleet.targets()), lasts).await;
    crowd.go_home();
    tell.say("nobody does harm any more, and nobody begins a purchase");
    fleet.want_all().await;
    wrong.extend(fleet.ready().await);
    wrong.extend(reckoning::settle(&crowd, tell).await);
    drop(buying);

    let run = (fleet.shop.example(), seed, lasts);
    let (report, books) = stories::reckon(&villain, run, expected, wrong).await;
    drop(looking);
    if !report.wrong.is_empty() {
        reckoning::keep(folder, &report.wrong, &books)?;
    }
    Ok(report)
}

/// A task that ends when nobody waits for it any more.
struct Aborting(JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}
