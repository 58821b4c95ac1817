//! Customers: they buy under a key, ask again when nobody answers, cancel, and wait for the end. What
//! was acknowledged to them is written down here, outside of everything that is killed.

use super::tell::now;
use super::wire::{Ask, Said, ask};
use super::wishes::{Kind, Mix, Wish};
use ballet::clock::{Time, rest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a customer waits for the answer to a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one request waits for the end of a purchase, in milliseconds, and how long for the request.
const END_MS: u64 = 8_000;
const WAIT: Duration = Duration::from_secs(10);
/// How long somebody looks away who was not answered.
const BETWEEN: Duration = Duration::from_millis(100);

/// What a customer was told who cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    Yes,
    TooLate,
    /// It was not decided as long as they waited.
    Undecided,
}

/// A purchase that was acknowledged, as its customer knows it.
#[derive(Debug, Clone)]
pub(super) struct Bought {
    pub(super) kind: Kind,
    pub(super) at: Time,
    pub(super) cancelled: Option<Cancelled>,
    /// When the customer knew of its end, and which that was.
    pub(super) end: Option<(Time, String)>,
}

/// What all customers together know.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) bought: BTreeMap<String, Bought>,
    pub(super) open: BTreeSet<String>,
    /// How many requests had to be said again because nobody answered.
    pub(super) unanswered: u64,
    /// What customers were told that must not be.
    pub(super) complaints: Vec<String>,
}

/// All customers.
pub(super) struct Crowd {
    seed: u64,
    mix: Mix,
    desks: Vec<SocketAddr>,
    turn: AtomicUsize,
    known: Mutex<Known>,
    changes: watch::Sender<u64>,
    ledger: Mutex<File>,
    goes_home: watch::Sender<bool>,
}

