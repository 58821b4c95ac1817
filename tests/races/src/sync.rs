//! The primitives of the framework's `sync`, driven by a scheduler.
//!
//! [`Notify`] keeps to what tokio's says: one permit is kept for who comes later, who waits longest is woken
//! first, a wake-up that its waiter never looks at goes to the next one, and whoever was made before
//! `notify_waiters` is woken by it.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use std::sync::PoisonError;

use loom::model::Builder;
use std::any::type_name;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::process::Command;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

/// What makes a process of these tests forgetful.
const FORGETS: &str = "BALLET_TESTS_FORGETS";

/// Whether [`Notify`] forgets here what it should keep.
fn forgets() -> bool {
    static FORGETFUL: LazyLock<bool> = LazyLock::new(|| std::env::var_os(FORGETS).is_some());
    *FORGETFUL
}

/// How often a thread may be stopped in the middle in one order, unless `LOOM_MAX_PREEMPTIONS` says it.
const PREEMPTIONS: usize = 2;

/// Tries every order; and once more in a process whose [`Notify`] forgets, where somebody must be found to
/// wait for ever. The scheduler does not survive that, hence the process.
#[track_caller]
pub(crate) fn every_order<F: Fn() + Send + Sync + 'static>(race: F) {
    let mut orders = Builder::new();
    orders.preemption_bound.get_or_insert(PREEMPTIONS);
    orders.check(race);
    if forgets() {
        return;
    }
    let this = type_name::<F>().trim_end_matches("::{{closure}}");
    let (_, test) = this.split_once("::").expect("a test stands in a crate");
    let tests = std::env::current_exe().expect("the tests have a program");
    let again =
        Command::new(tests).args([test, "--exact", "--nocapture"]).env(FORGETS, "yes").output();
    let told = again.expect("the tests can be run again").stderr;
    let found = String::from_utf8_lossy(&told).contains("deadlock");
    assert!(found, "with primitives that forget nobody waits for ever: the test sees nothing");
}

#[derive(Default)]
struct State {
    permit: bool,
    /// How often all were woken.
    rounds: u64,
    tickets: u64,
    waiting: VecDeque<(u64, Waker)>,
    woken: Vec<u64>,
}

#[derive(Default)]
pub(crate) struct Notify(Mutex<State>);

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify_one(&self) {
        let mut state = self.state();
        match state.waiting.pop_front() {
            Some((ticket, waker)) => {
                state.woken.push(ticket);
                drop(state);
                waker.wake();
            }
            None => state.permit = !forgets(),
        }
    }

    pub(crate) fn notify_waiters(&self) {
        let mut state = self.state();
        state.rounds += u64::from(!forgets());
        let waiting: Vec<_> = state.waiting.drain(..).collect();
        state.woken.extend(waiting.iter().map(|(ticket, _)| *ticket));
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        let mut state = self.state();
        state.tickets += 1;
        Notified { notify: self, ticket: state.tickets, round: state.rounds, is_over: false }
    }
}

pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    ticket: u64,
    round: u64,
    is_over: bool,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ticket = self.ticket;
        let mut state = self.notify.state();
        let is_woken = state.woken.contains(&ticket) || state.rounds > self.round;
        state.woken.retain(|other| *other != ticket);
        state.waiting.retain(|(other, _)| *other != ticket);
        if !is_woken && !std::mem::take(&mut state.permit) {
            state.waiting.push_back((ticket, cx.waker().clone()));
            return Poll::Pending;
        }
        drop(state);
        self.is_over = true;
        Poll::Ready(())
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let ticket = self.ticket;
        let mut state = self.notify.state();
        state.waiting.retain(|(other, _)| *other != ticket);
        let was_woken = state.woken.contains(&ticket);
        state.woken.retain(|other| *other != ticket);
        drop(state);
        if was_woken {
            self.notify.notify_one();
        }
    }
}
