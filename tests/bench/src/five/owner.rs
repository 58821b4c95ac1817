//! A coordinator in a process of its own, so that there can be two, and one can be killed.
//!
//! It is this program again. It reads its task from standard input, as one line of JSON, and says on standard
//! output what came of it, a line of JSON each time. It ends when its input does.

use super::home::{Home, Opened};
use super::saga::{EFFECTS, FiveSteps, Order, Orders, STEPS, Worker};
use super::topics;
use crate::Failed;
use crate::figure::MEGABYTE;
use crate::meter;
use crate::processes::Server;
use ballet::clock::{Stopwatch, rest};
use ballet::{App, Running};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};

/// The mode in which this program is one.
pub const OWNER: &str = "owner";

/// How many are begun at a time.
const AT_A_TIME: u64 = 256;

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(5);

/// What an owner does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub home: Home,
    pub lanes: u32,
    pub deed: Deed,
}

/// What becomes of the home.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Deed {
    /// It coordinates, beside others.
    Help,
    /// So many are begun, and nobody works for them.
    Begin(u64),
    /// So many were begun by an owner who is no more. They are taken over, and all come to their end.
    TakeOver(u64),
}

/// Those that were begun.
#[derive(Debug, Serialize, Deserialize)]
pub struct Began {
    pub seconds: f64,
    pub rss: f64,
}

/// A moment at which all lanes have an owner and one has committed something; seconds from the beginning of
/// the process.
#[derive(Debug, Serialize, Deserialize)]
pub struct TookOver {
    pub first_lane: f64,
    pub progress: f64,
    pub all_lanes: f64,
    pub rss: f64,
}

/// All have come to their end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ended {
    pub seconds: f64,
    pub most_rss: f64,
}

/// An owner, as whoever started it sees it.
pub struct Owner {
    child: Child,
    told: Option<BufReader<ChildStdout>>,
}

impl Owner {
    pub fn start(task: &Task) -> Result<Self, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(OWNER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdout.take().map(BufReader::new);
        let line = serde_json::to_string(task)?;
        let input = child.stdin.as_mut().ok_or("an owner reads its task")?;
        writeln!(input, "{line}")?;
        Ok(Self { child, told })
    }

    /// What it says next.
    pub async fn told<T: DeserializeOwned>(&mut self) -> Result<T, Failed> {
        let mut told = self.told.take().ok_or("an owner says one thing at a time")?;
        let (told, line) = spawn_blocking(move || {
            let mut line = String::new();
            told.read_line(&mut line).map(|_| (told, line))
        })
        .await??;
        self.told = Some(told);
        serde_json::from_str(&line).map_err(|_| format!("an owner has ended: {line:?}").into())
    }

    pub fn process(&self) -> Server {
        Server::of(self.child.id())
    }

    /// As a power cut would.
    pub fn kill(mut self) -> Result<(), Failed> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets it end.
    pub async fn dismiss(mut self) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let status = spawn_blocking(move || self.child.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("an owner has ended: {status}").into()) }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// What the process of an owner does.
pub async fn serve() -> Result<(), Failed> {
    let began = Stopwatch::start();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let Task { home, lanes, deed } = serde_json::from_str(&line)?;
    let opened = home.open().await?;
    let app = App::new(opened.coordinator.clone()).broker(opened.broker.clone()).lanes(lanes);
    // Whoever is begun for nobody waits for long, and neither asks again nor gives up meanwhile.
    let saga = FiveSteps { is_patient: !matches!(deed, Deed::Help) };
    let app = Arc::new(app.saga(saga).start().await?);
    match deed {
        Deed::Help => {
            has_lanes(&app, 1).await;
            say(&())?;
            spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        }
        Deed::Begin(count) => say(&begin(&app, &opened, count).await?)?,
        Deed::TakeOver(count) => {
            say(&take_over(&app, lanes, count, began).await?)?;
            say(&end(&opened, lanes, count).await?)?;
        }
    }
    if let Deed::Begin(_) = deed {
        // Until it is killed.
        std::future::pending::<()>().await;
    }
    Arc::into_inner(app).ok_or("somebody still begins")?.stop().await;
    opened.close().await;
    Ok(())
}

