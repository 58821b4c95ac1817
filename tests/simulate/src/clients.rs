//! What clients do. Whoever gets no answer asks again, under the same key.

use crate::cast::bank::{Move, NAMES, Transfer};
use crate::cast::counter::{Cancel, Order, Pack};
use crate::cast::drawn::{Deal, Drawn};
use crate::cast::notes::Note;
use crate::house::Role;
use crate::play::Play;
use crate::scenario::Act;
use ballet::saga::journal::Verb;
use ballet::{Error, Key, Refusal, Running};
use std::time::Duration;

/// How long a client waits for a process that may be dead.
const PATIENCE: Duration = Duration::from_secs(2);

async fn ask(asked: impl Future<Output = Result<(), Error>>) -> bool {
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(())))
}

impl Play<'_> {
    /// Somebody who may answer what is asked of sagas, or of services.
    pub(crate) fn somebody(&mut self, not: Role) -> Option<usize> {
        self.turn += 1;
        let count = self.processes.len();
        let well = |at: &usize| {
            let process = &self.processes[at % count];
            process.role != not && process.app().is_some()
        };
        (self.turn..self.turn + count).find(well).map(|at| at % count)
    }

    fn app(&self, at: usize) -> Option<&Running> {
        self.processes[at].app()
    }

    /// Whatever a client does; `false` if it does not know whether it is done.
    pub(crate) async fn act(&mut self, act: &Act) -> bool {
        let is_of_sagas =
            matches!(act, Act::Begin(_) | Act::Signal(..) | Act::CancelRun(_) | Act::Move { .. });
        let not = if is_of_sagas { Role::Services } else { Role::Sagas };
        let Some(app) = self.somebody(not).and_then(|at| self.app(at)) else { return false };
        match act {
            Act::Begin(n) => {
                ask(async {
                    app.begin::<Drawn<1>>(format!("r{n}"), &Deal { n: *n }).await.map(drop)
                })
                .await
            }
            Act::Signal(n, step, yes) => {
                let run = app.run::<Drawn<1>>(format!("r{n}"));
                ask(async {
                    match yes {
                        true => run.signal(step, &()).await,
                        false => run.refuse(step, Refusal::new("no", "not this one")).await,
                    }
                })
                .await
            }
            Act::CancelRun(n) => {
                let run = app.run::<Drawn<1>>(format!("r{n}"));
                ask(run.cancel("a client", "the dice")).await
            }
            Act::Move { n, shape, accounts, cents } => {
                let [from, other, to] = accounts.map(|at| NAMES[at].to_owned());
                let (run, moved) = (format!("m{n}"), Move { from, other, to, cents: *cents });
                match shape {
                    0 => ask(async { app.begin::<Transfer<0>>(run, &moved).await.map(drop) }).await,
                    1 => ask(async { app.begin::<Transfer<1>>(run, &moved).await.map(drop) }).await,
                    _ => ask(async { app.begin::<Transfer<2>>(run, &moved).await.map(drop) }).await,
                }
            }
            Act::Order(n) => {
                let (id, key) = (format!("o{n}"), format!("order/{n}"));
                let about = Key::new(&*id);
                ask(async { app.request(&key, &about, &Order { id }).await.map(drop) }).await
            }
            Act::Pack(n) => {
                let (id, key) = (format!("o{n}"), format!("pack/{n}"));
                let about = Key::new(&*id);
                ask(async { app.request(&key, &about, &Pack { id }).await.map(drop) }).await
            }
            Act::Cancel(n) => {
                let (id, key) = (format!("o{n}"), format!("cancel/{n}"));
                let about = Key::new(&*id);
                ask(async { app.request(&key, &about, &Cancel { id }).await.map(drop) }).await
            }
            Act::Note(n, key) => {
                let (about, id, key) = (Key::new(*key), format!("note/{n}"), (*key).to_owned());
                ask(async { app.request(&id, &about, &Note { key }).await.map(drop) }).await
            }
        }
    }

    /// An operator does something to a run.
    pub(crate) async fn operate(&mut self, saga: &str, run: &str, step: &str, verb: Verb) -> bool {
        let Some(app) = self.somebody(Role::Services).and_then(|at| self.app(at)) else {
            return false;
        };
        ask(app.operate(saga, run, verb, step, "Eva", "the dice")).await
    }
}
