//! Doing harm: one fault after the other, each of them mended.

use super::crowd::Crowd;
use super::fleet::Fleet;
use super::plan::{Act, Fault, Line, Outside, Server, Told};
use super::tell::{Tell, now};
use ballet::clock::{Stopwatch, Time, rest};
use serde_json::json;
use shop::contracts::{NOTIFICATION, PAYMENTS, SHIPPING};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many purchases are to be under way before harm is done.
const ENOUGH: usize = 3;
/// How long that may take, and how long the shop may take to recover before the next fault comes.
const PATIENCE: Duration = Duration::from_secs(40);
/// How slow a slow network is.
const SLOW: (Duration, u32) = (Duration::from_millis(60), 200_000);

/// A fault that was done and mended.
#[derive(Debug, Clone)]
pub(super) struct Harm {
    pub(super) fault: Fault,
    /// What was done, in words.
    pub(super) told: String,
    pub(super) at: Time,
    pub(super) mended: Time,
    /// Whether the next one came before the shop had recovered.
    pub(super) is_hurried: bool,
}

/// Who does harm.
pub(super) struct Villain {
    pub(super) fleet: Arc<Fleet>,
    pub(super) crowd: Arc<Crowd>,
    pub(super) tell: Arc<Tell>,
    pub(super) harms: Vec<Harm>,
}

impl Villain {
    pub(super) fn new(fleet: &Arc<Fleet>, crowd: &Arc<Crowd>, tell: &Arc<Tell>) -> Self {
        let (fleet, crowd, tell) = (Arc::clone(fleet), Arc::clone(crowd), Arc::clone(tell));
        Self { fleet, crowd, tell, harms: Vec::new() }
    }

    /// Does what is planned, until the time is over.
    pub(super) async fn rage(&mut self, acts: impl Iterator<Item = Act>, lasts: Duration) {
        let watch = Stopwatch::start();
        for act in acts {
            if watch.elapsed() >= lasts {
                return;
            }
            rest(act.pause).await;
            self.act(act).await;
        }
    }

    /// Does one thing, when enough is under way, and mends it.
    pub(super) async fn act(&mut self, act: Act) {
        let enough = self.crowd.until(|known| known.open.len() >= ENOUGH);
        let _ = tokio::time::timeout(PATIENCE, enough).await;
        let open = self.crowd.open();
        let told = Told(act.fault, &self.fleet.names()).to_string();
        let lasts = act.lasts.as_secs_f64();
        let found = open.len();
        self.tell.say(format!("{told}, for {lasts:.1} s: {found} purchases in flight"));
        let at = now();
        self.begin(act.fault).await;
        rest(act.lasts).await;
        self.mend(act.fault).await;
        let mended = now();
        let (fault, is_hurried) = (act.fault, act.is_hurried);
        self.harms.push(Harm { fault, told, at, mended, is_hurried });
        if !is_hurried {
            self.recovers(open).await;
        }
    }

    /// Waits until all that was under way has come to its end.
    async fn recovers(&self, mut open: BTreeSet<String>) {
        open.retain(|order| {
            let known = self.crowd.known();
            known.bought.get(order).is_some_and(|bought| !bought.kind.waits())
        });
        let mended = Stopwatch::start();
        let recovered = self.crowd.until(|known| known.open.is_disjoint(&open));
        let is_over = tokio::time::timeout(PATIENCE, recovered).await.is_ok();
        let after = mended.elapsed().as_secs_f64();
        self.tell.say(match is_over {
            true => format!("    all of them have ended {after:.1} s after it was mended"),
            false => format!("    not all of them have ended {after:.1} s after it was mended"),
        });
    }

    async fn begin(&self, fault: Fault) {
        match fault {
            Fault::Kill(at) => self.fleet.end(at, false).await,
            Fault::End(at) => self.fleet.end(at, true).await,
            Fault::Freeze(at) => {
                let life = self.fleet.slots[at].life.lock().await;
                if let Some(process) = &life.process {
                    process.freeze().await;
                }
            }
            Fault::Scale(at) => {
                let is_there = self.fleet.slots[at].life.lock().await.process.is_some();
                match is_there {
                    true => self.fleet.end(at, true).await,
                    false => self.fleet.want(at).await,
                }
            }
            Fault::Server(server) => self.fleet.kill(server).await,
            Fault::Servers => {
                tokio::join!(self.fleet.kill(Server::Postgres), self.fleet.kill(Server::Kafka));
            }
            Fault::Network(at, server, line) => {
                let network = self.fleet.network(at, server);
                match line {
                    Line::Cut => network.cut().await,
                    Line::Silent => network.silence(),
                    Line::Unheard => network.silence_back(),
                    Line::Slow => network.slow(SLOW.0, SLOW.1),
                }
            }
            Fault::Wire(whom) => self.turn(whom, json!({"wire": "down"})).await,
            Fault::LostAnswers(times) => {
                self.turn(Outside::Provider, json!({"lose_answers": times})).await;
            }
        }
    }

    async fn mend(&self, fault: Fault) {
        match fault {
            Fault::Kill(at) | Fault::End(at) => self.fleet.want(at).await,
            Fault::Freeze(at) => {
                let life = self.fleet.slots[at].life.lock().await;
                if let Some(process) = &life.process {
                    process.thaw().await;
                }
            }
            Fault::Scale(_) | Fault::LostAnswers(_) => {}
            Fault::Server(server) => self.fleet.restart(server).await,
            Fault::Servers => {
                let (postgres, kafka) = (Server::Postgres, Server::Kafka);
                tokio::join!(self.fleet.restart(postgres), self.fleet.restart(kafka));
            }
            Fault::Network(at, server, line) => {
                let network = self.fleet.network(at, server);
                // What hangs in a network that was silent is not delivered after all: it breaks.
                if matches!(line, Line::Unheard) {
                    network.cut().await;
                }
                network.open().await;
            }
            Fault::Wire(whom) => self.turn(whom, json!({"wire": "up"})).await,
        }
    }

    /// Turns a dial, for all processes that call there.
    async fn turn(&self, whom: Outside, turned: serde_json::Value) {
        let (whose, service) = match whom {
            Outside::Provider => ("provider", PAYMENTS),
            Outside::Carrier => ("carrier", SHIPPING),
            Outside::Mail => ("mail", NOTIFICATION),
        };
        let mut turning = JoinSet::new();
        for at in self.fleet.of(service) {
            let (fleet, turned) = (Arc::clone(&self.fleet), turned.to_string());
            turning.spawn(async move { fleet.dial(at, whose, &turned).await.is_some() });
        }
        while turning.join_next().await.is_some() {}
    }
}
