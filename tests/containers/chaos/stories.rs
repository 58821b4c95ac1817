//! Runs that are tests: nothing in them is left to dice but what customers wish for.

use super::crowd::Crowd;
use super::fleet::{COORDINATOR, Fleet, Size};
use super::harm::Villain;
use super::plan::{Act, Fault, Server};
use super::reckoning;
use super::report::Report;
use super::tell::Tell;
use super::wishes::{ALL, FAR_AWAY, Mix, PLAIN};
use crate::books::{Office, log};
use crate::history;
use crate::servers::own_name;
use ballet::Key;
use ballet::clock::{Stopwatch, rest};
use shop::audit::{Books, Expected};
use shop::contracts::{
    Address, CUSTOMERS, Customer, INVENTORY, Level, ORDERS, ReceiveStock, SaveCustomer,
};
use shop::http::{PIECES, STOCKED};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// So many more of each thing than there are at first: enough for a day.
const MORE: i64 = 500_000;
/// How long an answer of a shop may take that has just begun.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fills the shelves, and makes a customer known to whom no carrier goes. Says what is to be found in the
/// end.
pub(super) async fn open(fleet: &Fleet) -> Expected {
    let office = Office::of(&fleet.shop).await;
    let mut expected = Expected::default();
    for sku in STOCKED {
        let ask = ReceiveStock { sku: sku.to_owned(), qty: MORE };
        let (id, key) = (format!("more/{sku}"), Key::new(sku));
        let asked = office.app(INVENTORY).request(&id, &key, &ask).await;
        let reply = asked.expect("Postgres is there").reply(PATIENCE).await;
        reply.expect("Postgres is there").expect("Inventory answers").expect("and takes it");
        expected.stock.insert(sku.to_owned(), PIECES + MORE);
    }
    let address = Address {
        line1: "Ice 1".to_owned(),
        city: "Pole".to_owned(),
        postcode: "0".to_owned(),
        country: "AQ".to_owned(),
    };
    let customer = Customer {
        customer_id: FAR_AWAY.to_owned(),
        name: "Far Away".to_owned(),
        email: "far-away@shop.example".to_owned(),
        address,
        level: Level::Bronze,
    };
    let (key, ask) = (Key::new(FAR_AWAY), SaveCustomer { customer });
    let asked = office.app(CUSTOMERS).request("far-away", &key, &ask).await;
    let reply = asked.expect("Postgres is there").reply(PATIENCE).await;
    reply.expect("Postgres is there").expect("Customers answers").expect("and knows them");
    expected
}

/// Goes through everything when all is quiet, closes the shop, and gives the figures.
pub(super) async fn reckon(
    villain: &Villain,
    (example, seed, lasted): (&'static str, u64, Duration),
    expected: Expected,
    mut wrong: Vec<String>,
) -> (Report, Books) {
    let Villain { fleet, crowd, tell, harms } = villain;
    tell.say("the auditor comes");
    let office = Office::of(&fleet.shop).await;
    let books = reckoning::books(fleet, &office, expected).await;
    wrong.extend(reckoning::compare(&crowd.known(), &books));
    wrong.extend(fleet.ill().await);
    tell.say("the shop closes");
    fleet.close().await;
    wrong.extend(fleet.troubles());
    let log = log(&fleet.shop).await;
    let history = history::read(&fleet.shop, &office, books.clone(), &log).await;
    wrong.extend(checkers::check(&history));
    let mut report = Report::of((example, seed, lasted), &crowd.known(), &books, harms);
    wrong.extend(reckoning::idle_kills(harms, &report.flights));
    report.starts = fleet.lives().await.values().sum();
    report.wrong = wrong;
    tell.say(format!("{} violations", report.wrong.len()));
    (report, books)
}

/// What came of a story.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that must not be.
    pub wrong: Vec<String>,
    /// How many purchases have come to which end.
    pub ends: BTreeMap<String, usize>,
    /// The figures.
    pub figures: String,
}

/// A shop in which something is about to happen.
struct Scene {
    villain: Villain,
    looking: JoinHandle<()>,
    expected: Expected,
    wrong: Vec<String>,
    since: Stopwatch,
    folder: PathBuf,
}

