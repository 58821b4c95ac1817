//! What may be asked on the command line.

use std::path::PathBuf;

/// The help, as it is printed.
pub const HELP: &str = "\
Runs the iPad purchase both ways, orchestrated and choreographed, on the embedded store and broker,
tells two purchases side by side, runs a few hundred with a mix of outcomes, and reports.

usage: cargo run [--release] -- [options]

  --purchases N    how many purchases to run (300)
  --seed S         the seed that the orders are drawn from (1); the same seed, the same orders
  --orders FILE    instead: one JSON order a line, from a file or from `-`; for example
                   {\"customer_id\":\"c1\",\"lines\":[{\"sku\":\"ipad\",\"qty\":1,\"unit_price_minor\":109900}],
                    \"total_minor\":109900,\"currency\":\"USD\"}   (on one line)
  --mode MODE      only `orchestrated` or only `choreographed`
  --report FILE    where the report goes (comparison.html)
  --json           print the figures as JSON instead of a table
  --help           this

exit status: 0 if all is well, 1 if the auditor found something or an order could not be read, 2 if an
option is wrong.
";

/// Where the orders come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Drawn from a seed.
    Drawn { purchases: usize, seed: u64 },
    /// Read from a file; `-` is standard input.
    Read(PathBuf),
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub source: Source,
    pub only: Option<String>,
    pub report: PathBuf,
    pub json: bool,
    pub help: bool,
}

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut purchases, mut seed, mut orders) = (300, 1, None);
        let (mut only, mut report, mut json, mut help) =
            (None, PathBuf::from("comparison.html"), false, false);
        let mut args = args;
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("`{option}` needs a value"));
            match option.as_str() {
                "--purchases" => purchases = number(&option, &value()?)?,
                "--seed" => seed = number(&option, &value()?)?,
                "--orders" => orders = Some(PathBuf::from(value()?)),
                "--mode" => only = Some(mode(value()?)?),
                "--report" => report = PathBuf::from(value()?),
                "--json" => json = true,
                "--help" | "-h" => help = true,
                other => return Err(format!("there is no option `{other}`; `--help` lists them")),
            }
        }
        let source = match orders {
            Some(file) => Source::Read(file),
            None => Source::Drawn { purchases, seed },
        };
        Ok(Self { source, only, report, json, help })
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{option}` takes a number, and `{value}` is none"))
}

fn mode(value: String) -> Result<String, String> {
    match value.as_str() {
        "orchestrated" | "choreographed" => Ok(value),
        _ => Err(format!("`--mode` takes `orchestrated` or `choreographed`, not `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Source};

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let options = read("--purchases 7 --seed 3 --json").unwrap();
        assert_eq!(options.source, Source::Drawn { purchases: 7, seed: 3 });
        assert!(options.json);
        for (line, told) in [
            ("--purchases", "`--purchases` needs a value"),
            ("--purchases many", "`--purchases` takes a number, and `many` is none"),
            ("--mode both", "`--mode` takes `orchestrated` or `choreographed`, not `both`"),
            ("--colour", "there is no option `--colour`; `--help` lists them"),
        ] {
            assert_eq!(read(line).unwrap_err(), told);
        }
    }
}
