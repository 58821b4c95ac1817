//! A house in memory: virtual time, every service a process of its own, on a store and a broker in
//! memory that can fail at any point.

use crate::audit::{self, Books, Expected, Offices};
use crate::cast::{Cast, Player};
use crate::fakes::{self, Outsider, Turn};
use crate::settings::{Settings, settings};
use crate::stage::doom::Doom;
use crate::stage::house::{Counter, Doing, House, Whim};
use crate::stage::{A_DAY, LANES, Moment};
use ballet::clock::{Clock, RuntimeClock, Time, rest};
use ballet::memory::{Node, World};
use ballet::story::{Plot, Scene};
use ballet::{App, Message, Running};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

/// When the shop opens: whatever is counted by the day begins then.
const MIDNIGHT: Time = Time::from_micros(1_700_006_400_000_000);
const A_MOMENT: Duration = Duration::from_millis(500);
/// When nothing was said while so many moments passed, all is quiet.
const QUIET: u32 = 120;

/// How long a process stands still that the plot of a story freezes: until long after it was replaced.
const FROZEN: Duration = Duration::from_secs(30);

/// How long a process may take to start, in virtual time.
const START: Duration = Duration::from_secs(20);

/// A running process.
struct Process {
    node: Node,
    app: Running,
}

/// The house.
pub(super) struct Memory {
    world: fakes::World,
    machine: World,
    cast: Cast,
    playing: BTreeMap<&'static str, Process>,
    /// Second processes, and those that were replaced: nobody kills these.
    doubles: Vec<Process>,
    /// Nobody is served there until it is thawed.
    frozen: BTreeSet<String>,
    clock: RuntimeClock,
    /// Serves nothing and never dies: it reads the books.
    office: Running,
    doom: Arc<Doom>,
    /// What happens to processes, if that is explored.
    plot: Option<Plot>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.playing.keys()).finish()
    }
}

impl Memory {
    pub(super) async fn open(cast: Cast) -> Self {
        let clock = RuntimeClock::starting_at(MIDNIGHT);
        Self::within(cast, World::new(Arc::new(clock.clone())), clock, None).await
    }

    /// On a scene, whose plot says what happens to whom.
    pub(super) async fn on(cast: Cast, scene: &Scene) -> Self {
        let (world, clock) = (scene.world().clone(), scene.clock().clone());
        Self::within(cast, world, clock, Some(scene.plot().clone())).await
    }

    async fn within(cast: Cast, machine: World, clock: RuntimeClock, plot: Option<Plot>) -> Self {
        let office = machine.node();
        let office = App::new(office.store()).broker(office.broker()).start().await;
        let mut house = Self {
            world: fakes::World::default(),
            machine,
            cast,
            playing: BTreeMap::new(),
            doubles: Vec::new(),
            frozen: BTreeSet::new(),
            clock,
            office: office.expect("the office opens"),
            doom: Arc::default(),
            plot,
        };
        house.revive().await;
        house
    }

    fn node(&self, name: &str) -> &Node {
        let process = self.playing.get(name);
        &process.unwrap_or_else(|| panic!("`{name}` is not at work")).node
    }

    fn end(&mut self, name: &str) {
        let gone = self.playing.remove(name);
        gone.unwrap_or_else(|| panic!("`{name}` is not at work")).node.kill();
    }

    /// Lets go of a process that is dead. One that the plot has frozen goes on later, beside another.
    fn retire(&mut self, name: &str) {
        if !self.node(name).is_alive() {
            // What it had begun is rolled back only when it is gone.
            return self.end(name);
        }
        let frozen = self.node(name).clone();
        self.doubles.extend(self.playing.remove(name));
        tokio::spawn(async move {
            rest(FROZEN).await;
            frozen.thaw();
        });
    }

    async fn begin(&mut self, player: Player) {
        let process = self.process(player).await;
        self.playing.insert(player.name, process);
    }

    /// Starts somebody, and again if the process dies or freezes before it is at work.
    async fn process(&self, player: Player) -> Process {
        loop {
            if let Ok(process) = tokio::time::timeout(START, self.try_process(player)).await {
                return process;
            }
        }
    }

    async fn try_process(&self, player: Player) -> Process {
        let (doom, name) = (Arc::clone(&self.doom), player.name);
        let node = match &self.plot {
            Some(plot) => plot.node(&self.machine, name),
            None => self.machine.node_with(move |point| doom.strike(name, point)),
        };
        let app = App::new(node.store()).broker(node.broker()).lanes(LANES);
        let app = (player.start)(app, &self.world)
            .await
            .unwrap_or_else(|told| panic!("`{name}` does not start: {told}"));
        Process { node, app }
    }

    fn usual(&self, name: &str) -> Player {
        let player = self.cast.iter().find(|player| player.name == name).copied();
        player.unwrap_or_else(|| panic!("nobody is called `{name}`"))
    }

    fn all_messages(&self) -> Vec<Message> {
        let topics = self.machine.topics();
        topics.iter().flat_map(|topic| self.machine.topic(topic)).collect()
    }
}

/// Something that takes no time here.
fn at_once<'a, T: 'a>(value: T) -> Doing<'a, T> {
    Box::pin(ready(value))
}

impl House for Memory {
    fn cast(&self) -> Cast {
        self.cast
    }