impl Scene {
    /// Opens a shop of this size with its first processes, or with all.
    async fn open(example: &'static str, size: Size, with_all: bool, mix: Mix) -> Self {
        let name = own_name(&format!("ballet-story-{}-{example}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("there is room for temporary files");
        let tell = Arc::new(Tell::new(&folder.join("run")).expect("the folder is there"));
        let fleet = Arc::new(Fleet::new(example, size, &folder, Arc::clone(&tell)).await);
        let looking = tokio::spawn(Arc::clone(&fleet).look_after());
        for (at, slot) in fleet.slots.iter().enumerate() {
            if with_all || slot.copy == 1 {
                fleet.want(at).await;
            }
        }
        let wrong = fleet.ready().await;
        let expected = open(&fleet).await;
        let crowd = Crowd::new(1, mix, fleet.desks(), &folder.join("acknowledged"));
        let villain = Villain::new(&fleet, &crowd, &tell);
        Self { villain, looking, expected, wrong, since: Stopwatch::start(), folder }
    }

    /// Lets customers make the purchases of these numbers, so many at a time.
    fn buy(&self, numbers: Range<u64>, at_once: usize) -> JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.villain.crowd).buy_all(numbers, at_once))
    }

    async fn close(mut self, example: &'static str, figures: String) -> Outcome {
        let Villain { crowd, tell, fleet, .. } = &self.villain;
        self.wrong.extend(fleet.ready().await);
        self.wrong.extend(reckoning::settle(crowd, tell).await);
        let run = (example, 1, self.since.elapsed());
        let (report, books) = reckon(&self.villain, run, self.expected, self.wrong).await;
        self.looking.abort();
        match report.wrong.is_empty() {
            true => drop(std::fs::remove_dir_all(&self.folder)),
            false => reckoning::keep(&self.folder, &report.wrong, &books).expect("there is room"),
        }
        let (ends, figures) = (report.outcomes.clone(), format!("{report}\n{figures}"));
        Outcome { wrong: report.wrong, ends, figures }
    }
}

/// 200 purchases, during which each process is killed once and both servers are restarted once.
pub async fn each_is_killed_once(example: &'static str) -> Outcome {
    let size = Size { lanes: 2, several: &[], copies: 1, deadlines: &[] };
    let mut scene = Scene::open(example, size, true, ALL).await;
    let mut faults: Vec<Fault> = (0..scene.villain.fleet.slots.len()).map(Fault::Kill).collect();
    let middle = faults.len() / 2;
    faults.insert(middle, Fault::Server(Server::Postgres));
    faults.insert(middle / 2, Fault::Server(Server::Kafka));
    let (mut buying, mut bought) = (Vec::new(), 0);
    let portions = (1_u64..).map(|number| number * 200 / 14);
    for (fault, until) in faults.into_iter().zip(portions) {
        buying.push(scene.buy(bought..until, 8));
        bought = until;
        let (pause, lasts) = (Duration::ZERO, Duration::from_millis(300));
        scene.villain.act(Act { pause, fault, lasts, is_hurried: true }).await;
    }
    for buying in buying {
        buying.await.expect("customers do not panic");
    }
    scene.close(example, String::new()).await
}

/// How many purchases there are in each part of [`grows_and_shrinks`], and how many at a time.
const PART: u64 = 60;
const AT_ONCE: usize = 24;

/// Under load there are one, three and two processes of Inventory and of who has most to do besides: the
/// coordinator, or Orders where there is none. Purchases go on all the time.
pub async fn grows_and_shrinks(example: &'static str) -> Outcome {
    let several: &[&str] = match example {
        "orchestrated" => &[COORDINATOR, INVENTORY],
        _ => &[ORDERS, INVENTORY],
    };
    let size = Size { lanes: 6, several, copies: 3, deadlines: &[] };
    let mut scene = Scene::open(example, size, false, PLAIN).await;
    let fleet = Arc::clone(&scene.villain.fleet);
    let mut figures = String::new();
    let mut bought = 0;
    for (count, lanes) in [(1, 6), (3, 2), (2, 3)] {
        // They come and go while customers buy, and the shop is measured when the lanes have moved.
        let moving = scene.buy(bought..bought + PART / 2, AT_ONCE);
        for (at, slot) in
            fleet.slots.iter().enumerate().filter(|(_, slot)| several.contains(&slot.service))
        {
            let is_there = slot.life.lock().await.is_wanted;
            match slot.copy <= count {
                true => fleet.want(at).await,
                false if is_there => fleet.end(at, true).await,
                false => {}
            }
        }
        for at in (0..fleet.slots.len()).filter(|at| several.contains(&fleet.slots[*at].service)) {
            if fleet.slots[at].copy <= count && !owns(&fleet, at, lanes).await {
                let (name, owned) = (&fleet.slots[at].name, fleet.owned(at).await);
                scene
                    .wrong
                    .push(format!("{name}, one of {count}, has {owned} lanes and not {lanes}"));
            }
        }
        moving.await.expect("customers do not panic");
        bought += PART / 2;
        let watch = Stopwatch::start();
        scene.buy(bought..bought + PART, AT_ONCE).await.expect("customers do not panic");
        bought += PART;
        let rate = 60.0 / watch.elapsed().as_secs_f64();
        figures += &format!("{count} of {several:?}: {rate:.1} purchases a second\n");
    }
    scene.close(example, figures).await
}

/// Waits until a process owns so many lanes.
async fn owns(fleet: &Fleet, at: usize, lanes: usize) -> bool {
    let watch = Stopwatch::start();
    while fleet.owned(at).await != lanes {
        if watch.elapsed() > PATIENCE {
            return false;
        }
        rest(Duration::from_millis(200)).await;
    }
    true
}
