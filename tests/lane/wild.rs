//! A wild world: both modes in processes that die, freeze, wake and lose what they have just done.
//!
//! Goal: whatever happens in whatever order, everything comes to an end once all are well again, and nothing
//! is lost or done twice. Method: dice decide everything from a seed: who dies and when, which commits fail
//! or are unknown, which messages come twice or late, what clients begin, ask and cancel. At the end the
//! tables are read. A seed that fails once fails again: `WILD=1234 cargo test -p tests --test it wild`
//! plays that one, `WILD=0..5000` many.

use crate::lane::shop::{
    Buy, CHARGES, Cashier, HOLDS, Inventory, SHELF, STOCKED, Shelves, TOO_MUCH, Till, both, order,
    world,
};
use ballet::clock::rest;
use ballet::memory::{Fate, Node, Point, World};
use ballet::{Key, Outcome, Reactor, Running};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a client waits for a process that may be dead.
const PATIENCE: Duration = Duration::from_secs(3);
/// In this time everything must have ended once all are well.
const CALM: Duration = Duration::from_secs(20 * 60);

/// Numbers that look random (SplitMix64), the same for the same seed.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// A process and what runs in it.
struct Process {
    node: Node,
    app: Running,
    is_frozen: bool,
}

struct Wild {
    world: World,
    dice: Dice,
    /// Nothing goes wrong any more.
    is_calm: Arc<AtomicBool>,
    /// Of how many points one goes wrong.
    odds: u64,
    processes: Vec<Process>,
    /// What was begun, with what it costs.
    runs: BTreeMap<String, u64>,
    dances: BTreeMap<String, u64>,
}

impl Wild {
    async fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let odds = [8, 20, 50, 200][dice.roll(4) as usize];
        let mut wild = Self {
            world: world(),
            dice,
            is_calm: Arc::default(),
            odds,
            processes: Vec::new(),
            runs: BTreeMap::new(),
            dances: BTreeMap::new(),
        };
        for _ in 0..2 {
            let process = wild.process().await;
            wild.processes.push(process);
        }
        wild
    }

    /// A new process. Whoever dies as long as it starts is started again.
    async fn process(&self) -> Process {
        let (dice, is_calm, odds) = (self.dice.clone(), Arc::clone(&self.is_calm), self.odds);
        let node = self.world.node_with(move |point| {
            if is_calm.load(Ordering::SeqCst) || dice.roll(odds) > 0 {
                return Fate::Go;
            }
            let dies = matches!(point, Point::Commit(_) | Point::Committed(_) | Point::Produced(_));
            if dies && dice.roll(6) == 0 { Fate::Die } else { Fate::Fail }
        });
        let app = both(&node).await;
        Process { node, app, is_frozen: false }
    }

    /// Somebody who may answer.
    fn somebody(&self) -> Option<&Running> {
        let well = |process: &&Process| process.node.is_alive() && !process.is_frozen;
        let well: Vec<&Process> = self.processes.iter().filter(well).collect();
        let at = (!well.is_empty()).then(|| self.dice.roll(well.len() as u64) as usize)?;
        Some(&well[at].app)
    }

    /// One thing happens.
    async fn happen(&mut self) {
        match self.dice.roll(20) {
            0..=4 => {
                let (id, cents) = (format!("r{}", self.runs.len()), self.cents());
                self.runs.insert(id.clone(), cents);
                self.begin(&id, cents).await;
            }
            5..=9 => {
                let (id, cents) = (format!("d{}", self.dances.len()), self.cents());
                self.dances.insert(id.clone(), cents);
                self.dance(&id, cents).await;
            }
            10..=11 => self.cancel().await,
            12..=13 => self.befall().await,
            14 => self.world.repeat(self.dice.roll(3) as usize),
            15 => self.be_late(self.dice.roll(3_000)),
            16 if self.dice.roll(10) == 0 => self.world.replay_all(),
            17 => rest(Duration::from_secs(self.dice.roll(60))).await,
            _ => rest(Duration::from_millis(self.dice.roll(500))).await,
        }
    }

    fn cents(&self) -> u64 {
        [5, TOO_MUCH + 1][usize::from(self.dice.roll(3) == 0)]
    }

    async fn begin(&self, id: &str, cents: u64) {
        if let Some(app) = self.somebody() {
            let asked = order(id, cents);
            let begun = tokio::time::timeout(PATIENCE, app.begin::<Buy>(id, &asked)).await;
            drop(begun);
        }
    }

    async fn dance(&self, id: &str, cents: u64) {
        if let Some(app) = self.somebody() {
            let (about, asked) = (Key::new(id), order(id, cents));
            let asked = tokio::time::timeout(PATIENCE, app.request(id, &about, &asked)).await;
            drop(asked);
        }
    }

    async fn cancel(&self) {
        let Some(app) = self.somebody() else { return };
        let at = self.dice.roll(self.runs.len().max(1) as u64) as usize;
        // Whoever cancels knows that it was begun.
        if let Some((id, _)) = self.runs.iter().nth(at)
            && let Ok(Ok(Some(_))) =
                tokio::time::timeout(PATIENCE, app.run::<Buy>(id).journal()).await
        {
            let run = app.run::<Buy>(id);
            let said = tokio::time::timeout(PATIENCE, run.cancel("a client", "the dice")).await;
            drop(said);
        }
    }

    /// Something happens to a process; one that is dead is replaced.
    async fn befall(&mut self) {
        let at = self.dice.roll(2) as usize;
        if !self.processes[at].node.is_alive() {
            self.processes[at] = self.process().await;
            return;
        }
        let process = &mut self.processes[at];
        match (process.is_frozen, self.dice.roll(3)) {
            (true, 0) | (false, 0..=1) => process.node.kill(),
            (true, _) => process.node.thaw(),
            (false, _) => process.node.freeze(),
        }
        process.is_frozen = !process.is_frozen;
    }

    fn be_late(&self, most: u64) {
        self.world.delay(move |topic, offset| {
            let mixed = (offset + 1).wrapping_mul(0x9e37_79b9).wrapping_add(topic.len() as u64);
            Duration::from_millis(if most == 0 { 0 } else { mixed % most })
        });
    }

    /// All are well, and clients ask again for what they do not know.
    async fn calm_down(&mut self) {
        self.is_calm.store(true, Ordering::SeqCst);
        self.world.repeat(1);
        self.be_late(0);
        for at in 0..self.processes.len() {
            let process = &mut self.processes[at];
            if !process.node.is_alive() {
                self.processes[at] = self.process().await;
            } else if process.is_frozen {
                process.is_frozen = false;
                process.node.thaw();
            }
        }
        rest(Duration::from_secs(10)).await;
        for (id, cents) in &self.runs {
            self.begin(id, *cents).await;
        }
        for (id, cents) in &self.dances {
            self.dance(id, *cents).await;
        }
        rest(CALM).await;
    }

    /// Whatever is not as it must be.
    async fn wrong(&self) -> Vec<String> {
        let app = &self.processes[0].app;
        let mut wrong = Vec::new();
        for (id, cents) in &self.runs {
            let outcome = app.run::<Buy>(id).outcome_within(Duration::ZERO).await.unwrap();
            let paid = match outcome {
                Some(Outcome::Completed) => Some(*cents),
                Some(Outcome::Compensated(_)) => None,
                None => {
                    wrong.push(format!("run {id} has not ended"));
                    continue;
                }
            };
            if *cents > TOO_MUCH && paid.is_some() {
                wrong.push(format!("run {id} has paid too much"));
            }
            wrong.extend(bill::<Inventory, Till>(app, id, paid).await);
        }
        for (id, cents) in &self.dances {
            let paid = (*cents <= TOO_MUCH).then_some(*cents);
            wrong.extend(bill::<Shelves, Cashier>(app, id, paid).await);
        }
        wrong.extend(stock::<Inventory>(app).await);
        wrong.extend(stock::<Shelves>(app).await);
        for letter in app.dead_letters(100).await.unwrap() {
            wrong.push(format!("dead: {} {}", letter.lane, letter.reason));
        }
        for (lane, health) in self.processes.iter().flat_map(|process| process.app.health()) {
            if !health.is_well() || !health.parked.is_empty() || health.calling > 0 {
                wrong.push(format!("{lane} is {health:?}"));
            }
        }
        wrong
    }
}

