//! What sagas cost, measured.
//!
//! ```text
//! options    what is asked             work       what is done
//! backend    over what                 stand      somebody who does it: five/, purchase, textbook/
//! ground     where                     load       how it comes, and how long each took
//! measure    rounds of runs            gauges     what is read before and after each
//! figure     what is told of it        report     tables, and files to compare
//! long       a run, again and again    live       many under way, and a death
//! ```

mod backend;
#[cfg(feature = "servers")]
mod database;
mod figure;
mod five;
mod floor;
mod gauges;
mod ground;
mod live;
mod load;
mod long;
mod measure;
mod options;
mod plot;
mod processes;
mod purchase;
mod report;
#[cfg(feature = "servers")]
mod servers;
mod stand;
#[cfg(feature = "servers")]
mod textbook;
mod work;

use crate::ground::Ground;
use crate::options::{HELP, Mode, Options};
use crate::report::Report;
use crate::setting::Setting;
use crate::work::Work;
use bench::{Failed, meter, setting, statements, stats, tell};
use std::process::ExitCode;

/// What a service would choose. Everything that is measured has it, the textbook too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let asked = Options::read(std::env::args().skip(1));
    bench::end(asked.and_then(|options| act(&options)))
}

fn act(options: &Options) -> Result<Result<(), Failed>, String> {
    match &options.mode {
        Mode::Help => {
            print!("{HELP}");
            Ok(Ok(()))
        }
        Mode::Compare(one, other) => Ok(compare(one, other)),
        Mode::Owner => Ok(owner()),
        _ => Ok(measure(options, Setting::of(&options.folder)?)),
    }
}

/// Another of these processes has begun this one.
fn owner() -> Result<(), Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(five::serve())
}

fn compare(one: &std::path::Path, other: &std::path::Path) -> Result<(), Failed> {
    print!("{}", report::compared(&report::read(one)?, &report::read(other)?));
    Ok(())
}

fn measure(options: &Options, setting: Setting) -> Result<(), Failed> {
    println!("{}", setting.told());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let runs = runtime.block_on(async {
        let ground = Ground::of(options).await?;
        match options.mode {
            Mode::Floor => floor::rounds(&ground, options).await,
            Mode::Purchase => {
                let ways = [Work::Orchestrated, Work::Choreographed];
                measure::rounds(&ways, &ground, options).await
            }
            Mode::Long => long::runs(&ground, options).await,
            Mode::Live => live::rounds(&ground, options).await,
            _ => measure::rounds(&[Work::Five], &ground, options).await,
        }
    })?;
    let report = Report::of(setting, options.told(), runs);
    print!("{}", report.told());
    if options.mode != Mode::Long {
        println!("\nmedian (least-most) of {} rounds", options.rounds);
    }
    if let Some(folder) = &options.plots {
        println!("{} plots: {}", plot::write(&report.cells, folder)?, folder.display());
    }
    bench::keep(&report, options.json.as_deref())
}
