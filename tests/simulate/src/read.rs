//! Reads the history of a play, when all is quiet.

use crate::cast::bank::{ACCOUNTS, Bank, ENDOWMENT, LEDGER, NAMES};
use crate::cast::counter::{MONEY, ORDERS};
use crate::cast::notes::{
    Counted, Counts, HEARD, KEYS, LAST, Listener, NOTES, Noted, Scribe, fold,
};
use crate::cast::{Alpha, Beta, TALLY};
use crate::plans;
use crate::play::Play;
use ballet::broker::Broker;
use ballet::memory::Node;
use ballet::saga::Shape;
use ballet::saga::journal::Journal;
use ballet::store::{LaneId, Store};
use ballet::{Message, Running};
use checkers::{Fold, History, Lane, Rows, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The history of a play; its processes are no more after it.
pub(crate) async fn history(play: &mut Play<'_>) -> History {
    let shapes = plans::shapes();
    let steps = |shape: &Shape| {
        let saga = shape.saga;
        shape
            .steps
            .iter()
            .map(move |line| (saga.to_owned(), line.name.to_owned()))
            .collect::<Vec<_>>()
    };
    let tallied = shapes.values().flat_map(steps).collect();
    let mut history = History { shapes, tallied, ..History::default() };
    let node = play.house.world.node();
    log(&node, play.house.world.topics(), play.scenario.lanes, &mut history).await;
    history.outside = play.house.weather.outside().books();
    ends(&mut history);
    for process in &play.processes {
        if let Some(app) = process.app() {
            rows(play, app, &mut history).await;
            break;
        }
    }
    for process in &mut play.processes {
        process.kill();
    }
    history.commits = play.house.trace.take_commits();
    store(&*node.store(), &mut history).await;
    history
}

/// Everything that is in the log.
async fn log(node: &Node, topics: Vec<String>, lanes: u32, history: &mut History) {
    let broker: Arc<dyn Broker> = node.broker();
    let all: BTreeSet<String> = topics.iter().cloned().collect();
    let Ok(member) = broker.join("the reader of the books", &all, lanes).await else { return };
    for lane in 0..lanes {
        let mut left = 0;
        for topic in &topics {
            let end = broker.range(topic, lane).await.map_or(0, |range| range.end);
            left += end;
            history.ends.insert((topic.clone(), lane), end);
        }
        let mut reader = member.reader(lane);
        reader.seek(&topics.iter().map(|topic| (topic.clone(), 0)).collect());
        while left > 0 {
            let next = tokio::time::timeout(Duration::from_secs(60), reader.next(usize::MAX));
            let Ok(Ok(arrived)) = next.await else { break };
            for arrived in arrived {
                left = left.saturating_sub(1);
                if let Ok(message) = arrived.message {
                    let at = (arrived.topic.into(), lane);
                    history.partitions.entry(at).or_default().push(message);
                }
            }
        }
    }
}

/// What the tables say.
async fn rows(play: &Play<'_>, app: &Running, history: &mut History) {
    let plays = play.scenario.plays;
    if plays.drawn {
        history.tally.extend(app.rows::<Alpha, _, _>(TALLY).await.unwrap_or_default());
        history.tally.extend(app.rows::<Beta, _, _>(TALLY).await.unwrap_or_default());
    }
    if plays.bank {
        let mut accounts: BTreeMap<String, i64> =
            NAMES.iter().map(|name| ((*name).to_owned(), ENDOWMENT)).collect();
        accounts.extend(app.rows::<Bank, _, _>(ACCOUNTS).await.unwrap_or_default());
        let ledger: BTreeMap<String, Vec<i64>> =
            app.rows::<Bank, _, _>(LEDGER).await.unwrap_or_default().into_iter().collect();
        for (leg, moved) in &ledger {
            let first = moved.first().copied().unwrap_or_default();
            let done = moved.iter().map(|cents| if *cents == first { 1 } else { -1 }).collect();
            history.tally.insert(leg.clone(), done);
        }
        let endowment = ENDOWMENT * i64::try_from(NAMES.len()).unwrap_or(0);
        history.bank = Some(checkers::Bank { endowment, accounts, ledger });
    }
    if plays.notes {
        let said = app.rows::<Scribe, _, _>(LAST).await.unwrap_or_default();
        let heard = app.rows::<Listener, _, _>(HEARD).await.unwrap_or_default();
        history.said = said.into_iter().collect();
        history.heard = heard.into_iter().collect();
        views(app, history).await;
    }
}

async fn views(app: &Running, history: &mut History) {
    let mut folded: BTreeMap<String, Counted> = BTreeMap::new();
    for (.., message) in history.once().filter(|(topic, ..)| *topic == NOTES.name) {
        let noted = serde_json::from_slice::<Noted>(&message.body);
        let Ok(noted) = noted else { continue };
        let row = fold(folded.remove(&noted.key), &noted);
        folded.insert(noted.key, row);
    }
    let told = |row: Counted| format!("{row:?}");
    let replayed = folded.into_iter().map(|(key, row)| (key, told(row))).collect();
    let mut stored = Rows::new();
    for key in KEYS {
        let key = key.to_owned();
        if let Some(row) = app.view::<Counts>(&key).await.ok().flatten() {
            stored.insert(key, told(row));
        }
    }
    history.folds.insert("counts".to_owned(), Fold { stored, replayed });
}

/// What the database holds beyond rows.
async fn store(store: &dyn Store, history: &mut History) {
    history.dead = store.dead_letters(None, u32::MAX).await.unwrap_or_default();
    let given_up = history.commits.iter().flat_map(|commit| &commit.writes.dead);
    let of_listener = given_up.filter(|letter| letter.lane.group == "listener");
    history.given_up = of_listener.map(|letter| letter.key.to_string()).collect();
    let sagas: BTreeSet<String> = history.shapes.keys().map(|(saga, _)| saga.clone()).collect();
    for saga in sagas {
        for row in store.runs(&saga, None, u32::MAX).await.unwrap_or_default() {
            let journal = Journal::decode(&row.body).expect("nobody damages journals here");
            let (saga, run, status) = (row.saga, row.run, row.status);
            history.runs.push(Run { saga, run, status, journal });
        }
    }
    let waiting = store.waiting().await.unwrap_or_default();
    let lanes: BTreeSet<LaneId> =
        history.commits.iter().map(|commit| commit.lane.clone()).chain(waiting.clone()).collect();
    for id in lanes {
        let Ok(taken) = store.take(&id).await else { continue };
        let parked = taken.parked.iter().map(|parked| {
            format!(
                "{} of key `{}`: {:?}, {}",
                parked.number, parked.key, parked.held, parked.reason
            )
        });
        let lane = Lane {
            parked: parked.collect(),
            positions: taken.positions,
            incarnation: store.incarnation(),
            sent: taken.sent,
            calls: taken.calls.len(),
            unpublished: taken.unpublished.iter().map(|(_, messages)| messages.len()).sum(),
            inbox: waiting.contains(&id),
        };
        history.lanes.insert(id, lane);
    }
}

/// The ends of what was ordered.
fn ends(history: &mut History) {
    let mut ends: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut late = BTreeSet::new();
    let name = |message: &Message| message.envelope.name.clone();
    for (topic, _, message) in history.once() {
        let key = message.envelope.key.to_string();
        match name(message).as_str() {
            "order.ordered" if topic == ORDERS.name => {
                ends.entry(key).or_default();
            }
            "money.paid" if topic == MONEY.name => {
                ends.entry(key).or_default().insert("paid");
            }
            "money.cancelled" if topic == MONEY.name => {
                ends.entry(key).or_default().insert("cancelled");
            }
            "money.too-late" if topic == MONEY.name => {
                late.insert(key);
            }
            _ => {}
        }
    }
    for (key, ends) in &mut ends {
        if ends.is_empty() && late.contains(key) {
            ends.insert("too late");
        }
    }
    let told = |ends: BTreeSet<&str>| ends.into_iter().map(str::to_owned).collect();
    history.ends_of = ends.into_iter().map(|(key, ends)| (key, told(ends))).collect();
}
