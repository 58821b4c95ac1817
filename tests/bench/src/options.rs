//! What may be asked on the command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The help, as it is printed.
pub const HELP: &str = "\
Measures what a saga of five steps costs: each step is a command, an effect and a reply. Effects are
checked after every run. Times are those of this machine at this moment, all else on it included.

usage: cargo run -p bench --release -- MODE [options]

modes:
  sqlite            the embedded pair: everything in one process, over one SQLite file
  kafka             coordinator and worker in one process, over a schema each in a Postgres, and a Kafka;
                    built with `--features servers`
  floor             what this disk and its SQLite can do, so that ratios can be told

options:
  --sagas N         how many sagas a run does at most (20000)
  --seconds S       how long a run lasts at most (10)
  --in-flight N,..  how many sagas are under way at a time: a run for each (1,8,64,512,2000)
  --lanes L         how many lanes each group has (2)
  --rounds R        how often all runs are repeated, one after the other (3)
  --folder DIR      where the files go, on a disk and not in memory (the folder for temporary files)
  --store URL       the Postgres of `kafka`, as an owner who may make schemas; and with it
  --broker URL      the Kafka, as kafka://host:port (without both: some in containers); topics of the
                    measured saga are deleted there
  --json FILE       where the figures go as JSON as well
  --help            this

exit status: 0 if all is well; 1 if an effect is missing or too many, or something failed; 2 if an
option is wrong.
";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Sqlite,
    Kafka,
    Floor,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `None` if only help is wanted.
    pub mode: Option<Mode>,
    pub sagas: u64,
    pub seconds: Duration,
    pub in_flight: Vec<usize>,
    pub lanes: u32,
    pub rounds: usize,
    pub folder: PathBuf,
    pub json: Option<PathBuf>,
    /// The servers of `kafka`: both are there, or neither.
    pub store: Option<String>,
    pub broker: Option<String>,
}

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            mode: None,
            sagas: 20_000,
            seconds: Duration::from_secs(10),
            in_flight: vec![1, 8, 64, 512, 2_000],
            lanes: 2,
            rounds: 3,
            folder: std::env::temp_dir(),
            json: None,
            store: None,
            broker: None,
        };
        options.mode = match args.next().as_deref() {
            Some("sqlite") => Some(Mode::Sqlite),
            Some("kafka") => Some(Mode::Kafka),
            Some("floor") => Some(Mode::Floor),
            Some("--help" | "-h") => return Ok(options),
            Some(other) => return Err(format!("there is no mode `{other}`; `--help` lists them")),
            None => {
                return Err(
                    "name a mode: `sqlite`, `kafka` or `floor`; `--help` explains them".into()
                );
            }
        };
        while let Some(arg) = args.next() {
            if matches!(arg.as_str(), "--help" | "-h") {
                return Ok(Self { mode: None, ..options });
            }
            options.take(&arg, &mut args)?;
        }
        if options.store.is_some() != options.broker.is_some() {
            return Err("`--store` and `--broker` belong together: give both, or neither".into());
        }
        Ok(options)
    }

    fn take(&mut self, arg: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (option, inline) = match arg.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (arg, None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| rest.next()).filter(|text| !text.is_empty());
            value.ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option {
            "--sagas" => self.sagas = some(option, &value()?)?,
            "--seconds" => self.seconds = Duration::from_secs(some(option, &value()?)?),
            "--in-flight" => {
                let levels = value()?;
                self.in_flight =
                    levels.split(',').map(|one| some(option, one)).collect::<Result<_, _>>()?;
            }
            "--lanes" => self.lanes = some(option, &value()?)?,
            "--rounds" => self.rounds = some(option, &value()?)?,
            "--folder" => self.folder = value()?.into(),
            "--store" => self.store = Some(value()?),
            "--broker" => self.broker = Some(value()?),
            "--json" => self.json = Some(value()?.into()),
            other => return Err(format!("there is no option `{other}`; `--help` lists them")),
        }
        Ok(())
    }
}

/// A number of which there must be one at least.
fn some<T: FromStr + Default + PartialEq>(option: &str, value: &str) -> Result<T, String> {
    let told = || format!("`{option}` takes whole numbers from 1, and `{value}` is none");
    let number: T = value.parse().map_err(|_| told())?;
    if number == T::default() { Err(told()) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Options};

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let options = read("sqlite --sagas 7 --in-flight=1,20 --lanes 4").unwrap();
        assert_eq!((options.mode, options.sagas, options.lanes), (Some(Mode::Sqlite), 7, 4));
        assert_eq!(options.in_flight, [1, 20]);
        assert_eq!(read("floor").unwrap().mode, Some(Mode::Floor));
        assert_eq!(read("floor --help").unwrap().mode, None);
        assert_eq!(read("--help").unwrap().mode, None);
        for (line, told) in [
            ("", "name a mode: `sqlite`, `kafka` or `floor`; `--help` explains them"),
            (
                "kafka --broker kafka://h:1",
                "`--store` and `--broker` belong together: give both, or neither",
            ),
            ("oracle", "there is no mode `oracle`; `--help` lists them"),
            ("sqlite --sagas", "`--sagas` needs a value"),
            ("sqlite --sagas 0", "`--sagas` takes whole numbers from 1, and `0` is none"),
            ("sqlite --in-flight 1,x", "`--in-flight` takes whole numbers from 1, and `x` is none"),
            ("sqlite --colour", "there is no option `--colour`; `--help` lists them"),
        ] {
            assert_eq!(read(line).unwrap_err(), told);
        }
    }
}
