//! Putting an application together: which sagas, reactors and views this process serves.

mod ask;
mod define;
mod look;
mod position;
mod range;
mod rebuild;
mod running;
mod topology;
mod traced;

pub use ask::{Requested, Run};
pub use look::Outcome;
pub use position::Position;
pub use running::Running;
pub use topology::{Rights, Topology};
pub use traced::Traced;

use crate::broker::Broker;
use crate::coordinator::{Carried, Carrier, Coordinator, Starts};
use crate::engine::{Handler, Reacting, Settings, Viewing};
use crate::error::{Error, Fault};
use crate::message::{Event, Record};
use crate::reactor::Reactor;
use crate::saga::Saga;
use crate::saga::journal::Signal;
use crate::store::Store;
use crate::view::View;
use define::Definitions;
use serde_json::value::to_raw_value;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// An application in the making. `L` is the saga that was added last, to which
/// [`begun_by`](App::begun_by) and its like belong.
///
/// One process may serve all of it or any part; several may serve the same part.
#[must_use = "an app does nothing until it is started"]
pub struct App<L = ()> {
    store: Arc<dyn Store>,
    broker: Option<Arc<dyn Broker>>,
    lanes: u32,
    settings: Settings,
    definitions: Definitions,
    /// The saga that was added last, still open to what begins it.
    open: Option<(&'static str, Vec<Arc<dyn Carrier>>, Starts)>,
    last: PhantomData<fn() -> L>,
}

impl<L> fmt::Debug for App<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an app of {} lanes", self.lanes)
    }
}

/// Two lanes are enough for one process on one file.
const EMBEDDED_LANES: u32 = 2;

impl App {
    /// An app over this store, and its own broker if it has one.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            broker: store.log(),
            store,
            lanes: EMBEDDED_LANES,
            settings: Settings::default(),
            definitions: Definitions::default(),
            open: None,
            last: PhantomData,
        }
    }
}

impl<L> App<L> {
    /// Messages go over this broker. A store that has its log in itself, as SQLite has and Postgres with
    /// [a log](crate::postgres::Config::with_log), takes no other one: that is refused at the start.
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.broker = Some(broker);
        self
    }

    /// How many lanes every group has: 2 by default, and one at least. It is pinned by the first start.
    pub const fn lanes(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// The bounds of the engine.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Serves a saga: this process may coordinate its runs.
    pub fn saga<S: Saga>(mut self, saga: S) -> App<S> {
        self.close();
        let carried = Carried::new(saga);
        self.definitions.plan(carried.check(), carried.shape());
        let plans: Vec<Arc<dyn Carrier>> = vec![Arc::new(carried)];
        self.open = Some((S::NAME, plans, Starts::default()));
        self.of()
    }

    /// Serves a reactor. One that never ran begins with what is said from now on (H20).
    pub fn reactor<R: Reactor>(self, reactor: R) -> App {
        self.react(reactor, false)
    }

    /// Serves a reactor that, should it never have run, begins with the first message that is still
    /// there.
    pub fn reactor_from_the_beginning<R: Reactor>(self, reactor: R) -> App {
        self.react(reactor, true)
    }

    fn react<R: Reactor>(mut self, reactor: R, from_the_beginning: bool) -> App {
        self.close();
        self.definitions.reactor::<R>();
        self.definitions.handler(Arc::new(Reacting::new(reactor, from_the_beginning)));
        self.of()
    }

    /// Serves a view: it is folded from the first message that is still there.
    pub fn view<W: View>(mut self) -> App {
        self.close();
        self.definitions.handler(Arc::new(Viewing::<W>::new()));
        self.of()
    }

    /// Ends what was open for the saga that was added last.
    fn close(&mut self) {
        if let Some((saga, plans, starts)) = self.open.take() {
            self.definitions.shapes.insert(saga, Arc::clone(&plans[0]));
            self.definitions.handler(Arc::new(Coordinator::new(saga, plans, starts)));
        }
    }

    fn of<M>(self) -> App<M> {
        let Self { store, broker, lanes, settings, definitions, open, .. } = self;
        App { store, broker, lanes, settings, definitions, open, last: PhantomData }
    }

    /// Checks the definitions, makes sure of the topics, and starts to work.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`](crate::ErrorKind::Definition) with every rule that is broken;
    /// otherwise what store or broker say.
    ///
    /// # If the process dies
    ///
    /// Whenever that is, the next one that starts finds what was committed, and goes on from there.
    /// What the start itself writes, topics and where groups begin to read, is written once and
    /// left as it is afterwards.
    pub async fn start(mut self) -> Result<Running, Error> {
        self.close();
        let Self { store, broker, lanes, settings, definitions, .. } = self;
        Running::start(store, broker, lanes, settings, definitions).await
    }
}

impl<S: Saga> App<S> {
    /// Begins a run whenever `E` is heard for which `f` names a run and its input.
    ///
    /// # If the process dies
    ///
    /// The event is heard again; a run is begun once by its id.
    pub fn begun_by<E: Event>(
        mut self,
        f: impl Fn(&E) -> Option<(String, S::Input)> + Send + Sync + 'static,
    ) -> Self {
        self.starts().begun_by::<S, E>(f);
        self
    }

    /// Cancels a run whenever `E` is heard for which `f` names a run and a reason.
    ///
    /// # If the process dies
    ///
    /// The event is heard again; a run is cancelled once.
    pub fn cancelled_by<E: Event>(
        mut self,
        f: impl Fn(&E) -> Option<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.starts().cancelled_by::<E>(f);
        self
    }

    /// Signals a run whenever `E` is heard for which `f` names a run and what is said to its step.
    ///
    /// # If the process dies
    ///
    /// The event is heard again; a step hears one signal.
    pub fn signalled_by<E: Event, T: Record>(
        mut self,
        step: &'static str,
        f: impl Fn(&E) -> Option<(String, T)> + Send + Sync + 'static,
    ) -> Self {
        self.starts().signalled_by::<E>(move |event| {
            let Some((run, said)) = f(event) else { return Ok(None) };
            let signal = Signal::Yes(to_raw_value(&said).map_err(Fault::from)?);
            Ok(Some((run, step.to_owned(), signal)))
        });
        self
    }

    /// Keeps an older plan of the same saga for its unfinished runs.
    pub fn former<F: Saga>(mut self, saga: F) -> Self {
        let carried = Carried::new(saga);
        self.definitions.former(S::NAME, F::NAME, carried.check());
        self.definitions.targets(carried.shape());
        if let Some((_, plans, _)) = &mut self.open {
            plans.push(Arc::new(carried));
        }
        self
    }

    fn starts(&mut self) -> &mut Starts {
        let (_, _, starts) = self.open.as_mut().expect("a saga was added last");
        starts
    }
}

/// The handlers of an app.
pub(crate) type Handlers = Vec<Arc<dyn Handler>>;
