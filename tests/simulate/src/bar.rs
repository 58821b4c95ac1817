//! How far a run is: one line that is written over on a terminal, and a line now and then elsewhere.

use simulate::Progress;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;
use tokio::time::Instant;

/// How often a line is written where none can be written over.
const RARELY: Duration = Duration::from_secs(10);
/// How wide the bar is.
const WIDTH: usize = 30;

/// The bar.
pub struct Bar {
    all: u64,
    most: Duration,
    began: Instant,
    told: Duration,
    is_terminal: bool,
}

/// How long it has gone on.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Since the beginning.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

impl Bar {
    /// A bar for so many schedules, or so long.
    #[allow(clippy::disallowed_methods)] // How long it takes is nothing that is played.
    pub fn new(all: u64, most: Duration) -> Self {
        let began = Instant::now();
        Self { all, most, began, told: Duration::ZERO, is_terminal: stderr().is_terminal() }
    }

    /// The clock by which it goes.
    pub const fn clock(&self) -> Clock {
        Clock(self.began)
    }

    /// Tells how far it is, if it is time.
    pub fn tell(&mut self, now: Progress) {
        let elapsed = self.began.elapsed();
        let line = line(self.all, self.most, elapsed, now);
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K{line}");
            let _ = stderr().flush();
        } else if elapsed >= self.told + RARELY {
            self.told = elapsed;
            eprintln!("{line}");
        }
    }

    /// Takes the line away.
    pub fn end(&self) {
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// The line: of schedules or of time, whichever is further.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn line(all: u64, most: Duration, elapsed: Duration, now: Progress) -> String {
    let Progress { played, found } = now;
    let of_all = played as f64 / all.max(1) as f64;
    let of_time = elapsed.as_secs_f64() / most.as_secs_f64().max(0.001);
    let done = of_all.max(of_time).min(1.0);
    let full = (done * WIDTH as f64) as usize;
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
    let pace = played as f64 / elapsed.as_secs_f64().max(0.001);
    format!("[{bar}] {:3.0} %  {played} schedules, {pace:.0} a second, {found} found", 100.0 * done)
}

#[cfg(test)]
mod tests {
    use super::line;
    use simulate::Progress;
    use std::time::Duration;

    #[test]
    fn the_line_says_how_far_it_is_by_schedules_or_by_time() {
        let (ten, now) = (Duration::from_secs(10), Progress { played: 30, found: 1 });
        let told = line(60, ten, Duration::from_secs(1), now);
        assert_eq!(
            told,
            "[###############...............]  50 %  30 schedules, 30 a second, 1 found"
        );
        assert!(line(1_000, ten, Duration::from_secs(9), now).contains(" 90 % "));
    }
}
