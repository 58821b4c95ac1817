//! The processes of the shop: each over networks of its own, at an address that it keeps, and
//! started again when it is gone.

use super::plan::{Server, Targets};
use super::tell::Tell;
use super::wire::{Ask, Said, ask};
use super::wishes::{DECLINED, EXPIRED};
use crate::process::Process;
use crate::proxy::Proxy;
use crate::servers::{Kafka, Postgres, free_port};
use crate::shop::{Shop, services, store};
use ballet::clock::{Stopwatch, rest};
use serde_json::{Value, json};
use shop::contracts::{INVENTORY, ORDERS, PAYMENTS};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;

/// The coordinator, where there is one.
pub(super) const COORDINATOR: &str = "purchase";
/// Services that have several processes in a chaos run. All may; these have most to do.
pub(super) const SEVERAL: &[&str] = &[COORDINATOR, ORDERS, INVENTORY, PAYMENTS];
/// How long a process may take until it is ready.
const START: Duration = Duration::from_secs(240);
const A_MOMENT: Duration = Duration::from_millis(200);
/// How long a process may take for an answer about itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// A process that ends so often by itself, each time after so short a life, does nothing else any more.
const CRASH_LOOP: usize = 5;
const SHORT: Duration = Duration::from_secs(60);

/// What is there of a process.
#[derive(Default)]
pub(super) struct Life {
    pub(super) process: Option<Process>,
    /// Whether it is to be there.
    pub(super) is_wanted: bool,
    lives: usize,
    /// How often it has ended by itself, one short life after the other.
    ended: usize,
    since: Option<Stopwatch>,
}

/// A place for a process.
pub(super) struct Slot {
    pub(super) service: &'static str,
    /// Which of its processes.
    pub(super) copy: usize,
    pub(super) name: String,
    pub(super) at: SocketAddr,
    store: Proxy,
    door: usize,
    pub(super) life: Mutex<Life>,
}

/// All processes, and the servers that they stand on.
pub(super) struct Fleet {
    pub(super) shop: Shop,
    pub(super) postgres: Postgres,
    kafka: Arc<Kafka>,
    pub(super) slots: Vec<Slot>,
    logs: PathBuf,
    tell: Arc<Tell>,
    /// What processes did that nobody had asked them for.
    troubles: std::sync::Mutex<Vec<String>>,
}

/// How large a fleet is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// The lanes of every service.
    pub(super) lanes: u32,
    /// Services that have places for several processes.
    pub(super) several: &'static [&'static str],
    /// For how many.
    pub(super) copies: usize,
    /// Variables that say when an order is given up. What the environment says comes first.
    pub(super) deadlines: &'static [(&'static str, &'static str)],
}

/// The places of an example: the first of each service comes first.
fn places(example: &str, size: Size) -> Vec<(&'static str, usize)> {
    let services = services(example);
    let first = services.iter().map(|service| (*service, 1));
    let is_several = |service: &&str| size.several.contains(service);
    let several: Vec<&'static str> = services.iter().copied().filter(is_several).collect();
    let more =
        (2..=size.copies).flat_map(|copy| several.iter().map(move |service| (*service, copy)));
    first.chain(more).collect()
}

/// What the shop is told besides: customers buy as much as they like, some of them more than there is, and
/// nobody waits for long for a customer who does not exist.
const SETTINGS: [(&str, &str); 4] = [
    ("SHOP_FRAUD_LIMIT_MINOR", "1000000000000000"),
    ("SHOP_FRAUD_SHADOW_LIMIT_MINOR", "1000000000"),
    ("SHOP_QTY_MAX", "10000000"),
    ("SHOP_CUSTOMER_WAIT_MS", "4000"),
];

impl Fleet {
    /// Servers, and places for processes; no process runs yet.
    pub(super) async fn new(
        example: &'static str,
        size: Size,
        folder: &Path,
        tell: Arc<Tell>,
    ) -> Self {
        let places = places(example, size);
        let doors = u16::try_from(places.len()).expect("they are few");
        let (postgres, kafka) = tokio::join!(Postgres::alone(), Kafka::with_doors(doors));
        let kafka = Arc::new(kafka);
        let shop = Shop::on(example, &postgres, Arc::clone(&kafka)).await.with_lanes(size.lanes);
        shop.watched().await;
        let is_unsaid = |(name, _): &&(&str, &str)| std::env::var_os(name).is_none();
        let told = SETTINGS.iter().chain(size.deadlines.iter().filter(is_unsaid));
        let shop = told.fold(shop, |shop, (name, value)| shop.with(name, value));
        let logs = folder.join("processes");
        std::fs::create_dir_all(&logs).expect("the folder is there");
        let mut slots = Vec::new();
        for (door, (service, copy)) in places.into_iter().enumerate() {
            let at = (Ipv4Addr::LOCALHOST, free_port()).into();
            let store = Proxy::before(postgres.address()).await;
            let name = format!("{service}-{copy}");
            let life = Mutex::default();
            slots.push(Slot { service, copy, name, at, store, door, life });
        }
        Self { shop, postgres, kafka, slots, logs, tell, troubles: std::sync::Mutex::default() }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.slots.iter().map(|slot| slot.name.clone()).collect()
    }