    fn settings(&self) -> &Settings {
        settings()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn paced(&self, time: Duration) -> Duration {
        time
    }

    fn a_moment(&self) -> Duration {
        A_MOMENT
    }

    fn patience(&self) -> Duration {
        A_DAY
    }

    fn pass(&self, time: Duration) -> Doing<'_, ()> {
        Box::pin(rest(time))
    }

    fn blink(&self) -> Doing<'_, ()> {
        Box::pin(tokio::task::yield_now())
    }

    fn start<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(self.begin(self.usual(name)))
    }

    fn start_as(&mut self, player: Player) -> Doing<'_, ()> {
        Box::pin(self.begin(player))
    }

    fn kill<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        self.end(name);
        at_once(())
    }

    fn freeze<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        self.node(name).freeze();
        self.frozen.insert(name.to_owned());
        at_once(())
    }

    fn thaw<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        self.node(name).thaw();
        self.frozen.remove(name);
        at_once(())
    }

    fn double<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async {
            let process = self.process(self.usual(name)).await;
            self.doubles.push(process);
        })
    }

    fn kill_everybody(&mut self) -> Doing<'_, ()> {
        let doubles = std::mem::take(&mut self.doubles);
        let all = std::mem::take(&mut self.playing).into_values().chain(doubles);
        all.for_each(|process| process.node.kill());
        at_once(())
    }

    fn revive(&mut self) -> Doing<'_, ()> {
        Box::pin(async {
            self.playing.retain(|_, process| process.node.is_alive());
            for player in self.cast {
                if !self.playing.contains_key(player.name) {
                    self.begin(*player).await;
                }
            }
        })
    }

    fn bury(&mut self) -> Doing<'_, ()> {
        let is_gone = |(name, process): &(&&'static str, &Process)| {
            !process.node.is_alive() || process.node.is_frozen() && !self.frozen.contains(**name)
        };
        let gone = self.playing.iter().filter(is_gone).map(|(name, _)| *name);
        let gone: Vec<&'static str> = gone.collect();
        Box::pin(async {
            for name in gone {
                self.retire(name);
                self.begin(self.usual(name)).await;
            }
        })
    }

    fn doom(&mut self, whom: &'static str, moment: Moment, spared: usize) {
        self.doom.set(whom, moment, spared);
    }

    fn has_died(&self) -> bool {
        self.doom.is_done()
    }

    fn desk(&self, service: &str) -> &Running {
        let awake = self.playing.get(service).filter(|_| !self.frozen.contains(service));
        awake.map_or(&self.office, |process| &process.app)
    }

    fn office(&self, _service: &str) -> &Running {
        &self.office
    }

    fn offices(&self) -> Vec<&Running> {
        vec![&self.office]
    }

    fn counter(&self) -> Option<&dyn Counter> {
        None
    }

    fn books(&self, expected: Expected) -> Doing<'_, Books> {
        Box::pin(async {
            let (office, messages) = (Offices::One(&self.office), self.all_messages());
            let read = audit::read(office, messages, &self.world, expected).await;
            read.expect("the books are readable")
        })
    }

    fn messages(&self) -> Doing<'_, Vec<Message>> {
        at_once(self.all_messages())
    }

    fn appended(&self) -> Doing<'_, usize> {
        at_once(self.machine.appended())
    }

    fn is_busy(&self) -> Doing<'_, bool> {
        // Whoever tries something again and again does so within the moments of quiet.
        at_once(false)
    }

    fn quiet(&self) -> u32 {
        QUIET
    }

    fn duplicates(&self) -> Doing<'_, u64> {
        let health = self.playing.values().flat_map(|process| process.app.health());
        at_once(health.map(|(_, lane)| lane.duplicates).sum())
    }

    fn broker_goes(&mut self, away: bool) -> Doing<'_, ()> {
        self.doom.take_broker(away);
        at_once(())
    }

    fn whim(&mut self, whim: Whim) {
        match whim {
            Whim::Repeat(times) => self.machine.repeat(times),
            Whim::Dawdle(time) => self.machine.delay(move |_, _| time),
            Whim::MixUp(most) => {
                let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
                self.machine.delay(move |topic, offset| {
                    let step = |mix, byte| mix * 31 % 100_003 + u64::from(byte);
                    let mix = topic.bytes().fold(offset + 1, step);
                    Duration::from_millis(mix * 7919 % most)
                });
            }
        }
    }

    fn replay_all(&mut self) -> Doing<'_, ()> {
        self.machine.replay_all();
        at_once(())
    }

    fn say<'a>(&'a mut self, topic: &'a str, message: Message) -> Doing<'a, ()> {
        let partition = message.envelope.key.partition(LANES);
        self.machine.append(topic, partition, message.encode());
        at_once(())
    }

    fn garble(&mut self) -> Doing<'_, Vec<(String, usize)>> {
        let topics = self.machine.topics();
        for topic in &topics {
            for partition in 0..LANES {
                self.machine.append(topic, partition, "this is no message");
            }
        }
        at_once(topics.into_iter().map(|topic| (topic, 1)).collect())
    }

    fn outside(&self) -> fakes::World {
        self.world.clone()
    }

    fn turn(&mut self, whom: Outsider, turn: Turn) -> Doing<'_, ()> {
        self.world.turn(whom, &turn);
        at_once(())
    }

    fn calls(&self, whom: Outsider) -> Doing<'_, u64> {
        at_once(self.world.wire(whom).calls())
    }
}
