//! A house of processes: the programs of an example, over a Postgres and a Kafka or over a Postgres alone,
//! asked over HTTP.

use crate::crew::Crew;
use crate::ground::{Ground, Over};
use crate::looks::Looks;
use crate::rest;
use crate::topics::{Place, Topics};
use crate::{BROKER, EVERYBODY, FIRST};
use ballet::clock::{Clock, Stopwatch, SystemClock, Time, rest as wait};
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::Postgres;
use ballet::{App, Error, Message, Refusal, Running};
use containers::books::{LAG, Office};
use containers::shop::services;
use shop::audit::{self, Books, Expected, Offices};
use shop::cast::{Cast, Player};
use shop::contracts::{CancelNoted, OrderId, Placed, SetRule};
use shop::fakes::{Outsider, Turn, World};
use shop::order::NewOrder;
use shop::settings::Settings;
use shop::stage::{Counter, Doing, House, LANES, Moment, Whim};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a second of the text is here, and never less than a moment.
const PACE: u32 = 30;
const A_MOMENT: Duration = Duration::from_millis(100);
/// For so many moments nothing must have been said.
const QUIET: u32 = 2;
/// Longer than anything takes that comes at all, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The house.
pub struct Split {
    cast: Cast,
    beside: Cast,
    settings: Settings,
    crew: Crew,
    office: Office,
    topics: Topics,
    looks: Looks,
    /// Who plays in this process, for there is no program of them.
    inside: BTreeMap<&'static str, Running>,
    ground: Ground,
}

impl Drop for Split {
    fn drop(&mut self) {
        self.inside.clear();
        self.ground.is_left_by(self.crew.leave());
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.crew)
    }
}

impl Split {
    /// Opens a shop, empty, in which these services have processes of their own and all others share as
    /// many as are wanted.
    pub async fn open(
        over: Over,
        (example, cast, beside): (&'static str, Cast, Cast),
        settings: Settings,
        apart: &[&'static str],
        copies: usize,
    ) -> Self {
        let goes = apart.contains(&BROKER);
        let ground = Ground::of(example, &settings, over, goes).await;
        let (all, first) = (services(example), [cast[0].name]);
        let apart = match apart {
            [EVERYBODY] => &*all,
            [FIRST] => &first,
            [BROKER] => &[],
            _ => apart,
        };
        let mut crew = Crew::of(&all, apart, copies);
        crew.revive(ground.shop()).await;
        crew.ready().await;
        let office = Office::of(ground.shop()).await;
        let topics = Topics::of(ground.shop()).await;
        let looks = Looks::at(ground.shop().database().superuser_url());
        let inside = BTreeMap::new();
        Self { cast, beside, settings, crew, office, topics, looks, inside, ground }
    }

    /// An app on the schema of a service, as a process of it has it.
    async fn app(&self, service: &str) -> App {
        let shop = self.ground.shop();
        let app = App::new(Postgres::connect(shop.schema(service)).await.unwrap()).lanes(LANES);
        if !shop.has_kafka() {
            return app;
        }
        let kafka = Kafka::connect(KafkaConfig::new(shop.kafka().bootstrap())).await.unwrap();
        app.broker(kafka)
    }

    /// Waits until all is heard that was said until now; where every partition ends.
    async fn up_to_date(&self) -> BTreeMap<Place, i64> {
        let ends = tokio::task::block_in_place(|| self.topics.ends());
        let said: i64 = ends.values().sum();
        let since = Stopwatch::start();
        while i64::try_from(self.topics.count()).unwrap() < said {
            assert!(since.elapsed() < PATIENCE, "not all is heard: {ends:?}");
            wait(Duration::from_millis(5)).await;
        }
        ends
    }

    /// Waits until everybody's books can be read again.
    async fn is_legible_again(&self) {
        let since = Stopwatch::start();
        for office in self.offices() {
            while let Err(told) = office.dead_letters(1).await {
                assert!(since.elapsed() < PATIENCE, "nothing can be read: {told}");
                wait(A_MOMENT).await;
            }
        }
    }

    async fn is_at_rest(&self) -> bool {
        // Whoever is away can neither read nor publish what it has not.
        let mut at_work = self.crew.services();
        at_work.extend(self.inside.keys());
        let rest = rest::of(&self.looks, &at_work).await;
        if rest.undone > 0 || self.topics.is_restless() {
            return false;
        }
        let ends = self.up_to_date().await;
        let read = |place: &(String, i32)| rest.next.get(place).copied();
        ends.iter().all(|(place, end)| read(place).is_none_or(|next| next >= *end))
    }
}

impl Counter for Split {
    fn place<'a>(
        &'a self,
        key: &'a str,
        order: &'a NewOrder,
    ) -> Doing<'a, Result<Result<Placed, Refusal>, Error>> {
        Box::pin(async move {
            match self.ground.is_legible() {
                true => self.crew.place(key, order).await,
                false => Ok(Ok(self.crew.will_place(key, order))),
            }
        })
    }

    fn cancel<'a>(&'a self, order_id: &'a OrderId) -> Doing<'a, CancelNoted> {
        Box::pin(self.crew.cancel(order_id))
    }

    fn rule<'a>(&'a self, rule: &'a SetRule) -> Doing<'a, ()> {
        Box::pin(self.crew.rule(rule))
    }

