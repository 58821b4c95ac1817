//! The wire to somebody outside: a dial, and a counter of the calls.

use crate::fakes::{Outage, lock};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
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
    listener: OnceLock<Listener>,
}

/// What somebody passes who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// They are about to.
    Call,
    /// What they asked for was done, or not, and they are about to be told.
    Called,
}

struct Listener(Box<dyn Fn(Passing) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody")
    }
}

/// A call that got through. It ends when this is dropped.
pub(super) struct Reached<'w>(&'w Wire);

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        self.0.tell(Passing::Called);
    }
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

    /// From now on this one is told of every call; the first who asks for it.
    pub fn listen(&self, listener: impl Fn(Passing) + Send + Sync + 'static) {
        let _ = self.listener.set(Listener(Box::new(listener)));
    }

    fn tell(&self, passing: Passing) {
        if let Some(Listener(listener)) = self.listener.get() {
            listener(passing);
        }
    }

    /// Gets through, or does not.
    pub(super) async fn reach(&self) -> Result<Reached<'_>, Outage> {
        self.tell(Passing::Call);
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
        .map(|()| Reached(self))
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
    use super::{Passing, Reach, Wire};
    use crate::fakes::{Outage, World};
    use crate::testing::at_once;
    use std::pin::pin;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_wire_is_up_or_down() {
        let wire = Wire::default();
        assert!(at_once(wire.reach()).unwrap().is_ok());
        wire.turn(Reach::Down);
        assert_eq!(at_once(wire.reach()).unwrap().err(), Some(Outage("nobody answers")));
        assert_eq!(wire.calls(), 2);
    }

    #[test]
    fn a_call_that_hangs_goes_on_when_the_wire_is_mended() {
        let wire = Wire::default();
        wire.turn(Reach::Slow);
        let mut call = pin!(wire.reach());
        assert!(at_once(call.as_mut()).is_none());
        wire.turn(Reach::Up);
        assert!(at_once(call).unwrap().is_ok());
    }

    #[test]
    fn a_wire_may_let_some_calls_through_before_it_is_as_it_was_told() {
        let wire = Wire::default();
        wire.turn_after(2, Reach::Slow);
        let through = [(); 3].map(|()| at_once(wire.reach()).map(|reached| reached.is_ok()));
        assert_eq!(through, [Some(true), Some(true), None]);
    }

    #[test]
    fn a_listener_is_told_before_a_call_and_when_what_was_asked_for_is_done() {
        let world = World::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (telling, provider) = (Arc::clone(&told), Arc::clone(&world.provider));
        world.provider.wire.listen(move |passing| {
            telling.lock().unwrap().push((passing, provider.authorizations().len()));
        });
        at_once(world.provider.authorize("1", "eva", 700));
        assert_eq!(*told.lock().unwrap(), [(Passing::Call, 0), (Passing::Called, 1)]);
    }
}
