//! What may be asked on the command line.

use crate::backend::Backend;
use crate::five::owner::OWNER;
use crate::load::Load;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The help, as it is printed.
pub const HELP: &str = include_str!("help.txt");

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    Help,
    /// Sagas of five steps.
    Five,
    /// The purchase, both ways.
    Purchase,
    /// The same for long, looked at again and again.
    Long,
    /// Many of them under way, whose coordinator is killed.
    Live,
    /// A coordinator in a process of its own, which reads what it shall do.
    Owner,
    /// What the machine can do.
    Floor,
    /// The figures of two files, side by side.
    Compare(PathBuf, PathBuf),
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub mode: Mode,
    pub on: Vec<Backend>,
    /// How many under way, then how many a second.
    pub loads: Vec<Load>,
    /// How many a run does at most, if somebody has said it.
    pub most: Option<u64>,
    pub seconds: Duration,
    pub rounds: usize,
    /// Of a hundred, so many fail.
    pub failing: u64,
    /// So many go first, and are not timed.
    pub warm: u64,
    /// So many have settled before.
    pub settled: u64,
    pub lanes: u32,
    /// So many processes coordinate.
    pub coordinators: u32,
    /// How often a long run is looked at.
    pub every: Duration,
    /// How long what is over is kept, if not as long as usual.
    pub keep: Option<Duration>,
    /// So many are under way when their coordinator is killed.
    pub runs: u64,
    pub folder: PathBuf,
    pub json: Option<PathBuf>,
    /// A folder for plots.
    pub plots: Option<PathBuf>,
    pub store: Option<String>,
    /// Of the worker, if it has a database of its own.
    pub worker_store: Option<String>,
    pub broker: Option<String>,
}

/// The options as they were given.
#[derive(Default)]
struct Given {
    in_flight: Option<Vec<usize>>,
    rates: Option<Vec<u64>>,
}

impl Given {
    fn loads(self) -> Vec<Load> {
        let rates = self.rates.unwrap_or_default();
        let usual = if rates.is_empty() { vec![1, 8, 64, 512, 2_000] } else { Vec::new() };
        let in_flight = self.in_flight.unwrap_or(usual).into_iter().map(Load::InFlight);
        in_flight.chain(rates.into_iter().map(Load::Rate)).collect()
    }
}

