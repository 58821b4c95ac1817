//! What the command line may say.

use shop::args::Args;
use std::path::PathBuf;
use std::time::Duration;

/// How a chaos run is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Options {
    /// How long harm is done.
    pub(super) lasts: Duration,
    pub(super) seed: u64,
    /// The examples, one after the other.
    pub(super) examples: Vec<&'static str>,
    /// How many processes there are of services that have several.
    pub(super) copies: usize,
    /// Purchases a second.
    pub(super) rate: f64,
    /// Where the figures go.
    pub(super) json: Option<PathBuf>,
    /// Where everything is kept that helps to look into a violation.
    pub(super) folder: PathBuf,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Run(Options),
    Help,
}

pub(super) const HELP: &str = "\
Does harm to a shop of processes under load, and audits it in the end.

usage: tests/chaos [--option VALUE]…

  --minutes M   how long harm is done; 2 if nothing is said, and parts as 0.5 are fine
  --seed S      faults and orders are drawn from it, the same for the same seed; 1
  --mode MODE   orchestrated, choreographed, or both, one after the other; both
  --copies N    processes of Orders, Inventory, Payments and the coordinator, each; 2
  --rate R      purchases a second that customers begin; 4
  --json FILE   writes the figures there, too
  --folder DIR  keeps what everybody said there; a new folder in that of temporary files

Every service is a process over a Postgres and a Kafka in containers. Deadlines are those of the
variables SHOP_VALIDATION_WAIT_MS and so on, and short if they say nothing. It ends with 0 if nothing
is wrong, with 1 if anything is or a kill has found no purchase in flight, with 2 if it did not
understand.";

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub(super) fn read(args: impl IntoIterator<Item = String>) -> Result<Asked, String> {
        let usual = std::env::temp_dir().join(format!("ballet-chaos-{}", std::process::id()));
        let mut options = Self {
            lasts: Duration::from_secs(120),
            seed: 1,
            examples: examples("both")?,
            copies: 2,
            rate: 4.0,
            json: None,
            folder: usual,
        };
        let mut args = Args::new(args);
        while let Some(option) = args.option() {
            match option.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--minutes" => options.lasts = minutes(&args.value()?)?,
                "--seed" => options.seed = args.number()?,
                "--mode" => options.examples = examples(&args.value()?)?,
                "--copies" => options.copies = copies(args.number()?)?,
                "--rate" => options.rate = rate(&args.value()?)?,
                "--json" => options.json = Some(PathBuf::from(args.value()?)),
                "--folder" => options.folder = PathBuf::from(args.value()?),
                _ => return Err(args.unknown()),
            }
        }
        Ok(Asked::Run(options))
    }
}

fn minutes(value: &str) -> Result<Duration, String> {
    let some = value.parse().ok().filter(|minutes| (0.1..=1_440.0).contains(minutes));
    let must = || format!("`--minutes` is `{value}`: give a number from 0.1 to 1440");
    some.map(|minutes: f64| Duration::from_secs_f64(minutes * 60.0)).ok_or_else(must)
}

fn examples(value: &str) -> Result<Vec<&'static str>, String> {
    match value {
        "orchestrated" => Ok(vec!["orchestrated"]),
        "choreographed" => Ok(vec!["choreographed"]),
        "both" => Ok(vec!["orchestrated", "choreographed"]),
        _ => {
            Err(format!("`--mode` takes `orchestrated`, `choreographed` or `both`, not `{value}`"))
        }
    }
}

fn copies(number: usize) -> Result<usize, String> {
    match number {
        1..=4 => Ok(number),
        _ => Err(format!("`--copies` is `{number}`: give a number from 1 to 4")),
    }
}

fn rate(value: &str) -> Result<f64, String> {
    let some = value.parse().ok().filter(|rate| (0.1..=1_000.0).contains(rate));
    some.ok_or_else(|| format!("`--rate` is `{value}`: give a number from 0.1 to 1000"))
}

#[cfg(test)]
mod tests {
    use super::{Asked, HELP, Options};

    fn read(line: &str) -> Result<Asked, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let line = "--minutes 0.5 --seed=7 --mode choreographed --copies 1 --rate 2.5";
        let Ok(Asked::Run(options)) = read(line) else { panic!("it runs") };
        assert_eq!((options.lasts.as_secs(), options.seed, options.copies), (30, 7, 1));
        assert_eq!(options.examples, ["choreographed"]);
        assert_eq!(read("--seed 1 --help"), Ok(Asked::Help));
        for (line, why) in [
            ("--minutes 0", "`--minutes` is `0`: give a number from 0.1 to 1440"),
            ("--minutes", "`--minutes` needs a value"),
            ("--seed x", "`--seed` takes a whole number, and `x` is none"),
            ("--mode x", "`--mode` takes `orchestrated`, `choreographed` or `both`, not `x`"),
            ("--copies 9", "`--copies` is `9`: give a number from 1 to 4"),
            ("--rate NaN", "`--rate` is `NaN`: give a number from 0.1 to 1000"),
            ("--kills 3", "there is no option `--kills`; `--help` lists them"),
        ] {
            assert_eq!(read(line), Err(why.to_owned()));
        }
    }

    #[test]
    fn the_help_names_every_option() {
        for option in ["minutes", "seed", "mode", "copies", "rate", "json", "folder"] {
            assert!(HELP.contains(&format!("\n  --{option} ")), "{option}");
            assert_ne!(read(&format!("--{option} 1")), read(&format!("--{option}x 1")));
        }
    }
}
