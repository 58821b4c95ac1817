//! The wire to somebody outside: a dial, and a counter of the calls.

use crate::fakes::{Outage, lock};
use serde::{Deserialize, Serialize};
use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

/// How somebody is to be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// At once.
    #[default]
    Up,
    /// Not at all.
    Down,
    /// They hang until it is turned again: as slow as a test wants.
    Slow,
}

/// The wire to an outside service.
#[derive(Debug, Default)]
pub struct Wire {
    state: Mutex<State>,
    calls: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    reach: Reach,
    /// How they are reached after so many calls more.
    then: Option<(u32, Reach)>,
    hanging: Vec<Waker>,
}

impl Wire {
    /// How they are reached from now on. Calls that hang go on, if they need not hang any more.
    pub fn turn(&self, reach: Reach) {
        self.turn_after(0, reach);
    }

    /// The same, after so many calls more that get through.
    pub fn turn_after(&self, calls: u32, reach: Reach) {
        let (now, then) =
            if calls == 0 { (reach, None) } else { (Reach::Up, Some((calls, reach))) };
        let hanging = {
            let mut state = lock(&self.state);
            (state.reach, state.then) = (now, then);
            std::mem::take(&mut state.hanging)
        };
        hanging.into_iter().for_each(Waker::wake);
    }

    /// How often somebody called, answered or not.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Gets through, or does not.
    pub(super) async fn reach(&self) -> Result<(), Outage> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.count();
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            match state.reach {
                Reach::Up => Poll::Ready(Ok(())),
                Reach::Down => Poll::Ready(Err(Outage("nobody answers"))),
                Reach::Slow => {
                    state.hanging.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// One call more: the last that gets through is followed by what was said.
    fn count(&self) {
        let mut state = lock(&self.state);
        state.then = match state.then.take() {
            Some((0, reach)) => {
                state.reach = reach;
                None
            }
            Some((left, reach)) => Some((left - 1, reach)),
            None => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, Wire};
    use crate::fakes::Outage;
    use crate::testing::at_once;
    use std::pin::pin;

    #[test]
    fn a_wire_is_up_or_down() {
        let wire = Wire::default();
        assert_eq!(at_once(wire.reach()), Some(Ok(())));
        wire.turn(Reach::Down);
        assert_eq!(at_once(wire.reach()), Some(Err(Outage("nobody answers"))));
        assert_eq!(wire.calls(), 2);
    }

    #[test]
    fn a_call_that_hangs_goes_on_when_the_wire_is_mended() {
        let wire = Wire::default();
        wire.turn(Reach::Slow);
        let mut call = pin!(wire.reach());
        assert_eq!(at_once(call.as_mut()), None);
        wire.turn(Reach::Up);
        assert_eq!(at_once(call), Some(Ok(())));
    }

    #[test]
    fn a_wire_may_let_some_calls_through_before_it_is_as_it_was_told() {
        let wire = Wire::default();
        wire.turn_after(2, Reach::Slow);
        assert_eq!([(); 3].map(|()| at_once(wire.reach())), [Some(Ok(())), Some(Ok(())), None]);
    }
}
