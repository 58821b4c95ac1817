//! Deaths under load: each example is killed again and again while customers keep buying.
//!
//! Goal: what was acknowledged to a customer comes to its end, once, whenever the process dies.
//! Method: sixty customers, each with one purchase under way, who ask again under the same key when
//! the wire breaks before they were answered. The moment of each death is drawn from a seed: after
//! so many acknowledgements of this life, and a little later; and once more before the next one has
//! said where it listens. What was acknowledged is noted here, outside the process that dies; so
//! are the books of provider, carrier and mail. At the end all of them are compared, and the auditor
//! goes through the books.

use super::client::{Said, ask, try_ask};
use super::process::Served;
use super::{Folder, an_ipad, both};
use ballet::clock::{Stopwatch, rest};
use ballet::id::derived;
use ballet::sqlite::Sqlite;
use ballet::{App, Reactions, Reactor, Running};
use serde_json::json;
use shop::audit::{Books, Expected, Offices, audit, messages, read};
use shop::contracts::{ORDERS, OrderId, Status};
use shop::fakes::{Held, World};
use shop::http::Example;
use shop::orders::{ORDERS as ROWS, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Customers who buy at the same time.
const CUSTOMERS: usize = 60;
/// How many of them must be waiting for an order that this life has acknowledged before it ends.
const WAITING: usize = 20;
/// What each death must find under way, or it was none under load. It is fewer, for what has ended is
/// known to the shop before it is known to who waits.
const UNFINISHED: usize = 10;
/// Longer than anything takes that comes at all.
const LONG: Duration = Duration::from_secs(60);
const A_MOMENT: Duration = Duration::from_millis(20);
/// In a test everybody may buy as much as they like; who may not is another test's business.
const SETTINGS: [(&str, &str); 1] = [("SHOP_FRAUD_LIMIT_MINOR", "1000000000000")];

/// How many deaths there are, and the seed of their moments: 20 and 1, or what the variables say.
fn asked() -> (u64, u64) {
    let number = |name: &str, usual| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, and no number")),
        Err(_) => usual,
    };
    (number("BALLET_TESTS_KILLS", 20), number("BALLET_TESTS_SEED", 1))
}

/// When a life ends, and how the next one begins.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// How many orders it has acknowledged.
    acknowledged: usize,
    /// How much longer it lives.
    then: Duration,
    /// How long the next one lives that dies before it has said where it listens.
    stillborn: Duration,
}

impl Moment {
    fn drawn(seed: u64, life: u64) -> Self {
        let roll = derived(&["death", &seed.to_string(), &life.to_string()]).as_u128();
        let below = |sides: u128, shift: u32| u64::try_from((roll >> shift) % sides).unwrap();
        Self {
            acknowledged: 20 + usize::try_from(below(30, 0)).unwrap(),
            // Mostly while orders are coming in, and sometimes long after.
            then: Duration::from_millis(below(9, 16).pow(3)),
            stillborn: Duration::from_millis(below(250, 32)),
        }
    }
}

/// How many orders a life has acknowledged, and how many of these are known to have ended.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    life: u64,
    acknowledged: usize,
    ended: usize,
}

/// Those who buy, and what they know.
struct Crowd {
    seed: u64,
    shop: watch::Sender<SocketAddr>,
    goes_home: watch::Sender<bool>,
    acknowledged: Mutex<Vec<OrderId>>,
    count: watch::Sender<Count>,
}

