//! How often to look at what nobody tells of: what other processes write.

use crate::clock::Stopwatch;
use std::time::Duration;

/// A look may take so much of the time, as one part of so many.
const PART: u32 = 10;

/// After a look that took longer than that allows, the next one comes after so long all the same: on a machine that is
/// used up everything takes long, and whoever waits for something would be told of it last.
const LONGEST: Duration = Duration::from_millis(200);

/// How long to wait between looks: shortly while there is news, and then ever longer.
#[derive(Debug)]
pub(crate) struct Pace {
    least: Duration,
    most: Duration,
    /// For so long after news more of them are expected.
    expected: Duration,
    wait: Duration,
    /// How long the last look took.
    took: Duration,
    /// When there was last something new.
    news: Option<Stopwatch>,
}

impl Pace {
    /// At least and at most so long; and as shortly as can be for so long after news.
    pub(crate) const fn new(least: Duration, most: Duration, expected: Duration) -> Self {
        Self { least, most, expected, wait: least, took: Duration::ZERO, news: None }
    }

    /// After a look that took so long, and may have found something new: how long to wait.
    pub(crate) fn next(&mut self, is_news: bool, took: Duration) -> Duration {
        if is_news {
            self.news = Some(Stopwatch::start());
        }
        let is_brisk = self.news.as_ref().is_some_and(|news| news.elapsed() < self.expected);
        self.wait = if is_brisk { self.least } else { (self.wait * 2).min(self.most) };
        self.took = took;
        self.bounded()
    }

    /// There is something else to look for from now on: how long to wait.
    pub(crate) fn hurry(&mut self) -> Duration {
        self.wait = self.least;
        self.bounded()
    }

    fn bounded(&self) -> Duration {
        self.wait.max((self.took * PART).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const fn pace() -> Pace {
        Pace::new(ms(5), ms(30), ms(60_000))
    }

    #[test]
    fn who_finds_nothing_looks_ever_less_often_and_who_is_hurried_at_once() {
        let mut pace = pace();
        let waits: Vec<_> = (0..4).map(|_| pace.next(false, ms(0))).collect();
        assert_eq!(waits, [ms(10), ms(20), ms(30), ms(30)]);
        assert_eq!(pace.hurry(), ms(5));
        assert_eq!(pace.next(false, ms(0)), ms(10));
    }

    #[test]
    fn after_news_more_are_expected() {
        let mut pace = pace();
        assert_eq!(pace.next(true, ms(0)), ms(5));
        assert_eq!(pace.next(false, ms(0)), ms(5));
    }

    #[test]
    fn a_look_takes_a_tenth_of_the_time() {
        let mut pace = pace();
        assert_eq!(pace.next(true, ms(7)), ms(70));
        assert_eq!(pace.hurry(), ms(70));
    }

    #[test]
    fn after_a_look_that_hung_the_next_one_comes_soon_all_the_same() {
        assert_eq!(pace().next(true, ms(30_000)), ms(200));
    }
}