/// What a purchase has left in the tables of both services.
async fn bill<S: Reactor, T: Reactor>(
    app: &Running,
    id: &str,
    paid: Option<u64>,
) -> Option<String> {
    let id = id.to_owned();
    let holds = app.row::<S, _, _>(HOLDS, &id).await.unwrap().unwrap_or(0);
    let charged = app.row::<T, _, _>(CHARGES, &id).await.unwrap();
    let right = charged == paid && holds == u64::from(paid.is_some());
    (!right).then(|| format!("{id}: {holds} held, {charged:?} charged and {paid:?} paid"))
}

/// What lies on the shelf and what is held is what there was.
async fn stock<S: Reactor>(app: &Running) -> Option<String> {
    let left = app.row::<S, _, _>(SHELF, &"ipad".to_owned()).await.unwrap().unwrap_or(STOCKED);
    let held: u64 = app.rows::<S, _, _>(HOLDS).await.unwrap().iter().map(|(_, held)| held).sum();
    (left + held != STOCKED).then(|| format!("{}: {left} left and {held} held", S::NAME))
}

async fn play(seed: u64) -> Vec<String> {
    let mut wild = Wild::new(seed).await;
    for _ in 0..20 + wild.dice.roll(60) {
        wild.happen().await;
    }
    wild.calm_down().await;
    wild.wrong().await
}

pub fn seeds() -> Range<u64> {
    let told = std::env::var("WILD").unwrap_or_else(|_| "0..40".to_owned());
    let (from, to) = told.split_once("..").unwrap_or((&told, ""));
    let from = from.parse().expect("a seed");
    from..to.parse().unwrap_or(from + 1)
}

/// Plays every seed in virtual time, and tells what went wrong with which.
pub fn play_all<F: Future<Output = Vec<String>>>(
    seeds: impl IntoIterator<Item = u64>,
    play: impl Fn(u64) -> F,
) {
    let mut failed = Vec::new();
    for seed in seeds {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let wrong = runtime.block_on(play(seed));
        if !wrong.is_empty() {
            failed.push(format!("seed {seed}: {}", wrong.join("; ")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn in_a_wild_world_everything_ends_and_nothing_is_lost_or_done_twice() {
    play_all(seeds(), play);
}
