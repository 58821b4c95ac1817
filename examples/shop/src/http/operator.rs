//! What operators do: look at runs and dead letters, and help them on.

use crate::alerts::{ALERTS as LIST, Alert};
use crate::contracts::{ALERTS, ORDERS, OrderId};
use crate::http::answer::{Answer, Body, Named, No, Query, read, say};
use crate::http::desk::Desk;
use crate::http::runs::Runs;
use crate::orders::Entry;
use crate::timeline::{self, FACTS, Fact, LISTS, TIMELINE, Timeline};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use ballet::saga::journal::{Journal, Verb, What};
use ballet::store::{DeadLetter, Status};
use ballet::story::tell;
use ballet::{ErrorKind, Reactions, Reactor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

/// `GET /health`: how every lane is, and whether any of them is in trouble.
pub(super) async fn health(State(desk): State<Arc<Desk>>) -> Answer {
    let health = desk.health();
    let lanes: Vec<Value> = health
        .iter()
        .map(|(lane, health)| {
            json!({
                "group": lane.group,
                "lane": lane.lane,
                "owned": health.owned,
                "caught_up": health.caught_up,
                "time": health.time.to_string(),
                "batches": health.batches,
                "parked": health.parked.values().sum::<usize>(),
                "calling": health.calling,
                "duplicates": health.duplicates,
                "broken": health.broken,
                "told": health.told,
            })
        })
        .collect();
    let trouble = desk.trouble();
    let is_well = trouble.is_none()
        && health.values().all(|lane| lane.broken.is_empty() && lane.told.is_none());
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let said = json!({
        "well": is_well,
        "trouble": trouble,
        "services": desk.services(),
        "lanes": lanes,
    });
    Ok(say(status, &said))
}

/// `GET /ready`: whether it may be given work.
pub(super) async fn ready(State(desk): State<Arc<Desk>>) -> Answer {
    match desk.is_ready() {
        true => Ok(say(StatusCode::OK, &json!({"ready": true}))),
        false => Err(No::later(
            "not_ready",
            "lanes are being taken up, or something is in trouble: see /health",
        )),
    }
}

/// `GET /runs`: the runs, newest first. Where nobody coordinates, the orders are the runs.
pub(super) async fn list(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery) -> Answer {
    has_runs(&desk)?;
    let query = Query::of(query);
    let limit = query.limit()?;
    let Some(runs) = desk.runs else { return orders(&desk, &query, limit).await };
    let status = match query.get("status") {
        None => None,
        Some(word) => Some(Status::of(word).ok_or_else(|| bad_status(OF_RUNS))?),
    };
    let found = desk.app(runs.saga)?.runs(runs.saga, status, limit).await?;
    let found: Vec<Value> = found
        .iter()
        .map(|row| json!({"run": row.run, "saga": row.saga, "status": row.status}))
        .collect();
    Ok(say(StatusCode::OK, &json!({"runs": found})))
}

const OF_RUNS: &str = "running, compensating, needs-attention, completed, compensated";
const OF_ORDERS: &str = "created, valid, paid, shipped, invalid, cancelled";

fn bad_status(known: &str) -> No {
    No::bad("bad_query", "status", format!("must be one of {known}"))
}

async fn orders(desk: &Desk, query: &Query, limit: u32) -> Answer {
    let wanted = match query.get("status") {
        None => None,
        Some(word) => {
            let status = serde_json::from_value(Value::from(word));
            Some(status.map_err(|_| bad_status(OF_ORDERS))?)
        }
    };
    let (from, to) = timeline::list(wanted);
    let app = desk.app(TIMELINE)?;
    let rows = app.range::<Timeline, _, _>(LISTS, &from, Some(&to), limit).await?;
    let found: Vec<Value> = rows
        .iter()
        .map(|((_, _, order_id), status)| json!({"run": order_id, "status": status}))
        .collect();
    Ok(say(StatusCode::OK, &json!({"runs": found})))
}

/// The runs are where the coordinator is, or whoever writes down what was said.
fn has_runs(desk: &Desk) -> Result<(), No> {
    desk.serves(desk.runs.map_or(TIMELINE, |runs| runs.saga))
}

/// More was never said of an order by a shop in its right mind.
const FACTS_MAX: u32 = 1_000;

/// `GET /runs/{id}`: what happened to it, one line a fact.
pub(super) async fn timeline(State(desk): State<Arc<Desk>>, Named(id): Named<OrderId>) -> Answer {
    has_runs(&desk)?;
    let (lines, facts) = match desk.runs {
        Some(runs) => {
            let journal = journal(&desk, runs, &id).await?;
            let lines = tell(&(runs.shape)(), &journal);
            (lines, json!(journal.facts))
        }
        None => {
            let facts = facts(&desk, &id).await?;
            (facts.iter().map(told).collect(), json!(facts))
        }
    };
    let lines: Vec<&str> = lines.lines().collect();
    Ok(say(StatusCode::OK, &json!({"run": id, "timeline": lines, "facts": facts})))
}

/// A fact of an order, and what Orders has said it upon.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    fact: Fact,
    #[serde(skip_serializing_if = "Option::is_none")]
    upon: Option<String>,
}