    pub(super) fn targets(&self) -> Targets {
        let is_copy = |at: &usize| self.slots[*at].copy > 1;
        let copies = (0..self.slots.len()).filter(is_copy).collect();
        Targets { processes: self.slots.len(), copies }
    }

    /// The places of a service.
    pub(super) fn of(&self, service: &str) -> Vec<usize> {
        (0..self.slots.len()).filter(|at| self.slots[*at].service == service).collect()
    }

    /// Where customers order.
    pub(super) fn desks(&self) -> Vec<SocketAddr> {
        self.of(ORDERS).into_iter().map(|at| self.slots[at].at).collect()
    }

    /// The network between a process and a server.
    pub(super) fn network(&self, at: usize, server: Server) -> &Proxy {
        match server {
            Server::Postgres => &self.slots[at].store,
            Server::Kafka => self.kafka.door(self.slots[at].door),
        }
    }

    /// Ends a server at once.
    pub(super) async fn kill(&self, server: Server) {
        match server {
            Server::Postgres => self.postgres.kill().await,
            Server::Kafka => self.kafka.kill().await,
        }
    }

    /// Brings a server back, and waits until it answers.
    pub(super) async fn restart(&self, server: Server) {
        match server {
            Server::Postgres => self.postgres.start().await,
            Server::Kafka => self.kafka.start().await,
        }
    }

    fn trouble(&self, what: String) {
        self.tell.say(format!("WRONG: {what}"));
        self.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(what);
    }

