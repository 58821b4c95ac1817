//! The stage on which scenarios play: the shop, with dials on everything outside.
//!
//! A scenario acts as customers, operators and fate do, and looks at the books. Who tells the
//! services what to do it cannot see: that is the cast's business. Nor can it see what it plays on, which
//! is the house's: one in memory and in virtual time, or one of processes and real servers.
//!
//! ```text
//! stage    who plays, time, requests       stage/doom    deaths at chosen moments
//! stage/acts     what people do            stage/looks   what can be seen
//! stage/fate     what broker and outside do              stage/damage  rows overwritten by hand
//! stage/waits    waiting for what must come
//! stage/house    what a stage needs        stage/memory  the house in memory
//! ```

mod acts;
mod damage;
mod doom;
mod fate;
mod house;
mod looks;
mod memory;
mod waits;

pub use doom::Moment;
pub use fate::Dial;
pub use house::{Counter, Doing, House, Whim};
pub use looks::Tally;

use crate::cast::{Cast, Player};
use crate::contracts::{OrderId, Sku};
use crate::settings::Settings;
use ballet::clock::Time;
use ballet::story::Scene;
use ballet::{Command, Error, ErrorKind, Key, Refusal, Running};
use std::collections::BTreeMap;
use std::time::Duration;

/// The lanes of every service.
pub const LANES: u32 = 2;
/// How long a client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(20);
/// Whoever has not come to an end by then never will: virtual time passes fast.
const A_DAY: Duration = Duration::from_secs(86_400);

/// The stage.
#[derive(Debug)]
pub struct Stage {
    house: Box<dyn House>,
    received: BTreeMap<Sku, i64>,
    written_off: usize,
    asked: u64,
    /// The numbers that orders were given which the text calls otherwise.
    /// Each with the key under which it was placed.
    numbers: BTreeMap<OrderId, (String, OrderId)>,
}

impl Stage {
    /// Opens the shop in memory: empty shelves, no customers, everybody at work. Must be called where
    /// time is virtual.
    ///
    /// # Panics
    ///
    /// If somebody cannot play.
    pub async fn open(cast: Cast) -> Self {
        Self::within(memory::Memory::open(cast).await)
    }

    /// The same on a scene that is explored: what goes wrong there is the scene's business.
    ///
    /// # Panics
    ///
    /// If somebody cannot play.
    pub async fn explored(cast: Cast, scene: &Scene) -> Self {
        Self::within(memory::Memory::on(cast, scene).await)
    }

    /// A stage in some house, with empty shelves and no customers.
    #[must_use]
    pub fn within(house: impl House + 'static) -> Self {
        Self {
            house: Box::new(house),
            received: BTreeMap::new(),
            written_off: 0,
            asked: 0,
            numbers: BTreeMap::new(),
        }
    }

    /// Starts a process that is not at work.
    ///
    /// # Panics
    ///
    /// If there is no such process, or it cannot start.
    pub async fn start(&mut self, name: &str) {
        self.house.start(name).await;
    }

    /// Starts a process as this player, as after an upgrade.
    ///
    /// # Panics
    ///
    /// If it cannot start.
    pub async fn start_as(&mut self, player: Player) {
        self.house.start_as(player).await;
    }

    /// Kills a process: whatever it was doing stops where it is.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub async fn kill(&mut self, name: &str) {
        self.house.kill(name).await;
    }

    /// Freezes a process, as a machine does that hangs: it knows nothing of the time that passes.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub async fn freeze(&mut self, name: &str) {
        self.house.freeze(name).await;
    }

    /// Lets a process go on that was frozen, where it was.
    ///
    /// # Panics
    ///
    /// If it is not at work.
    pub async fn thaw(&mut self, name: &str) {
        self.house.thaw(name).await;
    }

    /// Starts a second process of one that is at work; by its name the first one is still meant.
    ///
    /// # Panics
    ///
    /// If it cannot start.
    pub async fn double(&mut self, name: &str) {
        self.house.double(name).await;
    }

    /// The names of all processes, the one that leads first, if one does.
    #[must_use]
    pub fn everybody(&self) -> Vec<&'static str> {
        self.house.cast().iter().map(|player| player.name).collect()
    }

    /// How many listen besides to whatever is said of an order.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.house.beside().len()
    }

    /// Kills all processes at once, as a power cut does.
    pub async fn kill_everybody(&mut self) {
        self.house.kill_everybody().await;
    }

    /// Starts everybody who is not at work, as whoever watches over processes does.
    pub async fn revive(&mut self) {
        self.house.revive().await;
    }

    /// An app that serves nothing and never dies, to look into what a service keeps.
    #[must_use]
    pub fn office(&self, service: &str) -> &Running {
        self.house.office(service)
    }

    /// How long deadlines and windows are.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.house.settings()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Time {
        self.house.now()
    }

    /// Lets time pass that is as long here as everywhere: a deadline of the shop, or a part of it.
    pub async fn pass(&self, time: Duration) {
        self.house.pass(time).await;
    }

    /// Lets so many seconds of the text pass.
    pub async fn seconds(&self, seconds: u64) {
        self.pass(self.house.paced(Duration::from_secs(seconds))).await;
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
        for _ in 0..self.house.patience().as_secs().div_ceil(PATIENCE.as_secs()) {
            let desk = self.house.desk(C::TO);
            let answered =
                async { desk.request(key, &Key::new(about), command).await?.reply(PATIENCE).await };
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(Ok(Some(answer))) => return Ok(answer),
                Ok(Err(told)) if told.kind() == ErrorKind::Conflict => return Err(told),
                // Nobody has answered, or whoever did could not do it.
                Ok(Ok(None) | Err(_)) | Err(_) => self.house.bury().await,
            }
        }
        panic!("nobody answers `{}` about {about}", C::NAME);
    }

    /// Whether the one who was doomed has died.
    #[must_use]
    pub fn has_died(&self) -> bool {
        self.house.has_died()
    }
}
