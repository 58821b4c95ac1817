//! What may be asked on the command line.

use compare::orders::Source;
use shop::args::Args;
use std::path::PathBuf;

/// The help, as it is printed.
pub const HELP: &str = "\
Buys iPads both ways, orchestrated and choreographed, on the embedded store and broker: tells two
purchases side by side, runs a few hundred with a mix of outcomes, audits all books, and reports.

usage: cargo run [--release] -- [options]

  --purchases N    how many purchases to run (300)
  --seed S         the seed that the orders are drawn from (1); the same seed, the same orders
  --orders FILE    instead: one JSON order a line, from a file or from `-`; for example
                   {\"customer_id\":\"c1\",\"lines\":[{\"sku\":\"ipad\",\"qty\":1,\"unit_price_minor\":109900}],
                    \"total_minor\":109900,\"currency\":\"USD\"}   (on one line)
  --store URL      instead of SQLite files: a Postgres, as an owner who may make schemas; and with it
  --broker URL     a Kafka, as kafka://host:port; both need a build with `--features servers`
  --report FILE    where the report goes (comparison.html)
  --scenario NAME  instead of all that: play one scenario of the tests, in virtual time, and tell
                   it; NAME is a number, as X6, or a name; `--scenario list` lists them
  --mode MODE      only `orchestrated` or only `choreographed`
  --json           print JSON instead of text
  --help           this

exit status: 0 if all is well; 1 if the auditor or a scenario found something wrong, or an order or a
file could not be read or written; 2 if an option is wrong or there is no such scenario.
";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    Help,
    /// Run purchases, and write a report.
    Compare {
        source: Source,
        report: PathBuf,
    },
    /// Play a scenario.
    Play(String),
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub deed: Deed,
    pub only: Option<String>,
    pub json: bool,
    /// Where to run instead of on files.
    pub servers: Option<Urls>,
}

/// The URLs of a Postgres and a Kafka. There may be passwords in them.
#[derive(Clone, PartialEq, Eq)]
pub struct Urls {
    pub store: String,
    pub broker: String,
}

impl std::fmt::Debug for Urls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a Postgres and a Kafka")
    }
}

/// The options as they were given.
#[derive(Debug, Default)]
struct Given {
    purchases: Option<usize>,
    seed: Option<u64>,
    orders: Option<PathBuf>,
    report: Option<PathBuf>,
    scenario: Option<String>,
    store: Option<String>,
    broker: Option<String>,
}

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut given, mut only, mut json) = (Given::default(), None, false);
        let mut args = Args::new(args);
        while let Some(option) = args.option() {
            match option.as_str() {
                "--help" | "-h" => {
                    return Ok(Self { deed: Deed::Help, only, json, servers: None });
                }
                "--json" => json = true,
                "--purchases" => given.purchases = Some(purchases(args.number()?)?),
                "--seed" => given.seed = Some(args.number()?),
                "--orders" => given.orders = Some(PathBuf::from(args.value()?)),
                "--report" => given.report = Some(PathBuf::from(args.value()?)),
                "--scenario" => given.scenario = Some(args.value()?),
                "--store" => given.store = Some(args.value()?),
                "--broker" => given.broker = Some(args.value()?),
                "--mode" => only = Some(mode(args.value()?)?),
                _ => return Err(args.unknown()),
            }
        }
        let servers = given.servers()?;
        Ok(Self { deed: given.deed()?, only, json, servers })
    }
}

impl Given {
    fn servers(&self) -> Result<Option<Urls>, String> {
        match (&self.store, &self.broker) {
            (Some(_), Some(_)) if self.scenario.is_some() => {
                Err("`--scenario` plays in memory: leave `--store` and `--broker` away".to_owned())
            }
            (Some(store), Some(broker)) => {
                Ok(Some(Urls { store: store.clone(), broker: broker.clone() }))
            }
            (None, None) => Ok(None),
            _ => Err("`--store` and `--broker` belong together: give both, or neither".to_owned()),
        }
    }

    fn deed(self) -> Result<Deed, String> {
        let Self { purchases, seed, orders, report, scenario, .. } = self;
        let is_drawn = purchases.is_some() || seed.is_some();
        if let Some(scenario) = scenario {
            return match is_drawn || orders.is_some() || report.is_some() {
                true => Err("`--scenario` has its own orders and writes no report: give it only \
                             `--mode` and `--json`"
                    .to_owned()),
                false => Ok(Deed::Play(scenario)),
            };
        }
        let source = match orders {
            Some(_) if is_drawn => {
                return Err("`--orders` takes the place of `--purchases` and `--seed`: leave one \
                            or the other away"
                    .to_owned());
            }
            Some(file) => Source::Read(file),
            None => Source::Drawn { purchases: purchases.unwrap_or(300), seed: seed.unwrap_or(1) },
        };
        let report = report.unwrap_or_else(|| PathBuf::from("comparison.html"));
        Ok(Deed::Compare { source, report })
    }
}

fn purchases(number: usize) -> Result<usize, String> {
    match number {
        0 => Err("`--purchases` takes 1 or more".to_owned()),
        some => Ok(some),
    }
}

fn mode(value: String) -> Result<String, String> {
    match value.as_str() {
        "orchestrated" | "choreographed" => Ok(value),
        _ => Err(format!("`--mode` takes `orchestrated` or `choreographed`, not `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Deed, Options};
    use compare::orders::Source;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let options = read("--purchases 7 --seed=3 --json").unwrap();
        let Deed::Compare { source, report } = options.deed else { panic!("it compares") };
        assert_eq!(source, Source::Drawn { purchases: 7, seed: 3 });
        assert_eq!((report.to_str(), options.json), (Some("comparison.html"), true));
        let options = read("--scenario X6 --mode choreographed").unwrap();
        assert_eq!(options.deed, Deed::Play("X6".to_owned()));
        assert_eq!(options.only.as_deref(), Some("choreographed"));
        assert_eq!(read("--purchases 7 --help").unwrap().deed, Deed::Help);
        for (line, told) in [
            ("--purchases", "`--purchases` needs a value"),
            ("--purchases many", "`--purchases` takes a whole number, and `many` is none"),
            ("--purchases 0", "`--purchases` takes 1 or more"),
            ("--mode both", "`--mode` takes `orchestrated` or `choreographed`, not `both`"),
            ("--colour", "there is no option `--colour`; `--help` lists them"),
            (
                "--orders f --seed 1",
                "`--orders` takes the place of `--purchases` and `--seed`: leave one or the other away",
            ),
            (
                "--scenario X6 --seed 1",
                "`--scenario` has its own orders and writes no report: give it only `--mode` and `--json`",
            ),
        ] {
            assert_eq!(read(line).unwrap_err(), told);
        }
    }
}
