//! A scene: a world, the processes in it, and whoever asks them.

use crate::app::{App, Outcome, Running};
use crate::clock::{RuntimeClock, Time, rest};
use crate::error::{Error, ErrorKind, Refusal};
use crate::memory::World;
use crate::message::{Command, Key, Record};
use crate::reactor::Reactor;
use crate::saga::Saga;
use crate::story::explore::part::Part;
use crate::story::explore::plot::Plot;
use crate::table::{Table, TableKey};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When every story begins.
const MIDNIGHT: Time = Time::from_micros(1_700_006_400_000_000);
/// How long a client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(5);
const A_MOMENT: Duration = Duration::from_millis(100);
/// When nothing was said for so long, all is quiet.
const QUIET: Duration = Duration::from_secs(60);
/// How long all may take to be well again when nothing goes wrong any more.
const RECOVERY: Duration = Duration::from_secs(600);

/// One telling of a story: a store and a broker in memory, virtual time, the processes that the story
/// [serves](Scene::serve), and clients who ask again when nobody answers. Clones are the same scene.
#[derive(Clone)]
pub struct Scene(Arc<Inner>);

struct Inner {
    world: World,
    clock: RuntimeClock,
    plot: Plot,
    /// Serves nothing and never dies.
    office: Running,
    parts: Mutex<BTreeMap<String, Arc<Part>>>,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts().keys()).finish()
    }
}

impl Scene {
    pub(super) async fn open(plot: Plot) -> Result<Self, Error> {
        let clock = RuntimeClock::starting_at(MIDNIGHT);
        let world = World::new(Arc::new(clock.clone()));
        let office = world.node();
        let office = App::new(office.store()).broker(office.broker()).start().await?;
        Ok(Self(Arc::new(Inner { world, clock, plot, office, parts: Mutex::default() })))
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Part>>> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Store and broker, and what they have.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// What time it is there: at first a midnight, in UTC.
    #[must_use]
    pub fn clock(&self) -> &RuntimeClock {
        &self.0.clock
    }

    /// The plot, for processes that are made by hand.
    #[must_use]
    pub fn plot(&self) -> &Plot {
        &self.0.plot
    }

    /// What was done until now is the setting: no telling is made for what could have gone wrong there.
    pub fn rise(&self) {
        self.0.plot.rise();
    }

    /// An app that serves nothing and never dies: to look into what everybody keeps.
    #[must_use]
    pub fn office(&self) -> &Running {
        &self.0.office
    }

    /// Serves an app in a process of its own, which is started again whenever it dies. `start` is given an
    /// app of one lane over the world's store and broker.
    ///
    /// # Panics
    ///
    /// If the app breaks a rule, and so can never start.
    pub async fn serve<F>(&self, name: &str, start: impl Fn(App) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Running, Error>> + Send + 'static,
    {
        let part = Part::new(name, start);
        let before = self.parts().insert(name.to_owned(), Arc::clone(&part));
        assert!(before.is_none(), "two parts are called `{name}`");
        tokio::spawn(Arc::clone(&part).live(self.0.world.clone(), self.0.plot.clone()));
        self.app(&part).await;
    }

    async fn app(&self, part: &Part) -> Arc<Running> {
        loop {
            match part.app() {
                Some(app) => return app,
                None => rest(A_MOMENT).await,
            }
        }
    }

    /// Asks the process that serves a part, and again when it dies or fails, as a client does that wants to
    /// know. What is asked must be the same however often it is.
    ///
    /// # Panics
    ///
    /// If no part has this name; and if it is told that what it asks is wrong.
    pub async fn ask<T>(&self, name: &str, ask: impl AsyncFn(&Running) -> Result<T, Error>) -> T {
        let part = self.parts().get(name).cloned();
        let part = part.unwrap_or_else(|| panic!("no part is called `{name}`"));
        loop {
            let app = self.app(&part).await;
            match tokio::time::timeout(PATIENCE, ask(&app)).await {
                Ok(Ok(said)) => return said,
                Ok(Err(told)) if is_for_good(&told) => panic!("`{name}` says: {told}"),
                Ok(Err(_)) | Err(_) => rest(A_MOMENT).await,
            }
        }
    }

    /// Begins a run of a saga at the part of this name.
    ///
    /// # Panics
    ///
    /// If there is a run of this id with another input, or no such part.
    pub async fn begin<S: Saga>(&self, part: &str, id: &str, input: &S::Input) {
        self.ask(part, async |app| app.begin::<S>(id, input).await.map(drop)).await;
    }

    /// Asks a service for something, under a key, and waits for its answer.
    ///
    /// # Errors
    ///
    /// The service's no.
    ///
    /// # Panics
    ///
    /// If something else was asked under this key, or there is no such part.
    pub async fn request<C: Command>(
        &self,
        part: &str,
        id: &str,
        about: &str,
        command: &C,
    ) -> Result<C::Reply, Refusal> {
        let about = Key::new(about);
        self.ask(part, async |app| {
            let reply = app.request(id, &about, command).await?.reply(PATIENCE).await?;
            reply.ok_or_else(|| Error::new(ErrorKind::Busy, "nobody has answered yet"))
        })
        .await
    }

    /// Waits for the end of a run.
    ///
    /// # Panics
    ///
    /// If what is stored of it cannot be read.
    pub async fn outcome<S: Saga>(&self, part: &str, id: &str) -> Outcome {
        self.ask(part, async |app| {
            let outcome = app.run::<S>(id).outcome_within(PATIENCE / 2).await?;
            outcome.ok_or_else(|| Error::new(ErrorKind::Busy, "it has not ended yet"))
        })
        .await
    }

    /// A row of a service's table.
    ///
    /// # Panics
    ///
    /// If it is not of its type.
    pub async fn row<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
        key: &K,
    ) -> Option<V> {
        let row = self.0.office.row::<R, K, V>(table, key).await;
        row.unwrap_or_else(|told| panic!("`{}`: {told}", R::NAME))
    }

    /// Waits until nobody says anything any more: nothing for a minute of virtual time.
    pub async fn quiet(&self) {
        let mut said = None;
        loop {
            let now = self.0.world.appended();
            if said.replace(now) == Some(now) {
                return;
            }
            rest(QUIET).await;
        }
    }

    /// What is wrong when all is over, whatever the story: who is not well again, what is set aside for
    /// ever, and what had to be given up.
    pub(super) async fn troubles(&self) -> Vec<String> {
        self.0.plot.end();
        let parts: Vec<_> = self.parts().clone().into_iter().collect();
        let mut wrong = Vec::new();
        for (name, part) in parts {
            let recovers = async {
                while !self.app(&part).await.is_ready() {
                    rest(A_MOMENT).await;
                }
            };
            if tokio::time::timeout(RECOVERY, recovers).await.is_err() {
                let health = part.app().map(|app| app.health());
                wrong.push(format!("`{name}` is not well again: {health:?}"));
            }
        }
        wrong.extend(self.given_up().await);
        wrong
    }

    async fn given_up(&self) -> Vec<String> {
        match self.0.office.dead_letters(100).await {
            Ok(letters) => {
                let told = letters.iter().map(|dead| format!("given up: {}", dead.reason));
                told.collect()
            }
            Err(told) => vec![told.to_string()],
        }
    }
}

/// Whether asking again is of no use.
fn is_for_good(told: &Error) -> bool {
    matches!(
        told.kind(),
        ErrorKind::Conflict
            | ErrorKind::NotFound
            | ErrorKind::TooLong
            | ErrorKind::Definition
            | ErrorKind::Codec
    )
}