    /// What processes did that nobody had asked them for.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn begin(&self, slot: &Slot) -> Process {
        let (listen, kafka) = (slot.at.to_string(), self.kafka.door(slot.door).address());
        let store = store(&self.shop.database().through(slot.store.address()));
        let broker = format!("kafka://{kafka}");
        let variables =
            [("SHOP_LISTEN", &*listen), ("SHOP_STORE", &*store), ("SHOP_BROKER", &*broker)];
        self.shop.begin_with(slot.service, &variables)
    }

    /// Starts a process in an empty place.
    pub(super) fn start(self: &Arc<Self>, at: usize, life: &mut Life) {
        let slot = &self.slots[at];
        life.process = Some(self.begin(slot));
        life.since = Some(Stopwatch::start());
        (life.is_wanted, life.lives) = (true, life.lives + 1);
        if slot.service == PAYMENTS {
            tokio::spawn(Arc::clone(self).turn_dials(at, life.lives));
        }
    }

    /// Tells the provider of a process that has just begun whom to decline and whom to forget.
    async fn turn_dials(self: Arc<Self>, at: usize, lives: usize) {
        let turned = json!({"decline": [DECLINED], "expire": [EXPIRED]}).to_string();
        while !matches!(self.dial(at, "provider", &turned).await, Some(said) if said.status == 200)
        {
            rest(A_MOMENT).await;
            if self.slots[at].life.lock().await.lives != lives {
                return;
            }
        }
    }

    /// Turns a dial of somebody outside, as one process sees them.
    pub(super) async fn dial(&self, at: usize, whose: &str, turned: &str) -> Option<Said> {
        let path = format!("/dials/{whose}");
        let asked = Ask { method: "PUT", path: &path, key: None, body: turned };
        ask(self.slots[at].at, asked, Duration::from_secs(1)).await.ok()
    }

    /// Writes down what a process has said in the life that it leaves.
    pub(super) async fn bury(&self, slot: &Slot, lives: usize, process: &mut Process) {
        let said = process.heard().await;
        if said.contains("panicked") {
            self.trouble(format!("{} has panicked in its life {lives}:\n{said}", slot.name));
        }
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).append(true).open(self.logs.join(&slot.name));
        let written = file.and_then(|mut file| writeln!(file, "life {lives}:\n{said}\n"));
        written.expect("the folder is there");
    }

    /// Ends the process of a place at once. It does not come back before it is wanted.
    pub(super) async fn end(&self, at: usize, is_told: bool) {
        let slot = &self.slots[at];
        let mut life = slot.life.lock().await;
        life.is_wanted = false;
        let lives = life.lives;
        let Some(mut process) = life.process.take() else { return };
        match is_told {
            true => {
                let ended = process.end().await;
                if ended.code() != Some(0) {
                    self.trouble(format!("{} was told to end, and did with {ended}", slot.name));
                }
            }
            false => process.kill().await,
        }
        self.bury(slot, lives, &mut process).await;
    }

    /// From now on a process is there, and comes back when it is gone.
    pub(super) async fn want(self: &Arc<Self>, at: usize) {
        let mut life = self.slots[at].life.lock().await;
        life.ended = 0;
        if life.process.is_none() {
            self.start(at, &mut life);
        }
    }

    /// Looks after the processes, for as long as somebody polls this: whoever has ended by itself is
    /// started again.
    pub(super) async fn look_after(self: Arc<Self>) {
        loop {
            for (at, slot) in self.slots.iter().enumerate() {
                if let Ok(life) = slot.life.try_lock() {
                    self.look_at(at, life).await;
                }
            }
            rest(A_MOMENT).await;
        }
    }

    async fn look_at(self: &Arc<Self>, at: usize, mut life: MutexGuard<'_, Life>) {
        let slot = &self.slots[at];
        let Some(process) = &mut life.process else { return };
        let ended = tokio::time::timeout(Duration::from_millis(1), process.ended()).await;
        let Ok(ended) = ended else { return };
        let said = process.heard().await;
        let last = said.lines().last().unwrap_or("nothing").to_owned();
        let lives = life.lives;
        if let Some(mut process) = life.process.take() {
            self.bury(slot, lives, &mut process).await;
        }
        let is_short = life.since.is_some_and(|since| since.elapsed() < SHORT);
        life.ended = if is_short { life.ended + 1 } else { 1 };
        self.tell.say(format!("{} has ended by itself with {ended}: {last}", slot.name));
        // Who cannot begin because a server is away says so in a sentence, and is started again.
        if ended.code() != Some(2) || life.ended >= CRASH_LOOP {
            let times = life.ended;
            self.trouble(format!("{} has ended by itself {times} times: {last}", slot.name));
        }
        rest(A_MOMENT).await;
        self.start(at, &mut life);
    }

    /// Starts everybody who is not there.
    pub(super) async fn want_all(self: &Arc<Self>) {
        for at in 0..self.slots.len() {
            self.want(at).await;
        }
    }

    /// Waits until all who are there are ready. Who is not in time is named.
    pub(super) async fn ready(&self) -> Vec<String> {
        let waited = Stopwatch::start();
        let mut late = Vec::new();
        for slot in &self.slots {
            if !slot.life.lock().await.is_wanted {
                continue;
            }
            let is_ready = async || {
                let said = ask(slot.at, Ask::get("/ready"), PATIENCE).await;
                said.is_ok_and(|said| said.status == 200)
            };
            while !is_ready().await {
                if waited.elapsed() > START {
                    late.push(format!("{} is not ready", slot.name));
                    break;
                }
                rest(A_MOMENT).await;
            }
        }
        late
    }

    /// How everybody is, in words, if not well.
    pub(super) async fn ill(&self) -> Vec<String> {
        let mut ill = Vec::new();
        for slot in &self.slots {
            if !slot.life.lock().await.is_wanted {
                continue;
            }
            let said = ask(slot.at, Ask::get("/health"), PATIENCE).await;
            if !said.as_ref().is_ok_and(|said| said.status == 200) {
                ill.push(format!("{} is not well: {said:?}", slot.name));
            }
        }
        ill
    }

    /// How many lanes a process owns of its service.
    pub(super) async fn owned(&self, at: usize) -> usize {
        let slot = &self.slots[at];
        let said = ask(slot.at, Ask::get("/health"), PATIENCE).await;
        let said = said.ok().and_then(|said| serde_json::from_str::<Value>(&said.text).ok());
        let lanes = said.as_ref().and_then(|said| said["lanes"].as_array());
        let is_its = |lane: &&Value| lane["group"] == slot.service && lane["owned"] == true;
        lanes.map_or(0, |lanes| lanes.iter().filter(is_its).count())
    }

    /// How many lives there were of each process.
    pub(super) async fn lives(&self) -> BTreeMap<String, usize> {
        let mut lives = BTreeMap::new();
        for slot in &self.slots {
            lives.insert(slot.name.clone(), slot.life.lock().await.lives);
        }
        lives
    }

    /// Ends everybody at once.
    pub(super) async fn abandon(&self) {
        for at in 0..self.slots.len() {
            self.end(at, false).await;
        }
    }

    /// Tells everybody to end, and hears what they have said.
    pub(super) async fn close(self: &Arc<Self>) {
        let mut ending = JoinSet::new();
        for at in 0..self.slots.len() {
            let fleet = Arc::clone(self);
            ending.spawn(async move { fleet.end(at, true).await });
        }
        while ending.join_next().await.is_some() {}
    }
}