/// What every service has said of an order, and nothing about any other. Where Orders is in this process,
/// what it has said and nobody has heard yet is told, too, and upon what.
async fn facts(desk: &Desk, id: &OrderId) -> Result<Vec<Told>, No> {
    let (from, to) = timeline::of(id);
    let app = desk.app(TIMELINE)?;
    let heard = app.range::<Timeline, _, _>(FACTS, &from, Some(&to), FACTS_MAX).await?;
    let mut history = match desk.has(ORDERS) {
        true => desk.row(id).await?.map(|row| row.history).unwrap_or_default(),
        false => Vec::new(),
    };
    let mut told = Vec::new();
    for (_, fact) in heard {
        let is_it = |entry: &Entry| fact.by == ORDERS && entry.fact == fact.fact;
        let entry = history.iter().position(is_it).map(|at| history.remove(at));
        told.push(Told { fact, upon: entry.map(|entry| entry.cause) });
    }
    told.extend(history.into_iter().map(|entry| Told {
        fact: Fact { at: entry.at, fact: entry.fact, by: ORDERS.to_owned() },
        upon: Some(entry.cause),
    }));
    if told.is_empty() { Err(No::unknown(format!("run `{id}`"))) } else { Ok(told) }
}

/// One line.
fn told(told: &Told) -> String {
    let Told { fact: Fact { at, fact, by }, upon } = told;
    let upon = upon.as_ref().map(|upon| format!("  upon {upon}")).unwrap_or_default();
    format!("{at}  {by}: {fact}{upon}\n")
}

async fn journal(desk: &Desk, runs: Runs, id: &str) -> Result<Journal, No> {
    let app = desk.app(runs.saga)?;
    let found = (runs.journal)(&app, id).await?;
    found.ok_or_else(|| No::unknown(format!("run `{id}`")))
}

/// Who does it, why, and to which step; and what that has made, if it is said to be done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Order {
    by: Option<String>,
    reason: Option<String>,
    step: Option<String>,
    made: Option<Box<RawValue>>,
}

