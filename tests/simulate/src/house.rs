//! The processes of a world: started, killed, frozen, replaced.

use crate::cast::bank::{Bank, Transfer};
use crate::cast::counter::{Counter, Money};
use crate::cast::drawn::Drawn;
use crate::cast::notes::{Counts, Listener, Scribe};
use crate::cast::{Alpha, Beta, Weather};
use crate::net::{Trace, WiredBroker, WiredStore, Wires};
use crate::scenario::Scenario;
use ballet::memory::{Node, World};
use ballet::{App, ErrorKind, Running, Settings};
use std::sync::Arc;
use std::time::Duration;

/// How long a process may take to start.
const START: Duration = Duration::from_secs(3);

/// What a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Everything,
    Sagas,
    Services,
}

/// A process.
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) wires: Wires,
    /// What runs in it; nothing if it could not start.
    app: Option<Running>,
    /// When it is started again, in milliseconds, if it is dead.
    pub(crate) again: Option<u64>,
    pub(crate) role: Role,
    pub(crate) version: u32,
}

impl Process {
    /// What runs in it, if somebody can answer there.
    pub(crate) fn app(&self) -> Option<&Running> {
        self.app.as_ref().filter(|_| self.node.is_alive() && !self.node.is_frozen())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.app.is_some() && self.node.is_alive()
    }

    pub(crate) fn kill(&mut self) {
        self.node.kill();
        self.app = None;
    }

    pub(crate) fn freeze(&mut self, is_frozen: bool) {
        if is_frozen { self.node.freeze() } else { self.node.thaw() }
    }
}

/// What all processes have in common.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) weather: Weather,
    pub(crate) trace: Trace,
}

impl House {
    pub(crate) fn new(seed: u64) -> Self {
        let weather = Weather::new(seed);
        Self { world: World::new(Arc::new(weather.clone())), weather, trace: Trace::default() }
    }

    /// Starts a process; it may die as it starts, or not be able to.
    pub(crate) async fn start(&self, scenario: &Scenario, role: Role, version: u32) -> Process {
        let wires = Wires::new(self.trace.clone());
        let asked = wires.clone();
        let node = self.world.node_with(move |point| asked.fate(point));
        let started =
            tokio::time::timeout(START, self.serve(scenario, &node, &wires, role, version));
        let app = match started.await {
            Ok(Err(told)) if told.kind() == ErrorKind::Definition => panic!("{told}"),
            started => started.ok().and_then(Result::ok),
        };
        if app.is_none() {
            node.kill();
        }
        Process { node, wires, app, again: None, role, version }
    }

    async fn serve(
        &self,
        scenario: &Scenario,
        node: &Node,
        wires: &Wires,
        role: Role,
        version: u32,
    ) -> Result<Running, ballet::Error> {
        let store = WiredStore { wires: wires.clone(), store: node.store() };
        let broker = WiredBroker { wires: wires.clone(), broker: node.broker() };
        let settings = Settings { batch: scenario.batch, ..Settings::default() };
        let app = App::new(Arc::new(store)).broker(Arc::new(broker)).lanes(scenario.lanes);
        let app = self.services(scenario, app.settings(settings), role);
        let weather = || self.weather.clone();
        match (role != Role::Services && scenario.plays.drawn, version) {
            (false, _) => self.with_bank(scenario, app, role).await,
            (true, 1) => self.with_bank(scenario, app.saga(Drawn::<1>(weather())), role).await,
            (true, _) => {
                let app = app.saga(Drawn::<2>(weather())).former(Drawn::<1>(weather()));
                self.with_bank(scenario, app, role).await
            }
        }
    }

    async fn with_bank<L>(
        &self,
        scenario: &Scenario,
        app: App<L>,
        role: Role,
    ) -> Result<Running, ballet::Error> {
        if role == Role::Services || !scenario.plays.bank {
            return app.start().await;
        }
        let weather = || self.weather.clone();
        let app = app.saga(Transfer::<0>(weather())).saga(Transfer::<1>(weather()));
        app.saga(Transfer::<2>(weather())).start().await
    }

    fn services(&self, scenario: &Scenario, mut app: App, role: Role) -> App {
        if role == Role::Sagas {
            return app;
        }
        let weather = || self.weather.clone();
        if scenario.plays.drawn {
            app = app.reactor(Alpha(weather())).reactor(Beta(weather()));
        }
        if scenario.plays.bank {
            app = app.reactor(Bank(weather()));
        }
        if scenario.plays.counter {
            app = app.reactor(Counter).reactor(Money(weather()));
        }
        if scenario.plays.notes {
            app = app.reactor(Scribe).reactor(Listener(weather())).view::<Counts>();
        }
        app
    }
}