fn say<T: Serialize>(what: &T) -> Result<(), Failed> {
    println!("{}", serde_json::to_string(what)?);
    Ok(std::io::stdout().flush()?)
}

fn rss() -> f64 {
    meter::resident().unwrap_or_default() as f64 / MEGABYTE
}

/// How many lanes this process has.
fn owned(app: &Running) -> usize {
    app.health().values().filter(|lane| lane.owned).count()
}

async fn has_lanes(app: &Running, count: usize) {
    while owned(app) < count {
        rest(LOOK).await;
    }
}

const fn order(number: u64) -> Order {
    Orders { failing: 0 }.of(number)
}

/// Begins so many, and waits until each has asked for its first step.
async fn begin(app: &Arc<Running>, opened: &Opened, count: u64) -> Result<Began, Failed> {
    let began = Stopwatch::start();
    let mut clients = JoinSet::new();
    for first in 0..AT_A_TIME.min(count) {
        let app = Arc::clone(app);
        clients.spawn(async move {
            for number in (first..count).step_by(AT_A_TIME as usize) {
                app.begin::<FiveSteps>(number.to_string(), &order(number)).await?;
            }
            Ok::<_, Failed>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let [commands, _] = topics();
    while said(opened, &commands).await? < count {
        rest(LOOK).await;
    }
    Ok(Began { seconds: began.elapsed().as_secs_f64(), rss: rss() })
}

/// Waits until every lane has an owner, and one more has begun, whose number is `count`.
async fn take_over(
    app: &Arc<Running>,
    lanes: u32,
    count: u64,
    began: Stopwatch,
) -> Result<TookOver, Failed> {
    let now = || began.elapsed().as_secs_f64();
    let client = {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            app.begin::<FiveSteps>(count.to_string(), &order(count)).await.map(drop)
        })
    };
    let lane = async {
        has_lanes(app, 1).await;
        let first = now();
        has_lanes(app, lanes as usize).await;
        Ok::<_, Failed>((first, now()))
    };
    let begun = async {
        client.await??;
        let run = app.run::<FiveSteps>(count.to_string());
        while run.journal().await?.is_none() {
            rest(LOOK).await;
        }
        Ok::<_, Failed>(now())
    };
    let ((first_lane, all_lanes), progress) = tokio::try_join!(lane, begun)?;
    Ok(TookOver { first_lane, progress, all_lanes, rss: rss() })
}

/// Somebody works for them now. Waits until all have left what they must, and looks at it.
async fn end(opened: &Opened, lanes: u32, count: u64) -> Result<Ended, Failed> {
    let began = Stopwatch::start();
    let store = opened.worker.clone().unwrap_or_else(|| opened.coordinator.clone());
    let app = App::new(store).broker(opened.broker.clone()).lanes(lanes).reactor(Worker);
    let worker = app.start().await?;
    let wanted = (count + 1) * u64::from(STEPS);
    let [_, replies] = topics();
    while said(opened, &replies).await? < wanted {
        rest(LOOK).await;
    }
    // What is looked through afterwards takes room of its own.
    let most_rss = meter::most_resident().unwrap_or_default() as f64 / MEGABYTE;
    loop {
        let seconds = began.elapsed().as_secs_f64();
        let found = worker.rows::<Worker, _, _>(EFFECTS).await?;
        if found.len() as u64 >= wanted {
            Orders { failing: 0 }.check(count + 1, &found.into_iter().collect())?;
            worker.stop().await;
            return Ok(Ended { seconds, most_rss });
        }
        rest(Duration::from_millis(500)).await;
    }
}

/// How many messages a topic has.
async fn said(opened: &Opened, topic: &str) -> Result<u64, Failed> {
    let mut all = 0;
    for partition in 0..opened.broker.partitions(topic).await? {
        all += opened.broker.range(topic, partition).await?.end;
    }
    Ok(all)
}