impl Crowd {
    fn new(seed: u64, shop: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            seed,
            shop: watch::Sender::new(shop),
            goes_home: watch::Sender::new(false),
            acknowledged: Mutex::default(),
            count: watch::Sender::new(Count::default()),
        })
    }

    fn acknowledged(&self) -> Vec<OrderId> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn try_ask(&self, method: &str, path: &str, key: &str, body: &str) -> Option<Said> {
        let shop = *self.shop.borrow();
        try_ask(shop, method, path, Some(key), body).await.ok()
    }

    /// Buys one thing after the other, until all go home.
    async fn shop(&self, customer: usize) {
        for number in 0.. {
            if *self.goes_home.borrow() {
                return;
            }
            let mut order = an_ipad(&format!("c{}", customer % 20 + 1));
            if (customer + number).is_multiple_of(8) {
                order["total_minor"] = json!(1);
            }
            let key = format!("{}/{customer}/{number}", self.seed);
            self.buy(&key, &order.to_string()).await;
        }
    }

    /// Places an order, and waits until it has come to its end.
    async fn buy(&self, key: &str, body: &str) {
        let order = self.place(key, body).await;
        let id = order.rsplit('/').next().unwrap().to_owned();
        self.acknowledged.lock().unwrap().push(id);
        self.count.send_modify(|count| count.acknowledged += 1);
        let life = self.count.borrow().life;
        let end = format!("{order}?wait=terminal&timeout=10000");
        loop {
            match self.try_ask("GET", &end, key, "").await {
                // It is not ordered again: every life knows what an earlier one has acknowledged.
                None => rest(A_MOMENT).await,
                Some(said) if said.status == 504 => {}
                Some(said) => break drop(said.is(200)),
            }
        }
        self.count.send_modify(|count| count.ended += usize::from(count.life == life));
        assert_eq!(self.place(key, body).await, order, "the same key is the same order");
    }

    async fn place(&self, key: &str, body: &str) -> String {
        loop {
            match self.try_ask("POST", "/v1/orders", key, body).await {
                Some(said) => return said.is(202).header("location").unwrap().to_owned(),
                None => rest(A_MOMENT).await,
            }
        }
    }
}

/// A process that serves, with a customer whose card is declined and answers that get lost.
async fn life(example: &Example, store: &Path) -> Served {
    let (name, store) = (example.name, store.to_owned());
    let served = move || Served::with(name, &store, &SETTINGS);
    let served = tokio::task::spawn_blocking(served).await.unwrap();
    let dials = json!({"decline": ["c3"], "lose_answers": 2}).to_string();
    ask(served.at, "PUT", "/dials/provider", None, &dials).await.is(200);
    served
}

/// How long it takes until it has taken up what earlier lives have left.
async fn ready(at: SocketAddr) -> Duration {
    let waited = Stopwatch::start();
    while !matches!(try_ask(at, "GET", "/ready", None, "").await, Ok(said) if said.status == 200) {
        rest(A_MOMENT).await;
    }
    waited.elapsed()
}

/// Names the service of the orders, to look into its table.
struct Orders;
impl Reactor for Orders {
    const NAME: &'static str = ORDERS;
    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// The orders that have not come to an end, of these. It is looked at in a copy: the next life has
/// to do with what this one has left, and not with what somebody has opened and closed in between.
async fn unfinished(store: &Path, acknowledged: &[OrderId]) -> usize {
    let copy = Folder::new();
    for beside in ["", "-wal"] {
        let of = |path: &Path| format!("{}{beside}", path.display());
        if Path::new(&of(store)).exists() {
            std::fs::copy(of(store), of(&copy.store())).unwrap();
        }
    }
    let sqlite = Sqlite::open(copy.store()).await.unwrap();
    let app = App::new(sqlite.clone()).start().await.unwrap();
    let rows: Vec<(OrderId, Row)> = app.rows::<Orders, _, _>(ROWS).await.unwrap();
    app.stop().await;
    sqlite.close().await;
    let ended = rows.into_iter().filter(|(_, row)| row.order.status.is_end());
    let ended: BTreeSet<OrderId> = ended.map(|(id, _)| id).collect();
    acknowledged.iter().filter(|id| !ended.contains(*id)).count()
}

/// The services play once more, with nobody who buys, until the auditor has nothing to say or has
/// waited long enough.
async fn books(example: &Example, store: &Path) -> Books {
    let sqlite = Sqlite::open(store).await.unwrap();
    let world = World::kept_beside(store).unwrap();
    let mut playing: BTreeMap<&str, Running> = BTreeMap::new();
    for player in example.cast {
        let app = App::new(sqlite.clone()).lanes(2);
        playing.insert(player.name, (player.start)(app, &world).await.unwrap());
    }
    let stock = ["ipad", "iphone"].map(|sku| (sku.to_owned(), 1_000)).into();
    let expected = Expected { stock, ..Expected::default() };
    let waited = Stopwatch::start();
    let books = loop {
        let said = messages(&*sqlite, &BTreeMap::new()).await.unwrap();
        let books =
            read(Offices::One(&playing[ORDERS]), said, &world, expected.clone()).await.unwrap();
        if audit(&books).is_empty() || waited.elapsed() > LONG {
            break books;
        }
        rest(A_MOMENT * 10).await;
    };
    for app in playing.into_values() {
        app.stop().await;
    }
    sqlite.close().await;
    books
}

/// What was acknowledged is there, and nothing else; it has ended; all that was done for it was
/// done once.
fn compare(books: &Books, acknowledged: &[OrderId]) {
    let known: BTreeSet<&OrderId> = acknowledged.iter().collect();
    assert_eq!(known.len(), acknowledged.len(), "no two keys name one order");
    let there: BTreeSet<&OrderId> = books.orders.keys().collect();
    assert_eq!(known, there, "what was acknowledged is what is there");
    for (id, row) in &books.orders {
        assert!(row.order.status.is_end(), "order {id} has not come to an end: {row:?}");
    }
    let breaches: Vec<String> = audit(books).iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "the auditor says:\n{}", breaches.join("\n"));
    let shipped = books.orders.values().filter(|row| row.order.status == Status::Shipped).count();
    let taken = books.authorizations.values().filter(|known| known.held == Held::Captured).count();
    let outside = (taken, books.parcels.len(), books.posted.len());
    assert_eq!(outside, (shipped, shipped, known.len()), "charges, parcels, letters");
}