    fn resume(&self) -> Doing<'_, ()> {
        Box::pin(async {
            self.crew.resume().await;
            for name in self.inside.keys() {
                let office = self.office(name);
                for letter in office.dead_letters(u32::MAX).await.unwrap() {
                    office.replay(letter.id).await.unwrap();
                }
            }
        })
    }
}

impl House for Split {
    fn cast(&self) -> Cast {
        self.cast
    }

    fn beside(&self) -> Cast {
        self.beside
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn now(&self) -> Time {
        SystemClock.now()
    }

    fn paced(&self, time: Duration) -> Duration {
        (time / PACE).max(A_MOMENT)
    }

    fn a_moment(&self) -> Duration {
        A_MOMENT
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn pass(&self, time: Duration) -> Doing<'_, ()> {
        Box::pin(wait(time))
    }

    fn blink(&self) -> Doing<'_, ()> {
        Box::pin(wait(Duration::from_millis(5)))
    }

    fn start<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move { self.crew.start(name, self.ground.shop()).await })
    }

    fn start_as(&mut self, player: Player) -> Doing<'_, ()> {
        Box::pin(async move {
            let app = self.app(player.name).await;
            let running = (player.start)(app, &self.outside()).await;
            self.inside.insert(player.name, running.expect("it starts"));
        })
    }

    fn kill<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move {
            match self.inside.remove(name) {
                // Dropped, not stopped.
                Some(running) => drop(running),
                None => self.crew.kill(name).await,
            }
        })
    }

    fn freeze<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move { self.crew.freeze(name).await })
    }

    fn thaw<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move { self.crew.thaw(name).await })
    }

    fn double<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move { self.crew.double(name, self.ground.shop()).await })
    }

    fn kill_everybody(&mut self) -> Doing<'_, ()> {
        Box::pin(async move { self.crew.kill_everybody().await })
    }

    fn revive(&mut self) -> Doing<'_, ()> {
        Box::pin(async move { self.crew.revive(self.ground.shop()).await })
    }

    fn bury(&mut self) -> Doing<'_, ()> {
        // Nobody dies by themselves here: whoever does is missed.
        Box::pin(async {})
    }

    fn doom(&mut self, _whom: &'static str, _moment: Moment, _spared: usize) {
        panic!("a process cannot be told when to die")
    }

    fn has_died(&self) -> bool {
        false
    }

    fn desk(&self, service: &str) -> &Running {
        self.office(service)
    }

    fn office(&self, service: &str) -> &Running {
        self.office.app(service)
    }

    fn offices(&self) -> Vec<&Running> {
        self.office.apps().values().collect()
    }

    fn counter(&self) -> Option<&dyn Counter> {
        Some(self)
    }

    fn books(&self, expected: Expected) -> Doing<'_, Books> {
        Box::pin(async move {
            self.up_to_date().await;
            let expected = Expected { lag: LAG, ..expected };
            let (offices, messages) = (Offices::Each(self.office.apps()), self.topics.messages());
            audit::read(offices, messages, &self.outside(), expected).await.unwrap()
        })
    }

    fn messages(&self) -> Doing<'_, Vec<Message>> {
        Box::pin(async { self.topics.messages() })
    }

    fn appended(&self) -> Doing<'_, usize> {
        Box::pin(async { self.topics.count() })
    }

    fn is_busy(&self) -> Doing<'_, bool> {
        Box::pin(async { !self.is_at_rest().await })
    }

    fn is_legible(&self) -> bool {
        self.ground.is_legible()
    }

    fn quiet(&self) -> u32 {
        QUIET
    }

    fn duplicates(&self) -> Doing<'_, u64> {
        Box::pin(self.crew.duplicates())
    }

    fn broker_goes(&mut self, away: bool) -> Doing<'_, ()> {
        Box::pin(async move {
            self.ground.broker_goes(away).await;
            if self.ground.is_legible() {
                self.is_legible_again().await;
                self.crew.have_placed().await;
            }
        })
    }

    fn whim(&mut self, whim: Whim) {
        match whim {
            Whim::Repeat(times) => self.topics.repeat(times),
            // What a broker has taken is there at once for all; so what comes again comes late.
            Whim::MixUp(most) => self.topics.later(self.paced(most)),
            // It takes the time that it takes.
            Whim::Dawdle(_) => {}
        }
    }

    fn replay_all(&mut self) -> Doing<'_, ()> {
        Box::pin(async {
            self.up_to_date().await;
            tokio::task::block_in_place(|| self.topics.replay());
            self.up_to_date().await;
        })
    }

    fn say<'a>(&'a mut self, topic: &'a str, message: Message) -> Doing<'a, ()> {
        Box::pin(async move {
            tokio::task::block_in_place(|| self.topics.say(topic, message));
        })
    }

    fn garble(&mut self) -> Doing<'_, Vec<(String, usize)>> {
        Box::pin(async { tokio::task::block_in_place(|| self.topics.garble()) })
    }

    fn outside(&self) -> World {
        World::kept_beside(self.ground.shop().outside()).unwrap()
    }

    fn turn(&mut self, whom: Outsider, turn: Turn) -> Doing<'_, ()> {
        Box::pin(self.crew.turn(whom, turn))
    }

    fn calls(&self, whom: Outsider) -> Doing<'_, u64> {
        Box::pin(self.crew.calls(whom))
    }
}
