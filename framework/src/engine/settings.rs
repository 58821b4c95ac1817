//! The bounds of the engine, each with the reason for its number.

use crate::error::{Error, ErrorKind};
use crate::saga::Retry;
use crate::store::Kept;
use std::time::Duration;

/// Bounds and spacings of the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many things one batch takes. Beyond 500 little is gained and latency grows.
    pub batch: usize,
    /// How often inboxes are looked at for what other processes have put there, while they put nothing there.
    /// For a tenth of a second after something was found they are looked at every five milliseconds, and then ever
    /// less often. Whoever begins from processes that have no lanes, and seldom, makes it shorter.
    pub poll: Duration,
    /// How long an acknowledgement waits for the next batch before it is written alone.
    pub mark: Duration,
    /// The spacing of attempts of a message whose handler faults.
    pub retry: Retry,
    /// How often a faulting message is tried before it is given up as a dead letter.
    pub attempts: u32,
    /// The spacing of attempts of a message that waits for something that is not here yet.
    pub not_yet: Retry,
    /// When so many keys of the last 500 messages fault, and a tenth of all, the lane stops.
    pub storm: usize,
    /// When a lane was taken so often without a batch in between, something that it handles ends its
    /// process: it handles one thing at a time. What has ended the process so often is given up.
    pub crashes: u32,
    /// How many messages a lane sets aside before it takes one at a time, and that slowly if those must be
    /// set aside too.
    pub parked: usize,
    /// How old a gap may be before the edge counts as broken.
    pub gap: Duration,
    /// Deadlines do not fire while the lane is further behind than this.
    pub lag: Duration,
    /// How many calls to the outside a lane makes at a time.
    pub calls: usize,
    /// How long a single call of a saga's own method may take.
    pub call: Duration,
    /// How long to wait before a lane that was lost, or whose store fails, is taken again.
    pub again: Retry,
    /// How long things are kept.
    pub retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch: 500,
            poll: Duration::from_secs(1),
            mark: Duration::from_secs(1),
            retry: Retry::every(Duration::from_millis(200)).up_to(Duration::from_secs(10)),
            attempts: 10,
            not_yet: Retry::every(Duration::from_millis(100)).up_to(Duration::from_secs(5)),
            storm: 10,
            crashes: 3,
            parked: 10_000,
            gap: Duration::from_secs(30),
            lag: Duration::from_secs(10),
            calls: 64,
            call: Duration::from_secs(30),
            again: Retry::every(Duration::from_millis(50)).up_to(Duration::from_secs(5)),
            retention: Retention::default(),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long things are kept before they are deleted, a little at a time.
///
/// What services keep in their own tables is theirs, and never deleted by the framework.
///
/// ```
/// use ballet::{Retention, Settings};
/// use std::time::Duration;
///
/// let week = Duration::from_secs(7 * 24 * 60 * 60);
/// let settings = Settings {
///     retention: Retention { archive: week, ..Retention::default() },
///     ..Settings::default()
/// };
/// # assert_eq!(settings.retention.archive, week);
/// ```
#[derive(Debug, Clone)]
pub struct Retention {
    /// Messages of an embedded log that every group has read: 7 days. A view that is folded from the
    /// beginning begins here; of compacted topics the newest message of each key is kept for ever.
    pub log: Duration,
    /// Messages of an embedded log that a group has not read: 30 days. A group that was away for longer
    /// is told loudly what it has missed.
    pub unread: Duration,
    /// Batches that have reached a broker of its own: one day, so that they can be sent again by hand.
    pub outbox: Duration,
    /// Runs that have ended: 30 days. So long an id that was used for a run begins no other.
    pub archive: Duration,
    /// What participants and reactors remember of commands, reactions, waits and requests: 90 days since
    /// it was written last. It must outlive every run that may still take something back.
    pub barriers: Duration,
    /// Ids of foreign messages: 14 days. A foreign message that is older is refused, for nobody knows
    /// any more whether it was taken before.
    pub seen: Duration,
    /// Messages that were given up: 90 days.
    pub dead_letters: Duration,
    /// How often what is old is looked for.
    pub every: Duration,
    /// How many things one step looks at; the writer is held up no longer than that takes.
    pub step: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            log: 7 * DAY,
            unread: 30 * DAY,
            outbox: DAY,
            archive: 30 * DAY,
            barriers: 90 * DAY,
            seen: 14 * DAY,
            dead_letters: 90 * DAY,
            every: Duration::from_secs(60),
            step: 500,
        }
    }
}

impl Retention {
    /// How old things of a kind become.
    pub(crate) const fn of(&self, kind: Kept) -> Duration {
        match kind {
            Kept::Log => self.log,
            Kept::Unread => self.unread,
            Kept::Outbox => self.outbox,
            Kept::Archive => self.archive,
            Kept::Barriers => self.barriers,
            Kept::Seen => self.seen,
            Kept::DeadLetters => self.dead_letters,
        }
    }

    /// The same [`check`](Self::check) for a topic of which the broker says how long it is kept.
    pub(crate) fn check_kept(
        &self,
        topic: &str,
        kept: Duration,
        longest: Option<&(Duration, String)>,
    ) -> Result<(), Error> {
        let kept = Self { log: kept, unread: self.unread.max(kept), ..self.clone() };
        kept.check(longest).map_err(|told| {
            Error::new(ErrorKind::Definition, format!("topic `{topic}` is kept too long: {told}"))
        })
    }

    /// Refuses ages under which something would be forgotten that is still needed; `longest` is the
    /// longest that anything waits, and what that is (H9, H28).
    pub(crate) fn check(&self, longest: Option<&(Duration, String)>) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::new(ErrorKind::Definition, text));
        if self.unread < self.log || self.seen < self.log {
            let (log, unread, seen) = (self.log, self.unread, self.seen);
            return refuse(format!(
                "messages are kept for {log:?}, unread ones for {unread:?} and foreign ids for \
                 {seen:?}: keep the latter two for as long at least"
            ));
        }
        match longest {
            Some((wait, what)) if self.barriers < self.log + *wait => {
                let (barriers, log) = (self.barriers, self.log);
                refuse(format!(
                    "{what} waits up to {wait:?} and messages are kept for {log:?}, but barriers only \
                     for {barriers:?}: keep them for the sum of both"
                ))
            }
            _ => Ok(()),
        }
    }
}
