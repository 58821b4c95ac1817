//! How everybody answers: drawn from the seed and from what is asked, so that it is the same however often
//! and whenever it is asked.

use super::outside::{Outside, Side};
use crate::dice;
use ballet::clock::{Clock, RuntimeClock, Time};
use ballet::{Fault, Refusal, StepError, refuse};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// How somebody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Yes.
    Yes,
    /// No.
    No,
    /// It faults for a while.
    Faults(Duration),
    /// It takes effect, and faults for a while all the same.
    Cut(Duration),
    /// It waits for something that comes after a while.
    NotYet(Duration),
    /// It never answers as long as anything goes wrong.
    Never,
}

struct Sky {
    seed: u64,
    start: Time,
    clock: RuntimeClock,
    /// How far the clock of the database is off, in milliseconds.
    skew: AtomicI64,
    is_calm: AtomicBool,
    outside: Outside,
}

/// The weather of a world.
#[derive(Clone)]
pub struct Weather(Arc<Sky>);

impl std::fmt::Debug for Weather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the weather of seed {}", self.0.seed)
    }
}

/// The clock of the database.
impl Clock for Weather {
    fn now(&self) -> Time {
        let skew = self.0.skew.load(Ordering::SeqCst);
        let far = Duration::from_millis(skew.unsigned_abs());
        let now = self.0.clock.now();
        if skew < 0 { now.before(far) } else { now.after(far) }
    }
}

impl Weather {
    /// The weather of a seed. Must be made inside a runtime.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let start = Time::from_micros(1_700_000_000_000_000);
        let clock = RuntimeClock::starting_at(start);
        let (skew, is_calm) = (AtomicI64::new(0), AtomicBool::new(false));
        Self(Arc::new(Sky { seed, start, clock, skew, is_calm, outside: Outside::default() }))
    }

    /// How long it has lasted, by a clock that is right.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.clock.now().since(self.0.start)
    }

    /// From now on the clock of the database is off by so many milliseconds.
    pub fn skew(&self, millis: i64) {
        self.0.skew.store(millis, Ordering::SeqCst);
    }

    /// From now on everybody answers, though not always yes.
    pub fn calm(&self) {
        self.0.is_calm.store(true, Ordering::SeqCst);
    }

    fn is_calm(&self) -> bool {
        self.0.is_calm.load(Ordering::SeqCst)
    }

    /// The world outside.
    #[must_use]
    pub fn outside(&self) -> &Outside {
        &self.0.outside
    }

    /// How this is met at this moment.
    #[must_use]
    pub fn mood(&self, what: &str) -> Mood {
        let mut dice = dice::about(self.0.seed, what);
        let mut while_ = || Duration::from_millis(dice.roll(12_000));
        let mood = match while_().as_millis() % 24 {
            0..=2 => Mood::No,
            3..=5 => Mood::Faults(while_()),
            6..=7 => Mood::Cut(while_()),
            8..=9 => Mood::NotYet(while_()),
            10 => Mood::Never,
            _ => Mood::Yes,
        };
        match mood {
            Mood::Faults(long) | Mood::Cut(long) | Mood::NotYet(long)
                if self.is_calm() || self.elapsed() >= long =>
            {
                Mood::Yes
            }
            Mood::Never if self.is_calm() => Mood::Yes,
            mood => mood,
        }
    }

    /// Whether a step of a run that may leave it out is needed.
    #[must_use]
    pub fn needs(&self, what: &str) -> bool {
        !dice::about(self.0.seed, &format!("{what}?")).one_in(3)
    }

    /// What somebody says who may say no. `sure`: only until it is calm.
    ///
    /// # Errors
    ///
    /// A refusal or a fault, as drawn.
    pub fn ask(&self, what: &str, sure: bool) -> Result<(), StepError> {
        match self.mood(what) {
            Mood::No if !(sure && self.is_calm()) => Err(refuse("no", what)),
            Mood::Yes | Mood::No => Ok(()),
            mood => self.fault(mood).map_err(StepError::from),
        }
    }

    /// What somebody says who never says no.
    ///
    /// # Errors
    ///
    /// A fault, as drawn.
    pub fn tell(&self, what: &str) -> Result<(), Fault> {
        self.fault(self.mood(what))
    }

    #[allow(clippy::unused_self)]
    fn fault(&self, mood: Mood) -> Result<(), Fault> {
        match mood {
            Mood::Yes | Mood::No => Ok(()),
            Mood::Faults(_) | Mood::Cut(_) => Err(Fault::new("not in the mood")),
            Mood::NotYet(_) | Mood::Never => Err(Fault::not_yet("something is missing")),
        }
    }

    /// Does something outside, under a key, for a step of a run; may be slow or cut.
    ///
    /// # Errors
    ///
    /// A fault, as drawn: also after the effect.
    pub async fn book(&self, key: &str, pair: &str, side: Side) -> Result<(), Fault> {
        let mut dice = dice::about(self.0.seed, key);
        if !self.is_calm() && dice.one_in(5) {
            ballet::clock::rest(Duration::from_millis(dice.roll(4_000))).await;
        }
        let mood = self.mood(key);
        if matches!(mood, Mood::Faults(_) | Mood::NotYet(_) | Mood::Never) {
            return Err(Fault::new("the line is dead"));
        }
        self.0.outside.book(key, pair, side);
        match mood {
            Mood::Cut(_) => Err(Fault::new("the line was cut")),
            _ => Ok(()),
        }
    }

    /// The refusal of something outside, if it is drawn.
    #[must_use]
    pub fn refusal(&self, what: &str) -> Option<Refusal> {
        (self.mood(what) == Mood::No).then(|| Refusal::new("no", what.to_owned()))
    }
}
