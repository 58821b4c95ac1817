//! What was asked for: who dies or freezes, where, and how often they are spared before that.

use crate::point::Point;
use ballet::clock::Stopwatch;
use rustix::process::{Signal, getpid, kill_process};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// The variable that says where a process dies.
pub const DIES_AT: &str = "BALLET_DIES_AT";
/// The variable that says where it freezes.
pub const FREEZES_AT: &str = "BALLET_FREEZES_AT";

/// A service, a point that it comes to, and how often it passes it before: `orders:committed:3`. Without a
/// number it never passes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    service: String,
    point: Point,
    spared: usize,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.trim().splitn(3, ':');
        let service = parts.next().filter(|name| !name.is_empty());
        let (Some(service), Some(point)) = (service, parts.next()) else {
            return Err(format!("`{text}` is not like `orders:committed:3`"));
        };
        let spared = parts.next().map_or(Ok(0), str::parse);
        let spared = spared.map_err(|_| format!("`{text}` ends in no number"))?;
        Ok(Self { service: service.to_owned(), point: point.parse()?, spared })
    }
}

/// What a process does at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Dies,
    Freezes,
}

impl End {
    /// It does it, here and now, as whoever sends a signal from outside makes it do it.
    fn come(self) {
        let signal = match self {
            Self::Dies => Signal::KILL,
            Self::Freezes => Signal::STOP,
        };
        kill_process(getpid(), signal).expect("a process may send signals to itself");
        if self == Self::Freezes {
            stand_still();
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Dies => "dies",
            Self::Freezes => "freezes",
        }
    }
}

/// Does nothing until the process was stopped, and goes on again. Which of its threads is told first to stop
/// is the system's choice, and this one could do what it must not do any more before it hears of it.
fn stand_still() {
    let (beat, most) = (Duration::from_millis(10), Duration::from_secs(5));
    let (since, mut last) = (Stopwatch::start(), Stopwatch::start());
    while last.elapsed() < 100 * beat && since.elapsed() < most {
        last = Stopwatch::start();
        sleep(beat);
    }
}

/// Where it is written down what is asked for.
#[derive(Debug)]
enum Source {
    /// From the beginning.
    Fixed(Asked),
    /// In a file, as soon as it is there. What is in it is asked for once: the file goes first.
    File(PathBuf),
}

/// What becomes of a process.
#[derive(Debug)]
pub struct Fate {
    end: End,
    source: Source,
    /// What is asked for, and how often it was spared.
    spared: Mutex<Option<(Asked, usize)>>,
}

impl Fate {
    /// What the environment of a process asks for: `orders:committed:3`, or `@` and a file in which that
    /// will stand.
    ///
    /// # Errors
    ///
    /// That it cannot be read.
    pub fn of_this_process(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for (name, end) in [(DIES_AT, End::Dies), (FREEZES_AT, End::Freezes)] {
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else { continue };
            let source = match text.strip_prefix('@') {
                Some(file) => Source::File(file.into()),
                None => Source::Fixed(text.parse().map_err(|why| format!("{name}: {why}"))?),
            };
            all.push(Self { end, source, spared: Mutex::default() });
        }
        Ok(all)
    }

    /// A service passes a point, or the process ends there.
    pub(crate) fn pass(&self, service: &str, point: Point) {
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = self.asked() else { return *spared = None };
        let times = match &mut *spared {
            Some((known, times)) if *known == asked => times,
            other => &mut other.insert((asked.clone(), 0)).1,
        };
        if asked.service != service || asked.point != point {
            return;
        }
        if *times < asked.spared {
            *times += 1;
            return;
        }
        if !self.is_the_last_time() {
            return;
        }
        eprintln!("{service} {} at {point}, spared {}", self.end.word(), asked.spared);
        self.end.come();
        *spared = None;
    }

    fn asked(&self) -> Option<Asked> {
        match &self.source {
            Source::Fixed(asked) => Some(asked.clone()),
            Source::File(file) => read(file),
        }
    }

    /// Whoever comes after this life, or wakes up, is not asked again.
    fn is_the_last_time(&self) -> bool {
        match &self.source {
            Source::Fixed(_) => true,
            Source::File(file) => std::fs::remove_file(file).is_ok(),
        }
    }
}

/// A test writes the file at once or not at all, so what is in it is whole.
fn read(file: &Path) -> Option<Asked> {
    let text = std::fs::read_to_string(file).ok()?;
    match text.parse() {
        Ok(asked) => Some(asked),
        Err(why) => panic!("{}: {why}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, DIES_AT, Fate};
    use crate::point::Point;

    #[test]
    fn what_is_asked_for_is_a_service_a_point_and_a_number() {
        let asked = |spared| Asked { service: "orders".into(), point: Point::Committed, spared };
        assert_eq!("orders:committed:3".parse(), Ok(asked(3)));
        assert_eq!("orders:committed\n".parse(), Ok(asked(0)));
        for wrong in ["", "orders", ":committed", "orders:nowhere", "orders:committed:often"] {
            assert!(wrong.parse::<Asked>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_process_of_which_nothing_is_asked_has_no_fate() {
        assert!(Fate::of_this_process(|_| None).unwrap().is_empty());
        assert!(Fate::of_this_process(|_| Some(String::new())).unwrap().is_empty());
        let wrong = |name: &str| (name == DIES_AT).then(|| "orders".to_owned());
        assert!(Fate::of_this_process(wrong).unwrap_err().starts_with("BALLET_DIES_AT: `orders`"));
    }
}