impl Crowd {
    /// Customers who are served at these desks and write down at `ledger` what was acknowledged.
    pub(super) fn new(seed: u64, mix: Mix, desks: Vec<SocketAddr>, ledger: &Path) -> Arc<Self> {
        let ledger = File::create(ledger).expect("the folder is there");
        Arc::new(Self {
            seed,
            mix,
            desks,
            turn: AtomicUsize::new(0),
            known: Mutex::default(),
            changes: watch::Sender::new(0),
            ledger: Mutex::new(ledger),
            goes_home: watch::Sender::new(false),
        })
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The purchases under way: acknowledged, and their customers know of no end.
    pub(super) fn open(&self) -> BTreeSet<String> {
        self.known().open.clone()
    }

    /// Waits until what is known is as wanted.
    pub(super) async fn until(&self, is_so: impl Fn(&Known) -> bool) {
        let mut changes = self.changes.subscribe();
        while !is_so(&self.known()) {
            changes.changed().await.expect("the sender is here");
        }
    }

    /// From now on nobody begins a purchase.
    pub(super) fn go_home(&self) {
        self.goes_home.send_replace(true);
    }

    /// Buys so many times a second, until all go home; only as long as no more than `most` purchases are
    /// under way. Ends when all of them have come to their ends.
    pub(super) async fn come(self: Arc<Self>, rate: f64, most: usize) {
        let mut buying = JoinSet::new();
        let mut goes_home = self.goes_home.subscribe();
        let between = Duration::from_secs_f64(1.0 / rate);
        for number in 0.. {
            let leaves = tokio::time::timeout(between, goes_home.wait_for(|goes| *goes));
            if leaves.await.is_ok() {
                break;
            }
            while buying.try_join_next().is_some() {}
            if self.known().open.len() < most {
                let crowd = Arc::clone(&self);
                buying.spawn(async move { crowd.buy(number).await });
            }
        }
        while buying.join_next().await.is_some() {}
    }

    /// Makes the purchases of these numbers, so many at a time.
    pub(super) async fn buy_all(self: Arc<Self>, numbers: std::ops::Range<u64>, at_once: usize) {
        let mut buying = JoinSet::new();
        for number in numbers {
            if buying.len() >= at_once {
                buying.join_next().await;
            }
            let crowd = Arc::clone(&self);
            buying.spawn(async move { crowd.buy(number).await });
        }
        while buying.join_next().await.is_some() {}
    }

    async fn buy(&self, number: u64) {
        let wish = Wish::of(self.seed, self.mix, number);
        let Some(order) = self.place(&wish).await else { return };
        self.acknowledged(&wish, &order);
        let (cancelled, end) = tokio::join!(self.call_off(&wish, &order), self.end(&order));
        if wish.is_said_again && self.place(&wish).await.is_some_and(|again| again != order) {
            self.complain(format!("key {} names another order than {order}", wish.key));
        }
        let mut known = self.known();
        if let Some(bought) = known.bought.get_mut(&order) {
            bought.cancelled = cancelled;
            bought.end = end;
        }
        known.open.remove(&order);
        drop(known);
        self.changes.send_modify(|count| *count += 1);
    }

    fn acknowledged(&self, wish: &Wish, order: &str) {
        let at = now();
        let line = format!("{at} {order} {}\n", wish.key);
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.write_all(line.as_bytes()).expect("the ledger can be written");
        drop(ledger);
        let bought = Bought { kind: wish.kind, at, cancelled: None, end: None };
        let mut known = self.known();
        let before = known.bought.insert(order.to_owned(), bought);
        known.open.insert(order.to_owned());
        drop(known);
        if before.is_some() {
            self.complain(format!("two keys name order {order}, one of them {}", wish.key));
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn complain(&self, what: String) {
        self.known().complaints.push(what);
    }

    /// Asks one desk after the other; nothing if it was not answered.
    async fn try_ask(&self, asked: Ask<'_>, within: Duration) -> Option<Said> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.desks.len();
        match ask(self.desks[turn], asked, within).await {
            Ok(said) if said.status < 500 => Some(said),
            // It is not so far, and whoever asks is told to ask again: that is an answer, too.
            told => {
                self.known().unanswered += u64::from(!told.is_ok_and(|said| said.status == 504));
                rest(BETWEEN).await;
                None
            }
        }
    }

    /// Places the order, as often as that takes. The same key is the same order.
    async fn place(&self, wish: &Wish) -> Option<String> {
        let asked =
            Ask { method: "POST", path: "/v1/orders", key: Some(&wish.key), body: &wish.body };
        loop {
            let Some(said) = self.try_ask(asked, PATIENCE).await else { continue };
            let order = said.at("/order_id").filter(|_| said.status == 202);
            if order.is_none() {
                self.complain(format!("key {} was answered with {said:?}", wish.key));
            }
            return order;
        }
    }

    /// Cancels, if that is wished for.
    async fn call_off(&self, wish: &Wish, order: &str) -> Option<Cancelled> {
        rest(wish.called_off?).await;
        let path = format!("/v1/orders/{order}/cancel?timeout={END_MS}");
        let asked = Ask { method: "POST", path: &path, ..Ask::default() };
        // It is settled at the latest when the order has come to its end.
        for _ in 0..30 {
            match self.try_ask(asked, WAIT).await.map(|said| (said.status, said)) {
                Some((200, _)) => return Some(Cancelled::Yes),
                Some((409, _)) => return Some(Cancelled::TooLate),
                Some((202, _)) | None => {}
                Some((_, said)) => {
                    self.complain(format!("cancelling {order} was answered with {said:?}"));
                    return None;
                }
            }
        }
        Some(Cancelled::Undecided)
    }

    /// Waits for the end of an order. What was acknowledged is never unknown.
    async fn end(&self, order: &str) -> Option<(Time, String)> {
        let path = format!("/v1/orders/{order}?wait=terminal&timeout={END_MS}");
        loop {
            let Some(said) = self.try_ask(Ask::get(&path), WAIT).await else { continue };
            match said.at("/status").filter(|_| said.status == 200) {
                Some(status) => return Some((now(), status)),
                None => {
                    self.complain(format!("order {order} was answered with {said:?}"));
                    rest(Duration::from_secs(1)).await;
                }
            }
        }
    }
}
