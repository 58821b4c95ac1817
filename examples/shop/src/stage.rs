//! The stage on which scenarios play: the shop in virtual time, every service a process of its own,
//! on a store and a broker in memory, with dials on everything outside.
//!
//! A scenario acts as customers, operators and fate do, and looks at the books. Who tells the
//! services what to do it cannot see: that is the cast's business.
//!
//! ```text
//! stage    who plays, time, requests       stage/doom    deaths at chosen moments
//! stage/acts     what people do            stage/looks   what can be seen
//! stage/damage   rows overwritten by hand
//! ```

mod acts;
mod damage;
mod doom;
mod looks;

pub use doom::Moment;
pub use looks::Tally;

use crate::cast::{Cast, Player};
use crate::contracts::Sku;
use crate::fakes;
use ballet::clock::{Clock, RuntimeClock, Time, rest};
use ballet::memory::{Node, World};
use ballet::{App, Command, Error, Key, Refusal, Running};
use doom::Doom;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(20);
/// Whoever has not come to an end by then never will: virtual time passes fast.
const A_DAY: Duration = Duration::from_secs(86_400);

/// When the shop opens: whatever is counted by the day begins then.
const MIDNIGHT: Time = Time::from_micros(1_700_006_400_000_000);

/// A running process.
struct Process {
    node: Node,
    app: Running,
}

/// The stage.
pub struct Stage {
    /// The outside world: provider, carrier, mail, each with its dials.
    pub world: fakes::World,
    /// Store and broker; a scenario may make the broker repeat itself, dawdle, or worse.
    pub machine: World,
    cast: Cast,
    playing: BTreeMap<&'static str, Process>,
    clock: RuntimeClock,
    /// Serves nothing and never dies: it reads the books.
    office: Running,
    doom: Arc<Doom>,
    received: BTreeMap<Sku, i64>,
    written_off: usize,
    asked: u64,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.playing.keys()).finish()
    }
}

impl Stage {
    /// Opens the shop: empty shelves, no customers, everybody at work. Must be called where time is
    /// virtual.
    ///
    /// # Panics
    ///
    /// If somebody cannot play.
    pub async fn open(cast: Cast) -> Self {
        let clock = RuntimeClock::starting_at(MIDNIGHT);
        let machine = World::new(Arc::new(clock.clone()));
        let office = machine.node();
        let office = App::new(office.store()).broker(office.broker()).start().await;
        let mut stage = Self {
            world: fakes::World::default(),
            machine,
            cast,
            playing: BTreeMap::new(),
            clock,
            office: office.expect("the office opens"),
            doom: Arc::default(),
            received: BTreeMap::new(),
            written_off: 0,
            asked: 0,
        };
        stage.revive().await;
        stage
    }

    /// Starts a process that is not at work.
    ///
    /// # Panics
    ///
    /// If there is no such process, or it cannot start.
    pub async fn start(&mut self, name: &str) {
        let player = self.cast.iter().find(|player| player.name == name).copied();
        self.start_as(player.unwrap_or_else(|| panic!("nobody is called `{name}`"))).await;
    }

    /// Starts a process as this player, as after an upgrade.
    ///
    /// # Panics
    ///
    /// If it cannot start.
    pub async fn start_as(&mut self, player: Player) {
        let (doom, name) = (Arc::clone(&self.doom), player.name);
        let node = self.machine.node_with(move |point| doom.strike(name, point));
        let app = App::new(node.store()).broker(node.broker());
        let app = (player.start)(app, &self.world)
            .await
            .unwrap_or_else(|told| panic!("`{name}` does not start: {told}"));
        self.playing.insert(name, Process { node, app });
    }

    /// Kills a process: whatever it was doing stops where it is.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub fn kill(&mut self, name: &str) {
        let gone = self.playing.remove(name);
        gone.unwrap_or_else(|| panic!("`{name}` is not at work")).node.kill();
    }

    /// Freezes a process, as a machine does that hangs: it knows nothing of the time that passes.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub fn freeze(&self, name: &str) {
        self.node(name).freeze();
    }

    /// Lets a process go on that was frozen, where it was.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub fn thaw(&self, name: &str) {
        self.node(name).thaw();
    }

    fn node(&self, name: &str) -> &Node {
        let process = self.playing.get(name);
        &process.unwrap_or_else(|| panic!("`{name}` is not at work")).node
    }

    /// Kills all processes at once, as a power cut does.
    pub fn kill_everybody(&mut self) {
        std::mem::take(&mut self.playing).into_values().for_each(|process| process.node.kill());
    }

    /// Starts everybody who is not at work, as whoever watches over processes does.
    pub async fn revive(&mut self) {
        self.playing.retain(|_, process| process.node.is_alive());
        for player in self.cast {
            if !self.playing.contains_key(player.name) {
                self.start(player.name).await;
            }
        }
    }

    /// An app that serves nothing and never dies, to look into the store with.
    #[must_use]
    pub const fn office(&self) -> &Running {
        &self.office
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        rest(time).await;
    }

    /// Lets so many seconds pass.
    pub async fn seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds)).await;
    }

    /// Lets everybody do a little, so many times.
    pub async fn blink(&self, times: usize) {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    /// Asks a service something, as a client does: with a key of its own, and again with the same
    /// key if nobody answers.
    ///
    /// # Errors
    ///
    /// The service's no.
    ///
    /// # Panics
    ///
    /// If nobody answers within a day.
    pub async fn ask<C: Command>(&mut self, about: &str, command: &C) -> Result<C::Reply, Refusal> {
        self.asked += 1;
        let key = format!("{}/{about}/{}", C::NAME, self.asked);
        self.ask_under(&key, about, command).await.expect("the key is new")
    }

    /// The same under a given key, which may have been used before.
    ///
    /// # Errors
    ///
    /// That the key was used for something else; the service's no.
    ///
    /// # Panics
    ///
    /// If nobody answers within a day.
    pub async fn ask_under<C: Command>(
        &mut self,
        key: &str,
        about: &str,
        command: &C,
    ) -> Result<Result<C::Reply, Refusal>, Error> {
        for _ in 0..A_DAY.as_secs() / PATIENCE.as_secs() {
            let desk = self.playing.get(C::TO).map_or(&self.office, |process| &process.app);
            let answered =
                async { desk.request(key, &Key::new(about), command).await?.reply(PATIENCE).await };
            if let Ok(answered) = tokio::time::timeout(PATIENCE, answered).await
                && let Some(answer) = answered?
            {
                return Ok(answer);
            }
            self.bury().await;
        }
        panic!("nobody answers `{}` about {about}", C::NAME);
    }

    /// Whether the one who was doomed has died.
    #[must_use]
    pub fn has_died(&self) -> bool {
        self.doom.is_done()
    }

    /// Restarts those who have died by themselves; who was sent away stays away.
    async fn bury(&mut self) {
        let dead = self.playing.iter().filter(|(_, process)| !process.node.is_alive());
        let dead: Vec<&'static str> = dead.map(|(name, _)| *name).collect();
        for name in dead {
            // What it had begun is rolled back only when it is gone.
            self.kill(name);
            self.start(name).await;
        }
    }
}
