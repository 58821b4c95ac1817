//! Time: the only module that reads it.
//!
//! Everything that decides is *given* the time. A lane's clock is database time, read once per batch;
//! [`Clock`] is what an embedded store asks, and what tests replace.

#[cfg(feature = "runtime")]
mod pace;

#[cfg(feature = "runtime")]
pub(crate) use pace::Pace;

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

    /// Reads RFC 3339, with any offset; what is finer than a microsecond is cut off.
    ///
    /// ```
    /// use ballet::clock::Time;
    ///
    /// assert_eq!(Time::parse("1970-01-01T01:00:00.5+01:00"), Some(Time::from_micros(500_000)));
    /// assert_eq!(Time::parse("noon"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        as_told(text).or_else(|| parsed(text)).map(Self)
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
        if !(0..=9_999).contains(&year) {
            return write!(
                f,
                "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z"
            );
        }
        // The same without what formats numbers: each message on its way has such a text, or two.
        let mut text = FORM;
        let numbers = [year, month, date, hour, minute, second, micro];
        for ((from, to), mut number) in PLACES.into_iter().zip(numbers) {
            for digit in text[from..to].iter_mut().rev() {
                *digit += u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The form in which a moment of these centuries is told, and where its numbers stand.
const FORM: [u8; 27] = *b"0000-00-00T00:00:00.000000Z";
const PLACES: [(usize, usize); 7] =
    [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 26)];

/// Reads exactly that form, and nothing that is not a moment.
fn as_told(text: &str) -> Option<i64> {
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let is_form = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    if !text.iter().zip(&FORM).all(is_form) {
        return None;
    }
    let number = |(from, to): (usize, usize)| {
        text[from..to].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let [year, month, day, hour, minute, second, micro] = PLACES.map(number);
    let is_moment = (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_moment = is_moment && hour <= 23 && minute <= 59 && second <= 60;
    let seconds = days(year, month, day) * 86_400 + (hour * 60 + minute) * 60 + second;
    is_moment.then_some(seconds * 1_000_000 + micro)
}

fn parsed(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (year, rest_of_date) = date.split_at_checked(date.len().checked_sub(6)?)?;
    let (month, day) = rest_of_date.strip_prefix('-')?.split_once('-')?;
    let (month, day) = (digits(month, 12)?, digits(day, 31)?);
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 23)?, digits(parts.next()?, 59)?);
    let second = digits(parts.next()?, 60)?;
    if parts.next().is_some() || month == 0 || day == 0 || !is_number(fraction) {
        return None;
    }
    let micro: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let year = year
        .parse()
        .ok()
        .filter(|known: &i32| year.len() >= 4 && known.unsigned_abs() < 1_000_000)?;
    let days = days(year.into(), month, day);
    let seconds = i128::from(days) * 86_400 + i128::from((hour * 60 + minute) * 60 + second)
        - i128::from(offset(zone)?);
    i64::try_from(seconds * 1_000_000 + i128::from(micro)).ok()
}

/// How many seconds a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let ahead = (digits(hours, 23)? * 60 + digits(minutes, 59)?) * 60;
    Some(if zone.starts_with('-') { -ahead } else { ahead })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of two digits, up to `most`.
fn digits(text: &str, most: i64) -> Option<i64> {
    let number = text.parse().ok().filter(|_| text.len() == 2 && is_number(text))?;
    (number <= most).then_some(number)
}

/// A date as days since the epoch, after Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
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

    #[test]
    fn a_moment_is_read_as_it_was_told() {
        for day in -800_000..800_000 {
            let moment = Time::from_micros(day * 86_400_000_000 + day * 7_919);
            assert_eq!(Time::parse(&moment.to_string()), Some(moment));
        }
        for micros in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            let moment = Time::from_micros(micros);
            assert_eq!(Time::parse(&moment.to_string()), Some(moment), "{moment}");
        }
    }

    #[test]
    fn a_moment_is_read_as_others_tell_it() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.5+01:00", 500_000),
            ("1969-12-31 22:30:00.1234567-01:30", 123_456),
            ("1972-06-30T23:59:60Z", 78_796_800_000_000),
        ] {
            assert_eq!(Time::parse(text), Some(Time::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_named_so() {
        for text in [
            "",
            "now",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.-1Z",
            "1970-01-01T00:00:00:00Z",
            "70-01-01T00:00:00Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00Zulu",
            "999999999999-01-01T00:00:00Z",
            "-2147483648-01-01T00:00:00Z",
            "99999999999999999999-01-01T00:00:00Z",
            "1970-01-0éT00:00:00Z",
            "197é-01-01T00:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
