//! What the command line may say.

use crate::args::Args;
use crate::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How the program is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file that everything is in.
    pub store: PathBuf,
    /// How many orders may be under way before no more are let in.
    pub in_flight: usize,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run.
    Run(Options),
    /// To be told what may be asked for.
    Help,
}

/// As many as one file takes up in a few seconds.
const IN_FLIGHT: usize = 1_000;

impl Options {
    /// Reads the command line of the program of this name.
    ///
    /// # Errors
    ///
    /// A sentence about the first thing that cannot be used.
    pub fn read(name: &str, args: impl IntoIterator<Item = String>) -> Result<Asked, String> {
        let mut read = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            store: PathBuf::from(format!("{name}.db")),
            in_flight: IN_FLIGHT,
        };
        let mut args = Args::new(args);
        while let Some(option) = args.option() {
            match option.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--listen" => read.listen = listen(&args.value()?)?,
                "--store" => read.store = PathBuf::from(args.value()?),
                "--in-flight" => read.in_flight = in_flight(&args.value()?)?,
                _ => return Err(args.unknown()),
            }
        }
        Ok(Asked::Run(read))
    }

    /// What may be asked for.
    #[must_use]
    pub fn help(name: &str) -> String {
        format!(
            "Serves the shop over HTTP, on one SQLite file.\n\n\
             usage: {name} [--listen ADDRESS:PORT] [--store FILE] [--in-flight ORDERS]\n\n  \
             --listen     where to listen            127.0.0.1:8080\n  \
             --store      the file                   {name}.db\n  \
             --in-flight  orders under way at most   {IN_FLIGHT}\n\n\
             Deadlines and limits of the shop are set by variables of the environment:\n\n{}",
            Settings::help()
        )
    }
}

fn listen(value: &str) -> Result<SocketAddr, String> {
    let must = |_| format!("--listen is `{value}`: give an address and a port, as 127.0.0.1:8080");
    value.parse().map_err(must)
}

fn in_flight(value: &str) -> Result<usize, String> {
    let must = || format!("--in-flight is `{value}`: give a whole number, 1 or more");
    value.parse().ok().filter(|number| *number > 0).ok_or_else(must)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Options};

    fn read(text: &str) -> Result<Asked, String> {
        Options::read("shop", text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let Ok(Asked::Run(usual)) = read("") else { panic!("it runs") };
        assert_eq!(usual.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(usual.store.to_str(), Some("shop.db"));
        let Ok(Asked::Run(set)) = read("--listen=127.0.0.1:0 --in-flight 7 --store a.db") else {
            panic!("it runs")
        };
        assert_eq!((set.listen.port(), set.in_flight), (0, 7));
        assert_eq!(read("--store a.db --help"), Ok(Asked::Help));
    }

    #[test]
    fn what_cannot_be_used_is_told_in_a_sentence() {
        for (text, why) in [
            ("--port 80", "there is no option `--port`; `--help` lists them"),
            ("--store", "`--store` needs a value"),
            ("--store=", "`--store` needs a value"),
            ("--listen 8080", "--listen is `8080`: give an address and a port, as 127.0.0.1:8080"),
            ("--in-flight 0", "--in-flight is `0`: give a whole number, 1 or more"),
        ] {
            assert_eq!(read(text), Err(why.to_owned()));
        }
    }
}
