//! What the process of an [owner](super::owner) does.

use super::home::Opened;
use super::owner::{Began, Deed, Ended, Task, TookOver};
use super::saga::{EFFECTS, FiveSteps, Order, Orders, STEPS, Worker};
use super::{said, topics};
use crate::Failed;
use crate::meter;
use ballet::clock::{Stopwatch, rest};
use ballet::{App, Running};
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};

/// How many are begun at a time.
const AT_A_TIME: u64 = 256;

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(5);

/// Reads its task and does it.
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
        Deed::Begin(count) => {
            say(&begin(&app, &opened, count).await?)?;
            // Until it is killed.
            std::future::pending::<()>().await;
        }
        Deed::TakeOver(count) => {
            say(&take_over(&app, lanes, count, began).await?)?;
            say(&end(&opened, lanes, count).await?)?;
        }
    }
    Arc::into_inner(app).ok_or("somebody still begins")?.stop().await;
    opened.close().await;
    Ok(())
}

fn say<T: Serialize>(what: &T) -> Result<(), Failed> {
    println!("{}", serde_json::to_string(what)?);
    Ok(std::io::stdout().flush()?)
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
    while said(&*opened.broker, &commands).await? < count {
        rest(LOOK).await;
    }
    Ok(Began { seconds: began.elapsed().as_secs_f64(), rss: meter::resident().unwrap_or_default() })
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
    Ok(TookOver { first_lane, progress, all_lanes, rss: meter::resident().unwrap_or_default() })
}

/// Somebody works for them now. Waits until all have left what they must, and looks at it.
async fn end(opened: &Opened, lanes: u32, count: u64) -> Result<Ended, Failed> {
    let began = Stopwatch::start();
    let store = opened.worker.clone().unwrap_or_else(|| opened.coordinator.clone());
    let app = App::new(store).broker(opened.broker.clone()).lanes(lanes).reactor(Worker);
    let worker = app.start().await?;
    let wanted = (count + 1) * u64::from(STEPS);
    let [_, replies] = topics();
    while said(&*opened.broker, &replies).await? < wanted {
        rest(LOOK).await;
    }
    // What is looked through afterwards takes room of its own.
    let most_rss = meter::most_resident().unwrap_or_default();
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