/// At once, for whoever watches: what tests print is kept back until they fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

async fn dies_and_goes_on(example: &Example) {
    let ((kills, seed), name) = (asked(), example.name);
    let folder = Folder::new();
    let store = folder.store();
    let mut served = life(example, &store).await;
    let crowd = Crowd::new(seed, served.at);
    let mut buying = JoinSet::new();
    for customer in 0..CUSTOMERS {
        let crowd = Arc::clone(&crowd);
        buying.spawn(async move { crowd.shop(customer).await });
    }
    for number in 1..=kills {
        let Moment { acknowledged, then, stillborn } = Moment::drawn(seed, number);
        let taken_up = tokio::spawn(ready(served.at));
        let mut count = crowd.count.subscribe();
        let is_now = count.wait_for(|count| {
            count.acknowledged >= acknowledged && count.acknowledged - count.ended >= WAITING
        });
        let got_on = tokio::time::timeout(LONG, is_now).await.is_ok();
        while let Some(ended) = buying.try_join_next() {
            ended.unwrap();
        }
        assert!(got_on, "{name}: the customers do not get on, seed {seed}, life {number}");
        rest(then).await;
        let known = crowd.acknowledged();
        drop(served);

        let open = unfinished(&store, &known).await;
        let taken_up = match taken_up.is_finished() {
            true => format!("ready after {} ms", taken_up.await.unwrap().as_millis()),
            false => "not ready yet".to_owned(),
        };
        say(&format!(
            "{name}: kill {number} of {kills}, seed {seed}: {taken_up}, {acknowledged} orders and {} \
             ms later killed; {open} unfinished of {} acknowledged",
            then.as_millis(),
            known.len()
        ));
        assert!(open >= UNFINISHED, "{name}: the kill found {open} unfinished purchases");
        Served::stillborn(name, &store, stillborn).await;
        served = life(example, &store).await;
        crowd.count.send_replace(Count { life: number, ..Count::default() });
        crowd.shop.send_replace(served.at);
    }
    crowd.goes_home.send_replace(true);
    while let Some(ended) = buying.join_next().await {
        ended.unwrap();
    }
    assert_eq!(served.end(), Some(0));
    let (books, acknowledged) = (books(example, &store).await, crowd.acknowledged());
    compare(&books, &acknowledged);
    say(&format!(
        "{name}: {kills} kills under load and {kills} while starting, seed {seed}: all {} \
         acknowledged orders are there and have ended, each once; the auditor finds nothing",
        acknowledged.len()
    ));
}

#[tokio::test]
async fn the_orchestrated_shop_dies_at_twenty_moments_and_loses_nothing() {
    dies_and_goes_on(&both()[0]).await;
}

#[tokio::test]
async fn the_choreographed_shop_dies_at_twenty_moments_and_loses_nothing() {
    dies_and_goes_on(&both()[1]).await;
}
