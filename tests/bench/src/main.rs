//! What a five-step saga costs, measured.
//!
//! A mode is a file: it measures, prints a table and gives its figures as JSON.

mod closed;
mod five;
mod floor;
mod options;
mod saga;
#[cfg(feature = "servers")]
mod servers;
mod stand;
mod statements;

use crate::options::{HELP, Mode, Options};
use crate::setting::Setting;
use crate::stand::Ground;
use bench::{Failed, meter, setting, stats, tell};
use std::process::ExitCode;

fn main() -> ExitCode {
    let asked = Options::read(std::env::args().skip(1));
    let done = asked.and_then(|options| match options.mode {
        None => {
            print!("{HELP}");
            Ok(Ok(()))
        }
        Some(mode) => Ok(measure(mode, &options, &Setting::of(&options.folder)?)),
    });
    bench::end(done)
}

fn measure(mode: Mode, options: &Options, setting: &Setting) -> Result<(), Failed> {
    println!("{}", setting.told());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(async {
        match mode {
            Mode::Sqlite => five::measure(&Ground::File, options, setting).await,
            Mode::Kafka => five::measure(&ground(options).await?, options, setting).await,
            Mode::Floor => floor::measure(options, setting).await,
        }
    })?;
    bench::keep(&figures, options.json.as_deref())
}

#[cfg(feature = "servers")]
async fn ground(options: &Options) -> Result<Ground, Failed> {
    Ok(Ground::Servers(servers::Servers::of(options).await?))
}

#[cfg(not(feature = "servers"))]
async fn ground(_: &Options) -> Result<Ground, Failed> {
    Err("mode `kafka` was left out of this build: build it with `--features servers`".into())
}
