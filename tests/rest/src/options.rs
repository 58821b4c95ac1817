//! What may be asked on the command line.

use shop::args::Args;
use std::path::PathBuf;
use std::str::FromStr;

/// The help, as it is printed.
pub const HELP: &str = "\
Buys iPads in three ways: by services that call each other over HTTP while the customer waits (rest),
and by both examples. Times are those of this machine at this moment, all else on it included.

usage: cargo run -p rest --release -- [options]

  --purchases N    how many are bought one after the other, to be timed (300)
  --while-away N   how many are bought while Customers is away, and then while Shipping is (20)
  --draws N        how many are bought while services come and go (1000)
  --away PERCENT   in how many of a hundred of those each of three services is away, 0 to 100 (1)
  --lookups N      how many addresses are looked up (2000)
  --seed S         the seed that those who are away are drawn from (1); each round has the next one
  --rounds R       how often all is repeated, one after the other (3)
  --folder DIR     where the files go, on a disk and not in memory (the folder for temporary files)
  --json FILE      where the figures go as JSON as well
  --help           this

exit status: 0 if all is well; 1 if something failed; 2 if an option is wrong.
";

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub is_help: bool,
    pub purchases: usize,
    pub while_away: usize,
    pub draws: usize,
    /// Per cent.
    pub away: u64,
    pub lookups: usize,
    pub seed: u64,
    pub rounds: u64,
    pub folder: PathBuf,
    pub json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            is_help: false,
            purchases: 300,
            while_away: 20,
            draws: 1_000,
            away: 1,
            lookups: 2_000,
            seed: 1,
            rounds: 3,
            folder: std::env::temp_dir(),
            json: None,
        }
    }
}

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut options, mut args) = (Self::default(), Args::new(args));
        while let Some(option) = args.option() {
            match option.as_str() {
                "--help" | "-h" => return Ok(Self { is_help: true, ..options }),
                "--purchases" => options.purchases = some(&option, args.number()?)?,
                "--while-away" => options.while_away = some(&option, args.number()?)?,
                "--draws" => options.draws = some(&option, args.number()?)?,
                "--away" => options.away = percent(args.number()?)?,
                "--lookups" => options.lookups = some(&option, args.number()?)?,
                "--seed" => options.seed = args.number()?,
                "--rounds" => options.rounds = some(&option, args.number()?)?,
                "--folder" => options.folder = args.value()?.into(),
                "--json" => options.json = Some(args.value()?.into()),
                _ => return Err(args.unknown()),
            }
        }
        Ok(options)
    }
}

/// A number of which there must be one at least.
fn some<T: FromStr + Default + PartialEq>(option: &str, number: T) -> Result<T, String> {
    match number == T::default() {
        true => Err(format!("`{option}` takes 1 or more")),
        false => Ok(number),
    }
}

fn percent(number: u64) -> Result<u64, String> {
    match number {
        0..=100 => Ok(number),
        more => Err(format!("`--away` takes 0 to 100, not `{more}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_wrong_option_is_told_in_one_sentence() {
        let options = read("--purchases 7 --away=0 --seed 3").unwrap();
        assert_eq!((options.purchases, options.away, options.seed), (7, 0, 3));
        assert!(read("--seed 3 --help").unwrap().is_help);
        for (line, told) in [
            ("--draws", "`--draws` needs a value"),
            ("--draws 0", "`--draws` takes 1 or more"),
            ("--rounds many", "`--rounds` takes a whole number, and `many` is none"),
            ("--away 101", "`--away` takes 0 to 100, not `101`"),
            ("--colour", "there is no option `--colour`; `--help` lists them"),
        ] {
            assert_eq!(read(line).unwrap_err(), told);
        }
    }
}