impl Options {
    fn usual() -> Self {
        Self {
            mode: Mode::Help,
            on: vec![Backend::Sqlite],
            loads: Vec::new(),
            most: None,
            seconds: Duration::from_secs(5),
            rounds: 3,
            failing: 0,
            warm: 200,
            settled: 0,
            lanes: 2,
            coordinators: 1,
            every: Duration::from_secs(60),
            keep: None,
            runs: 100_000,
            folder: std::env::temp_dir(),
            json: None,
            plots: None,
            store: None,
            worker_store: None,
            broker: None,
        }
    }

    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::usual();
        options.mode = match args.next().as_deref() {
            Some("five") => Mode::Five,
            Some("purchase") => Mode::Purchase,
            Some("long") => Mode::Long,
            Some("live") => Mode::Live,
            Some(OWNER) => Mode::Owner,
            Some("floor") => Mode::Floor,
            Some("compare") => {
                let mut file = || args.next().map(PathBuf::from);
                let (Some(one), Some(other)) = (file(), file()) else {
                    return Err("`compare` takes two files that `--json` has written".to_owned());
                };
                Mode::Compare(one, other)
            }
            Some("--help" | "-h") => return Ok(options),
            Some(other) => return Err(format!("there is no mode `{other}`; `--help` lists them")),
            None => return Err("name a mode, as `five`; `--help` explains them".to_owned()),
        };
        let mut given = Given::default();
        while let Some(arg) = args.next() {
            if matches!(arg.as_str(), "--help" | "-h") {
                return Ok(Self { mode: Mode::Help, ..options });
            }
            options.take(&arg, &mut args, &mut given)?;
        }
        options.loads = given.loads();
        options.checked()
    }

    /// Refuses what cannot be.
    fn checked(self) -> Result<Self, String> {
        let any = |is_so: &dyn Fn(Backend) -> bool| self.on.iter().find(|on| is_so(**on));
        let is_apart = self.coordinators > 1 || self.mode == Mode::Live;
        let cannot = |on: Backend| on.is_baseline() || on == Backend::Memory;
        if let Some(on) = any(&Backend::is_baseline).filter(|_| self.mode == Mode::Purchase) {
            let on = on.name();
            return Err(format!(
                "there is no purchase over `{on}`: leave it out, or measure `five`"
            ));
        }
        if let Some(on) = any(&cannot).filter(|_| is_apart) {
            let on = on.name();
            return Err(format!(
                "over `{on}` nobody coordinates in a process of its own: leave it out"
            ));
        }
        if self.coordinators > 1 && any(&|on| on == Backend::Sqlite).is_some() {
            return Err("over `sqlite` one process coordinates: leave it out".to_owned());
        }
        if self.worker_store.is_some() && any(&|on| !on.needs_kafka()).is_some() {
            let told =
                "`--worker-store` needs `--on kafka` alone: without a Kafka all share a database";
            return Err(told.to_owned());
        }
        Ok(self)
    }

    /// How many a run does at most. Everybody who may buy is made known before.
    pub fn count(&self) -> u64 {
        self.most.unwrap_or(if self.mode == Mode::Purchase { 1_000 } else { 100_000 })
    }

    /// What was asked, for whoever reads the figures later; where servers are is not told.
    pub fn told(&self) -> String {
        let on: Vec<&str> = self.on.iter().map(|on| on.name()).collect();
        let loads: Vec<String> = self.loads.iter().map(|load| load.told()).collect();
        let seconds = self.seconds.as_secs();
        let Self { rounds, failing, warm, settled, lanes, coordinators, .. } = self;
        let apart = if self.worker_store.is_some() { "; databases apart" } else { "" };
        format!(
            "on {}; {}; {rounds} rounds of {seconds} s; {failing} % fail; {warm} warm up, {settled} \
             settled before; {lanes} lanes; {coordinators} coordinating{apart}",
            on.join(", "),
            loads.join(", "),
        )
    }

    fn take(
        &mut self,
        arg: &str,
        rest: &mut impl Iterator<Item = String>,
        given: &mut Given,
    ) -> Result<(), String> {
        let (option, inline) = match arg.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (arg, None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| rest.next()).filter(|text| !text.is_empty());
            value.ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option {
            "--on" => self.on = value()?.split(',').map(backend).collect::<Result<_, _>>()?,
            "--in-flight" => given.in_flight = Some(all(option, &value()?)?),
            "--rate" => given.rates = Some(all(option, &value()?)?),
            "--most" => self.most = Some(some(option, &value()?)?),
            "--seconds" => self.seconds = Duration::from_secs(some(option, &value()?)?),
            "--rounds" => self.rounds = some(option, &value()?)?,
            "--fail" => self.failing = percent(option, &value()?)?,
            "--warm" => self.warm = some(option, &value()?)?,
            "--settled" => self.settled = some(option, &value()?)?,
            "--lanes" => self.lanes = some(option, &value()?)?,
            "--coordinators" => self.coordinators = some(option, &value()?)?,
            "--every" => self.every = Duration::from_secs(some(option, &value()?)?),
            "--keep" => self.keep = Some(Duration::from_secs(some(option, &value()?)?)),
            "--runs" => self.runs = some(option, &value()?)?,
            "--folder" => self.folder = value()?.into(),
            "--store" => self.store = Some(value()?),
            "--worker-store" => self.worker_store = Some(value()?),
            "--broker" => self.broker = Some(value()?),
            "--json" => self.json = Some(value()?.into()),
            "--plots" => self.plots = Some(value()?.into()),
            other => return Err(format!("there is no option `{other}`; `--help` lists them")),
        }
        Ok(())
    }
}

