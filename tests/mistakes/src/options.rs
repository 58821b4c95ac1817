//! What may be asked on the command line.

use crate::layers::named;
use crate::mistake::{ALL, Layer};
use std::thread::available_parallelism;

/// The help, as it is printed.
pub const HELP: &str = "\
Tells the engine to make a mistake and sees which tests notice, for every mistake that there is. A layer that does
not pass without a mistake ends it all. What was measured of all of them through all layers goes
into docs/internals/proof.md; what was asked of some of them is only printed. Beside the layers the simulation plays
its first thousand worlds with each mistake, and it is told after how many it has found something.

usage: cargo run -p mistakes -- [options]

options:
  --only NAME       this mistake; may be given several times
  --layer LAYER     this layer and no other, and no simulation: framework, conformance, decide, lane, explore or
                    stories
  --threads N       how many mistakes are tried at a time (one a core)
  --help            this

exit status: 0 if every mistake was caught; 1 if one was not, or something failed; 2 if an option is wrong.
";

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub help: bool,
    /// All if there is none.
    pub only: Vec<String>,
    pub layer: Option<Layer>,
    pub threads: usize,
}

impl Options {
    /// Reads the options; an error is one sentence that says what to do.
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = available_parallelism().map_or(1, usize::from);
        let mut options = Self { help: false, only: Vec::new(), layer: None, threads };
        while let Some(option) = args.next() {
            if option == "--help" {
                options.help = true;
                continue;
            }
            let missing = || format!("`{option}` needs a value; see --help");
            match option.as_str() {
                "--only" => options.only.push(known(args.next().ok_or_else(missing)?)?),
                "--layer" => options.layer = Some(named(&args.next().ok_or_else(missing)?)?),
                "--threads" => {
                    let threads = args.next().ok_or_else(missing)?;
                    let threads = threads.parse().ok().filter(|threads| *threads > 0);
                    options.threads = threads.ok_or("`--threads` is a number from 1 on")?;
                }
                _ => return Err(format!("there is no option `{option}`; see --help")),
            }
        }
        Ok(options)
    }

    /// Whether this mistake was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Whether every mistake goes through every layer, so that the table may be written.
    pub fn is_whole(&self) -> bool {
        self.only.is_empty() && self.layer.is_none()
    }
}

fn known(name: String) -> Result<String, String> {
    match ALL.iter().any(|row| row.name == name) {
        true => Ok(name),
        false => {
            Err(format!("there is no mistake `{name}`; they stand in framework/src/mistake.rs"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layer, Options};

    fn read(args: &str) -> Result<Options, String> {
        Options::read(args.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn some_mistakes_or_one_layer_are_not_the_whole() {
        assert!(read("--threads 3").unwrap().is_whole());
        assert!(!read("--only no-epoch --only no-edges").unwrap().is_whole());
        let one = read("--layer decide").unwrap();
        assert!(!one.is_whole());
        assert_eq!(one.layer, Some(Layer::Decide));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let told = |args| read(args).unwrap_err();
        assert!(told("--only nothing").starts_with("there is no mistake `nothing`"));
        assert!(told("--layer cellar").starts_with("there is no layer `cellar`"));
        assert_eq!(told("--threads 0"), "`--threads` is a number from 1 on");
        assert_eq!(told("--only"), "`--only` needs a value; see --help");
        assert_eq!(told("--loud"), "there is no option `--loud`; see --help");
    }
}
