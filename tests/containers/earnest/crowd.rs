//! Those who buy: each one thing after the other, under keys, so that they can ask again when nobody
//! has answered; and who are told at the end what became of it.

use super::house::{A_MOMENT, House, LONG};
use ballet::clock::{Stopwatch, rest};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is bought, and what must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is shipped.
    Good,
    /// Its price is wrong: it is invalid, and what was reserved for it is released.
    Cheap,
    /// Nobody knows the customer: it is cancelled when the money is ready, which is let go.
    Strange,
}

impl Wish {
    /// They take turns, and most are good.
    const ROUND: [Self; 6] =
        [Self::Good, Self::Good, Self::Cheap, Self::Good, Self::Strange, Self::Good];

    fn body(self, number: usize) -> String {
        let (customer, total) = match self {
            Self::Good => (format!("c{}", 1 + number % 20), 109_900),
            Self::Cheap => (format!("c{}", 1 + number % 20), 5),
            Self::Strange => (format!("stranger-{number}"), 109_900),
        };
        let (sku, price) =
            if number.is_multiple_of(2) { ("ipad", 109_900) } else { ("iphone", 99_900) };
        let total = if total == 5 { 5 } else { price };
        let line = json!({"sku": sku, "qty": 1, "unit_price_minor": price});
        json!({"customer_id": customer, "total_minor": total, "currency": "USD", "lines": [line]})
            .to_string()
    }

    const fn end(self) -> &'static str {
        match self {
            Self::Good => "shipped",
            Self::Cheap => "invalid",
            Self::Strange => "cancelled",
        }
    }
}

/// An order that was acknowledged.
#[derive(Debug, Clone)]
pub struct Bought {
    pub order: String,
    pub wish: Wish,
}

/// Places an order under a key, and again until it is acknowledged.
pub async fn place(house: &House, key: &str, wish: Wish, number: usize) -> Bought {
    let body = wish.body(number);
    let placing = async {
        loop {
            let headers = [("Idempotency-Key", key)];
            let said = house.try_ask("orders", ("POST", "/v1/orders"), &headers, &body).await;
            match said {
                Ok(said) if said.status == 202 => {
                    return said.json()["order_id"].as_str().unwrap().to_owned();
                }
                Ok(said) => assert!(said.status >= 500, "{key}: {said:?}"),
                Err(_) => {}
            }
            rest(A_MOMENT).await;
        }
    };
    let placed = tokio::time::timeout(LONG, placing).await;
    Bought { order: placed.unwrap_or_else(|_| panic!("{key} is never acknowledged")), wish }
}

/// Waits until an order has come to the end that it must come to.
pub async fn ended(house: &House, bought: &Bought) {
    let path = format!("/v1/orders/{}?wait=terminal&timeout=5000", bought.order);
    let mut last = String::new();
    let waiting = async {
        loop {
            match house.try_ask("orders", ("GET", &path), &[], "").await {
                Ok(said) if said.status == 200 => {
                    return said.json()["status"].as_str().unwrap().to_owned();
                }
                Ok(said) => last = format!("{said:?}"),
                Err(told) => last = told.to_string(),
            }
            rest(A_MOMENT).await;
        }
    };
    let end = tokio::time::timeout(2 * LONG, waiting).await;
    let end = end.unwrap_or_else(|_| panic!("{bought:?} never ends: {last}"));
    assert_eq!(end, bought.wish.end(), "{bought:?}");
}

/// People who buy at the same time.
pub struct Crowd {
    shared: Arc<Shared>,
    buyers: JoinSet<()>,
}

struct Shared {
    house: Arc<House>,
    goes_home: watch::Sender<bool>,
    /// How long each waits between two things.
    pace: Mutex<Duration>,
    placed: AtomicUsize,
    ended: watch::Sender<usize>,
    /// The longest that anybody has waited for an end.
    slowest: Mutex<Duration>,
}

impl Crowd {
    /// So many come to the house.
    pub fn gather(house: &Arc<House>, buyers: usize, pace: Duration) -> Self {
        let shared = Arc::new(Shared {
            house: Arc::clone(house),
            goes_home: watch::Sender::new(false),
            pace: Mutex::new(pace),
            placed: AtomicUsize::new(0),
            ended: watch::Sender::new(0),
            slowest: Mutex::default(),
        });
        let mut all = JoinSet::new();
        for _ in 0..buyers {
            all.spawn(Arc::clone(&shared).buys());
        }
        Self { shared, buyers: all }
    }

    /// From now on each waits so long between two things.
    pub fn pace(&self, pace: Duration) {
        *self.shared.pace.lock().unwrap() = pace;
    }

    /// How long each waits between two things.
    pub fn pace_now(&self) -> Duration {
        *self.shared.pace.lock().unwrap()
    }

    /// How many orders have been acknowledged and have not ended.
    pub fn in_flight(&self) -> usize {
        self.shared.placed.load(Ordering::SeqCst) - *self.shared.ended.borrow()
    }

    /// How many have ended.
    pub fn count(&self) -> usize {
        *self.shared.ended.borrow()
    }

    /// Waits until so many more orders have ended.
    pub async fn more(&self, count: usize) {
        let mut ended = self.shared.ended.subscribe();
        let wanted = *ended.borrow() + count;
        let waited = tokio::time::timeout(LONG, ended.wait_for(|ended| *ended >= wanted)).await;
        assert!(waited.is_ok(), "nothing ends any more");
    }

    /// Waits until something is under way.
    pub async fn until_in_flight(&self, count: usize) {
        super::house::until("enough is under way", async || self.in_flight() >= count).await;
    }

    /// All wait for what they have bought, and go. How many things that was, and the longest that anybody
    /// has waited.
    pub async fn go_home(mut self) -> (usize, Duration) {
        self.shared.goes_home.send_replace(true);
        while let Some(gone) = self.buyers.join_next().await {
            gone.unwrap();
        }
        (self.count(), *self.shared.slowest.lock().unwrap())
    }
}

impl Shared {
    async fn buys(self: Arc<Self>) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        while !*self.goes_home.borrow() {
            let number = NUMBER.fetch_add(1, Ordering::SeqCst);
            let wish = Wish::ROUND[number % Wish::ROUND.len()];
            let key = format!("crowd/{number}");
            let bought = place(&self.house, &key, wish, number).await;
            self.placed.fetch_add(1, Ordering::SeqCst);
            let watch = Stopwatch::start();
            ended(&self.house, &bought).await;
            self.noted(watch.elapsed());
            self.ended.send_modify(|ended| *ended += 1);
            let pace = *self.pace.lock().unwrap();
            let mut home = self.goes_home.subscribe();
            tokio::select! {
                _ = home.wait_for(|home| *home) => {}
                () = rest(pace) => {}
            }
        }
    }

    /// Somebody has waited so long for an end.
    fn noted(&self, waited: Duration) {
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = slowest.max(waited);
    }
}