fn backend(name: &str) -> Result<Backend, String> {
    let names = || Backend::ALL.map(Backend::name).join("`, `");
    let found = Backend::named(name);
    found.ok_or_else(|| format!("`--on` takes `{}`, and `{name}` is none of them", names()))
}

fn all<T: FromStr + Default + PartialEq>(option: &str, values: &str) -> Result<Vec<T>, String> {
    values.split(',').map(|one| some(option, one)).collect()
}

/// A number of which there must be one at least.
fn some<T: FromStr + Default + PartialEq>(option: &str, value: &str) -> Result<T, String> {
    let told = || format!("`{option}` takes whole numbers from 1, and `{value}` is none");
    let number: T = value.parse().map_err(|_| told())?;
    if number == T::default() { Err(told()) } else { Ok(number) }
}

fn percent(option: &str, value: &str) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| *number <= 100);
    number
        .ok_or_else(|| format!("`{option}` takes a whole number up to 100, and `{value}` is none"))
}

#[cfg(test)]
mod tests {
    use super::{Mode, Options};
    use crate::backend::Backend;
    use crate::load::Load;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let options = read("five --on sqlite,kafka --in-flight=1,20 --rate 200 --fail 10").unwrap();
        assert_eq!((options.mode, options.failing), (Mode::Five, 10));
        assert_eq!(options.on, [Backend::Sqlite, Backend::Kafka]);
        assert_eq!(options.loads, [Load::InFlight(1), Load::InFlight(20), Load::Rate(200)]);
        assert_eq!(read("five --rate 7").unwrap().loads, [Load::Rate(7)]);
        assert_eq!(read("five").unwrap().loads.len(), 5);
        let options = read("long --on kafka --worker-store x --keep 60 --coordinators 2").unwrap();
        assert_eq!((options.mode.clone(), options.coordinators), (Mode::Long, 2));
        assert_eq!((options.every.as_secs(), options.keep.unwrap().as_secs()), (60, 60));
        assert_eq!(read("live --runs 9").unwrap().runs, 9);
        assert_eq!(read("floor --seconds 2").unwrap().mode, Mode::Floor);
        assert_eq!(read("compare a b").unwrap().mode, Mode::Compare("a".into(), "b".into()));
        for help in ["--help", "-h", "floor --help", "five --rate 5 -h"] {
            assert_eq!(read(help).unwrap().mode, Mode::Help);
        }
    }

    #[test]
    fn wrong_options_are_named() {
        for (line, told) in [
            ("", "name a mode, as `five`; `--help` explains them"),
            ("oracle", "there is no mode `oracle`; `--help` lists them"),
            ("compare a", "`compare` takes two files that `--json` has written"),
            ("five --most", "`--most` needs a value"),
            ("five --most 0", "`--most` takes whole numbers from 1, and `0` is none"),
            ("five --in-flight 1,x", "`--in-flight` takes whole numbers from 1, and `x` is none"),
            ("five --fail 101", "`--fail` takes a whole number up to 100, and `101` is none"),
            ("five --colour", "there is no option `--colour`; `--help` lists them"),
            (
                "purchase --on textbook",
                "there is no purchase over `textbook`: leave it out, or measure `five`",
            ),
            (
                "live --on memory",
                "over `memory` nobody coordinates in a process of its own: leave it out",
            ),
            ("five --coordinators 2", "over `sqlite` one process coordinates: leave it out"),
            (
                "five --on kafka,postgres --worker-store x",
                "`--worker-store` needs `--on kafka` alone: without a Kafka all share a database",
            ),
            (
                "five --on sqlite,oracle",
                "`--on` takes `memory`, `sqlite`, `postgres`, `kafka`, `textbook`, `textbook-kafka`, and \
                 `oracle` is none of them",
            ),
        ] {
            assert_eq!(read(line).unwrap_err(), told);
        }
    }
}