/// `POST /runs/{id}/retry|skip|mark-compensated|mark-not-done|force|cancel`: written down with who and why;
/// what it changes is for the coordinator to say, in the timeline.
pub(super) async fn operate(
    State(desk): State<Arc<Desk>>,
    Named((id, verb)): Named<(String, String)>,
    body: Body,
) -> Answer {
    let Some(runs) = desk.runs else {
        let reason = "nobody coordinates here: replay dead letters, or cancel the order";
        return Err(No::new(StatusCode::NOT_FOUND, "no_runs", "", reason));
    };
    has_runs(&desk)?;
    let journal = journal(&desk, runs, &id).await?;
    let body = body?;
    let order: Order = match body.is_empty() {
        true => Order::default(),
        false => read(Ok(body))?,
    };
    let by = order.by.unwrap_or_else(|| "operator".to_owned());
    let reason = order.reason.unwrap_or_default();
    let app = desk.app(runs.saga)?;
    if order.made.is_some() && verb != "force" {
        return Err(bad_made("is for `force` only"));
    }
    let verb = match verb.as_str() {
        "retry" => Verb::Retry,
        "skip" => Verb::Skip,
        "mark-compensated" => Verb::MarkCompensated,
        "mark-not-done" => Verb::MarkNotDone,
        "force" => Verb::Force(order.made.unwrap_or_else(|| RawValue::NULL.to_owned())),
        "cancel" => {
            (runs.cancel)(&app, &id, &by, &reason).await?;
            return Ok(noted());
        }
        _ => return Err(No::unknown(format!("verb `{verb}`"))),
    };
    let shape = (runs.shape)();
    let step = match order.step {
        Some(step) => shape.position(&step).map(|_| step),
        // It is the one that asked for somebody.
        None => journal.facts.iter().rev().find_map(|fact| match &fact.what {
            What::Attention { step, .. } => shape.steps.get(*step).map(|step| step.name.to_owned()),
            _ => None,
        }),
    };
    let step = step.ok_or_else(|| No::bad("bad_step", "step", "names no step of the run"))?;
    match app.operate(runs.saga, &id, verb, &step, &by, &reason).await {
        Err(told) if told.kind() == ErrorKind::Codec => Err(bad_made(told.to_string())),
        done => Ok(done.map(|()| noted())?),
    }
}

fn bad_made(reason: impl Into<Cow<'static, str>>) -> No {
    No::bad("bad_made", "made", reason)
}

fn noted() -> axum::response::Response {
    say(StatusCode::ACCEPTED, &json!({"noted": true}))
}

/// `GET /dead-letters`: what could not be handled, newest first.
pub(super) async fn letters(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery) -> Answer {
    let limit = Query::of(query).limit()?;
    let mut letters = Vec::new();
    for app in desk.apps() {
        letters.extend(app.dead_letters(limit).await?);
    }
    letters.sort_by_key(|letter| Reverse(letter.at));
    letters.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let shown = |letter: &DeadLetter| {
        json!({
            "id": letter.id.to_string(),
            "group": letter.lane.group,
            "lane": letter.lane.lane,
            "key": letter.key,
            "reason": letter.reason,
            "at": letter.at.to_string(),
            "attempts": letter.attempts,
        })
    };
    let letters: Vec<Value> = letters.iter().map(shown).collect();
    Ok(say(StatusCode::OK, &json!({"dead_letters": letters})))
}

/// The name of whoever keeps the list of alerts, to look into its table.
struct Watchman;

impl Reactor for Watchman {
    const NAME: &'static str = ALERTS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// `GET /alerts`: what somebody should look at, and then what has settled; of each the newest first.
pub(super) async fn alerts(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery) -> Answer {
    desk.serves(ALERTS)?;
    let limit = Query::of(query).limit()?;
    let mut alerts: Vec<((OrderId, String), Alert)> =
        desk.app(ALERTS)?.rows::<Watchman, _, _>(LIST).await?;
    alerts.sort_by_key(|(_, alert)| (alert.settled_at.is_some(), Reverse(alert.raised_at)));
    alerts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let shown = |((order_id, trouble), alert): &((OrderId, String), Alert)| {
        json!({
            "order_id": order_id,
            "alert": trouble,
            "raised_at": alert.raised_at.to_string(),
            "settled_at": alert.settled_at.map(|at| at.to_string()),
        })
    };
    let alerts: Vec<Value> = alerts.iter().map(shown).collect();
    Ok(say(StatusCode::OK, &json!({"alerts": alerts})))
}

/// `POST /dead-letters/{id}/replay`: it is handled as if it came now.
pub(super) async fn replay(State(desk): State<Arc<Desk>>, Named(id): Named<String>) -> Answer {
    let no = || No::unknown(format!("dead letter `{id}`"));
    let dead = id.parse().map_err(|_| no())?;
    for app in desk.apps() {
        if let Some(letter) = app.dead_letter(dead).await? {
            match desk.app(&letter.lane.group) {
                Ok(its) if !desk.is_shared() => its.replay(letter.id).await?,
                _ => app.replay(letter.id).await?,
            }
            return Ok(noted());
        }
    }
    Err(no())
}
