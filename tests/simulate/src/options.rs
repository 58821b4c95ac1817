//! What may be asked on the command line.

use simulate::Scenario;
use std::ops::Range;
use std::time::Duration;

/// The help, as it is printed.
pub const HELP: &str = "\
Plays worlds that are drawn from seeds, in virtual time, with everything that may go wrong in them, and checks
what came of it. The same seed plays the same world. What is found is made smaller, and told with one line that
plays it again.

usage: cargo run -p simulate --release -- [options]

options:
  --seeds A..B      plays these seeds (0..100000)
  --minutes M       stops after so many minutes, if seeds are left (10)
  --replay LINE     plays one scenario, tells what is in it and what was found
  --help            this

exit status: 0 if nothing was found; 1 if something was, or if a run of 10000 schedules or more has not met
everything that it must; 2 if an option is wrong.
";

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Help is wanted.
    Help,
    /// One scenario.
    Replay(Box<Scenario>),
    /// Many seeds.
    Play { seeds: Range<u64>, most: Duration },
}

impl Asked {
    /// Reads what was asked.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let (mut seeds, mut most) = (0..100_000, Duration::from_secs(600));
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--replay" => return Ok(Self::Replay(Box::new(value()?.parse()?))),
                "--seeds" => seeds = range(&value()?)?,
                "--minutes" => most = minutes(&value()?)?,
                _ => return Err(format!("`{word}` is no option; `--help` names them")),
            }
        }
        Ok(Self::Play { seeds, most })
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let told = || format!("`{text}` is no range of seeds, as 0..1000");
    let (from, to) = text.split_once("..").ok_or_else(told)?;
    let seeds = from.parse().map_err(|_| told())?..to.parse().map_err(|_| told())?;
    if seeds.is_empty() { Err(told()) } else { Ok(seeds) }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| *minutes > 0.0);
    let told = || format!("`{text}` is no number of minutes");
    minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok()).ok_or_else(told)
}

#[cfg(test)]
mod tests {
    use super::Asked;
    use std::time::Duration;

    fn read(line: &str) -> Result<Asked, String> {
        Asked::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_asked_is_read() {
        let most = Duration::from_secs(30);
        assert_eq!(read("--seeds 3..9 --minutes 0.5"), Ok(Asked::Play { seeds: 3..9, most }));
        assert_eq!(read("--help"), Ok(Asked::Help));
        let scenario = Box::new("7/h1".parse().expect("a line"));
        assert_eq!(read("--replay 7/h1"), Ok(Asked::Replay(scenario)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for line in
            ["--seeds", "--seeds 3", "--seeds 9..3", "--minutes x", "--seed 3", "--replay x"]
        {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
