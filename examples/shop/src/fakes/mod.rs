//! The outside world, with dials.
//!
//! Each fake is as far outside as the real thing: it keeps its own books, knows repeated calls by
//! their key, and can be down, slow, or worse. It survives the shop's crashes, as the world does.

mod carrier;
mod ledger;
mod mail;
mod provider;

pub use carrier::{Carrier, Parcel, Waybill};
pub use mail::{Mail, Posted};
pub use provider::{Authorization, Capture, Charge, Held, Provider};

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

/// Everything outside the shop. Clones are the same world.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Who takes the customers' money.
    pub provider: Arc<Provider>,
    /// Who carries parcels.
    pub carrier: Arc<Carrier>,
    /// Who carries letters.
    pub mail: Arc<Mail>,
}

impl World {
    /// A world whose books are files beside this one, and so outlive the shop's process.
    ///
    /// # Errors
    ///
    /// What the operating system says; that these are no such books.
    pub fn kept_beside(file: impl AsRef<Path>) -> io::Result<Self> {
        let of = |name: &str| {
            let mut path = file.as_ref().as_os_str().to_owned();
            path.push(name);
            path
        };
        Ok(Self {
            provider: Arc::new(Provider::kept_in(of(".provider"))?),
            carrier: Arc::new(Carrier::kept_in(of(".carrier"))?),
            mail: Arc::new(Mail::kept_in(of(".mail"))?),
        })
    }
}

/// An outside service did not answer. What it did before that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage(&'static str);

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Outage {}

/// The wire to an outside service: a dial, and a counter of the calls.
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
struct Reached<'w>(&'w Wire);

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        self.0.tell(Passing::Called);
    }
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Up,
    Down,
    Slow(Vec<Waker>),
}

impl Wire {
    /// From now on nobody is reached.
    pub fn cut(&self) {
        self.turn(State::Down);
    }

    /// From now on calls hang, until the wire is mended or cut: as slow as a test wants.
    pub fn hang(&self) {
        self.turn(State::Slow(Vec::new()));
    }

    /// All is well again, and calls that hang go on.
    pub fn mend(&self) {
        self.turn(State::Up);
    }

    /// How often somebody called, answered or not.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn turn(&self, state: State) {
        if let State::Slow(waiting) = std::mem::replace(&mut *lock(&self.state), state) {
            waiting.into_iter().for_each(Waker::wake);
        }
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
    async fn reach(&self) -> Result<Reached<'_>, Outage> {
        self.tell(Passing::Call);
        self.calls.fetch_add(1, Ordering::SeqCst);
        poll_fn(|cx| match &mut *lock(&self.state) {
            State::Up => Poll::Ready(Ok(())),
            State::Down => Poll::Ready(Err(Outage("nobody answers"))),
            State::Slow(waiting) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
        .map(|()| Reached(self))
    }
}

/// The books are whole after every line, so a panic elsewhere does not spoil them.
fn lock<T>(books: &Mutex<T>) -> MutexGuard<'_, T> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Outage, Passing, Wire, World};
    use crate::testing::at_once;
    use std::pin::pin;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_world_that_is_kept_outlives_the_process() {
        let name = format!("shop-world-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let address = crate::contracts::Address {
            line1: "Ring 1".to_owned(),
            city: "Graz".to_owned(),
            postcode: "8010".to_owned(),
            country: "AT".to_owned(),
        };
        for _ in 0..2 {
            let world = World::kept_beside(folder.join("shop.db")).unwrap();
            for _ in 0..2 {
                let taken = at_once(world.carrier.take("1", "1", &address)).unwrap().unwrap();
                assert_eq!(taken.tracking_no, "T/1");
                at_once(world.mail.send("1:shipped", "eva@shop.example", "hello", None));
                at_once(world.provider.authorize("1", "eva", 700));
            }
            let (parcels, letters) = (world.carrier.parcels(), world.mail.sent());
            let held = world.provider.authorizations();
            assert_eq!((parcels.len(), letters.len(), held.len()), (1, 1, 1));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_wire_is_up_or_down() {
        let wire = Wire::default();
        assert!(at_once(wire.reach()).unwrap().is_ok());
        wire.cut();
        assert_eq!(at_once(wire.reach()).unwrap().err(), Some(Outage("nobody answers")));
        assert_eq!(wire.calls(), 2);
    }

    #[test]
    fn a_call_that_hangs_goes_on_when_the_wire_is_mended() {
        let wire = Wire::default();
        wire.hang();
        let mut call = pin!(wire.reach());
        assert!(at_once(call.as_mut()).is_none());
        wire.mend();
        assert!(at_once(call).unwrap().is_ok());
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
