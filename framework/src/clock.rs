//! Time: the only module that reads it.
//!
//! Everything that decides is *given* the time. A lane's clock is database time, read once per batch;
//! [`Clock`] is what an embedded store asks, and what tests replace.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A moment: microseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The moment so many microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment and a while; the far future if that cannot be told.
    #[must_use]
    pub fn after(self, while_: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment less a while; the far past if that cannot be told.
    #[must_use]
    pub fn before(self, while_: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, to the microsecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, rest) = (self.0.div_euclid(86_400_000_000), self.0.rem_euclid(86_400_000_000));
        let (year, month, date) = civil(day);
        let (second, micro) = (rest / 1_000_000, rest % 1_000_000);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
    }
}

/// Days since the epoch as a date, after Howard Hinnant's `civil_from_days`.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Time;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // The one place that may.
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Time::default().after(since.unwrap_or_default())
    }
}

#[cfg(feature = "runtime")]
mod waiting {
    use super::{Clock, Time};
    use std::time::Duration;

    /// Waits for a while, in the time of the runtime (which tests make virtual).
    #[allow(clippy::disallowed_methods)] // The one place that may.
    pub async fn rest(for_: Duration) {
        tokio::time::sleep(for_).await;
    }

    /// Measures how long something takes, in the time of the runtime.
    #[derive(Debug, Clone, Copy)]
    pub struct Stopwatch(tokio::time::Instant);

    impl Stopwatch {
        /// Starts.
        #[must_use]
        pub fn start() -> Self {
            Self(tokio::time::Instant::now())
        }

        /// How long it has run.
        #[must_use]
        pub fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }
    }

    /// A clock that runs with the runtime's time, so that it stands still and leaps with it in tests.
    #[derive(Debug, Clone)]
    pub struct RuntimeClock {
        base: Time,
        started: tokio::time::Instant,
    }

    impl RuntimeClock {
        /// A clock that says `base` now. Must be made inside a runtime.
        #[must_use]
        pub fn starting_at(base: Time) -> Self {
            Self { base, started: tokio::time::Instant::now() }
        }
    }

    impl Clock for RuntimeClock {
        fn now(&self) -> Time {
            self.base.after(self.started.elapsed())
        }
    }
}

#[cfg(feature = "runtime")]
pub use waiting::{RuntimeClock, Stopwatch, rest};

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn a_moment_is_told_as_rfc_3339() {
        assert_eq!(Time::from_micros(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            Time::from_micros(1_709_210_096_000_007).to_string(),
            "2024-02-29T12:34:56.000007Z"
        );
        assert_eq!(Time::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }
}
