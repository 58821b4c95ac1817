//! Deaths at chosen moments, and a broker that is away.

use ballet::memory::{Fate, Point};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A moment at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its work is done, and not committed.
    BeforeCommit,
    /// It is committed, and not published.
    AfterCommit,
    /// It is published, and nobody has marked that.
    AfterPublish,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BeforeCommit, Self::AfterCommit, Self::AfterPublish];

    const fn is(self, point: &Point) -> bool {
        match self {
            Self::BeforeCommit => matches!(point, Point::Commit(_)),
            Self::AfterCommit => matches!(point, Point::Committed(_)),
            Self::AfterPublish => matches!(point, Point::Produced(_)),
        }
    }
}

/// Who dies next, if anybody does, and whether the broker is away.
#[derive(Debug, Default)]
pub(super) struct Doom {
    sentence: Mutex<Sentence>,
    is_broker_away: AtomicBool,
}

#[derive(Debug, Default)]
struct Sentence {
    whom: &'static str,
    moment: Option<Moment>,
    /// How often the moment is let go by before it strikes.
    spared: usize,
    is_done: bool,
}

impl Doom {
    pub(super) fn set(&self, whom: &'static str, moment: Moment, spared: usize) {
        *self.sentence() = Sentence { whom, moment: Some(moment), spared, is_done: false };
    }

    pub(super) fn is_done(&self) -> bool {
        self.sentence().is_done
    }

    pub(super) fn take_broker(&self, away: bool) {
        self.is_broker_away.store(away, Ordering::SeqCst);
    }

    /// What happens to this process at this point.
    pub(super) fn strike(&self, name: &str, point: &Point) -> Fate {
        if matches!(point, Point::Produce(_)) && self.is_broker_away.load(Ordering::SeqCst) {
            return Fate::Fail;
        }
        let mut sentence = self.sentence();
        if sentence.whom != name || !sentence.moment.is_some_and(|moment| moment.is(point)) {
            return Fate::Go;
        }
        match sentence.spared.checked_sub(1) {
            Some(spared) => {
                sentence.spared = spared;
                Fate::Go
            }
            None => {
                (sentence.moment, sentence.is_done) = (None, true);
                Fate::Die
            }
        }
    }

    fn sentence(&self) -> std::sync::MutexGuard<'_, Sentence> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
