//! A part of a story: an app in a process that is started again when it is gone.

use crate::app::{App, Running};
use crate::clock::rest;
use crate::error::{Error, ErrorKind};
use crate::future::BoxFuture;
use crate::memory::{Node, World};
use crate::story::explore::plot::Plot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often it is looked whether a process is still there.
const BETWEEN: Duration = Duration::from_millis(500);
/// How long a process may take to start, until another one is tried.
const START: Duration = Duration::from_secs(20);
/// How long a process stands still that is frozen.
const FROZEN: Duration = Duration::from_secs(30);

type Start = dyn Fn(App) -> BoxFuture<'static, Result<Running, Error>> + Send + Sync;

#[derive(Default)]
struct Life {
    node: Option<Node>,
    app: Option<Arc<Running>>,
    /// Processes that were replaced, and may wake up.
    former: Vec<(Node, Arc<Running>)>,
    /// Why it never starts.
    broken: Option<String>,
}

/// An app, and what starts it.
pub(super) struct Part {
    name: String,
    start: Box<Start>,
    life: Mutex<Life>,
}

impl Part {
    pub(super) fn new<F>(name: &str, start: impl Fn(App) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<Running, Error>> + Send + 'static,
    {
        let start: Box<Start> = Box::new(move |app| Box::pin(start(app)));
        Arc::new(Self { name: name.to_owned(), start, life: Mutex::default() })
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The app at work, if one is.
    ///
    /// # Panics
    ///
    /// If it never starts.
    pub(super) fn app(&self) -> Option<Arc<Running>> {
        let life = self.life();
        if let Some(why) = &life.broken {
            panic!("`{}` does not start: {why}", self.name);
        }
        let is_there = life.node.as_ref().is_some_and(|node| node.is_alive() && !node.is_frozen());
        life.app.clone().filter(|_| is_there)
    }

    /// Looks after its process, for as long as it is polled.
    pub(super) async fn live(self: Arc<Self>, world: World, plot: Plot) {
        while self.life().broken.is_none() {
            if self.app().is_none() {
                self.retire();
                self.begin(&world, &plot).await;
            }
            rest(BETWEEN).await;
        }
    }

    /// Lets go of a process that is dead. One that is frozen is still there, and wakes up later.
    fn retire(&self) {
        let mut life = self.life();
        let (node, app) = (life.node.take(), life.app.take());
        if let (Some(node), Some(app)) = (node, app)
            && node.is_alive()
        {
            let frozen = node.clone();
            tokio::spawn(async move {
                rest(FROZEN).await;
                frozen.thaw();
            });
            life.former.push((node, app));
        }
    }

    async fn begin(&self, world: &World, plot: &Plot) {
        let node = plot.node(world, &self.name);
        let app = App::new(node.store()).broker(node.broker()).lanes(1);
        let started = tokio::time::timeout(START, (self.start)(app)).await;
        let mut life = self.life();
        match started {
            Ok(Ok(app)) => {
                life.app = Some(Arc::new(app));
                life.node = Some(node);
            }
            // A broken definition does not mend itself.
            Ok(Err(told)) if told.kind() == ErrorKind::Definition => {
                life.broken = Some(told.to_string());
            }
            Ok(Err(_)) | Err(_) => node.kill(),
        }
    }
}
