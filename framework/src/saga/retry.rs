//! How long to wait before trying again.

use std::time::Duration;

/// The spacing of attempts: doubling from a first delay up to a longest one.
///
/// ```
/// use ballet::Retry;
/// use std::time::Duration;
///
/// let retry = Retry::every(Duration::from_secs(1)).up_to(Duration::from_secs(5));
/// let delays: Vec<u64> = (1..=4).map(|attempt| retry.delay(attempt).as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4, 5]);
/// assert_eq!(Retry::every(Duration::from_secs(600)).delay(1).as_secs(), 600);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retry {
    first: Duration,
    longest: Duration,
    most: Option<u32>,
}

const A_MINUTE: Duration = Duration::from_secs(60);

impl Retry {
    /// For commands: a reply is awaited for five seconds before the command is sent again.
    pub const PATIENT: Self = Self { first: Duration::from_secs(5), longest: A_MINUTE, most: None };

    /// For what runs here and faulted: a fifth of a second first, ten seconds at most.
    pub const QUICK: Self =
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(10), most: None };

    /// For compensations: after ten attempts somebody is called, and it is still tried.
    pub const COMPENSATION: Self =
        Self { first: Duration::from_secs(1), longest: A_MINUTE, most: Some(10) };

    /// First after this delay, then doubling, up to a minute; always after this delay if that is longer.
    #[must_use]
    pub const fn every(first: Duration) -> Self {
        let is_longer = first.as_secs() >= A_MINUTE.as_secs();
        Self { first, longest: if is_longer { first } else { A_MINUTE }, most: None }
    }

    /// No delay is longer than this.
    #[must_use]
    pub const fn up_to(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// No more than so many attempts before the step counts as unknown (a compensation as needing
    /// attention).
    #[must_use]
    pub const fn at_most(mut self, most: u32) -> Self {
        self.most = Some(most);
        self
    }

    /// How many attempts there may be; `None` for no bound.
    #[must_use]
    pub const fn most(&self) -> Option<u32> {
        self.most
    }

    /// Whether attempt number `attempt` (from 1) was the last one.
    #[must_use]
    pub fn is_spent(&self, attempt: u32) -> bool {
        self.most.is_some_and(|most| attempt >= most)
    }

    /// How long to wait after attempt number `attempt` (from 1).
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}
