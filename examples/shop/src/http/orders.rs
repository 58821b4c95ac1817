//! What customers do: order, look, wait, cancel.

use crate::contracts::{CancelOrder, ORDERS, OrderId, PlaceOrder, Status};
use crate::http::answer::{Answer, Body, Named, No, Query, say};
use crate::http::desk::Desk;
use crate::http::flow::Entrance;
use crate::order;
use crate::orders::Row;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ballet::id::{derived, fresh, traceparent};
use ballet::message::trace_id;
use ballet::{Error, ErrorKind, Position};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "Idempotency-Key";
const KEY_MAX: usize = 200;
/// Given back as `?position=`, it makes whoever looks see the order.
const POSITION: HeaderName = HeaderName::from_static("position");
/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// `POST /v1/orders`: accepted when it is on the disk. The same key names the same order.
pub(super) async fn place(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    desk.serves(ORDERS)?;
    let query = Query::of(query);
    let (until, within) = (wish(&query)?, query.timeout()?);
    let trace = trace(&headers);
    let placed = accept(&desk, &trace, &headers, body).await;
    let (order_id, position) = placed.inspect_err(|no| desk.counts.refused(no.error()))?;
    desk.counts.accepted();
    let row = match until {
        Some(until) => desk.watch(&order_id, within, until).await?,
        None => None,
    };
    let (status, seen) = match row {
        Some(row) => (StatusCode::OK, shown(&row)),
        None => (StatusCode::ACCEPTED, json!({"order_id": order_id, "status": "accepted"})),
    };
    let mut said = say(status, &seen);
    for (name, value) in
        [(header::LOCATION, format!("/v1/orders/{order_id}")), (POSITION, position.to_string())]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            said.headers_mut().insert(name, value);
        }
    }
    Ok(said)
}

/// The trace that a request belongs to; one that belongs to none begins one.
fn trace(headers: &HeaderMap) -> String {
    let given = headers.get(TRACEPARENT).and_then(|given| given.to_str().ok());
    let given = given.filter(|given| trace_id(given).is_some());
    given.map_or_else(traceparent, str::to_owned)
}

async fn accept(
    desk: &Desk,
    trace: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(OrderId, Position), No> {
    let wanted = order::parse(&body?)?;
    let order_id = match key(headers)? {
        Some(key) => of_key(key),
        None => fresh().to_string(),
    };
    let entrance = desk.admit(&order_id).await?;
    let ask = PlaceOrder { order_id: order_id.clone(), order: wanted };
    let refused = match desk.accept(trace, &ask).await {
        Ok(position) => return Ok((order_id, position)),
        Err(told) if told.kind() == ErrorKind::Conflict => {
            No::bad("key_reused", KEY, "was used with another body")
        }
        Err(told) => told.into(),
    };
    if entrance == Entrance::New {
        desk.flow.leave(&order_id);
    }
    Err(refused)
}

/// The order that a key names, whenever and however often it is placed.
pub(super) fn of_key(key: &str) -> OrderId {
    derived(&["order", key]).to_string()
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, No> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    let fits = |key: &&str| !key.is_empty() && key.len() <= KEY_MAX;
    let must = || {
        let reason = format!("must be 1 to {KEY_MAX} visible characters");
        No::bad("bad_key", KEY, reason)
    };
    key.to_str().ok().filter(fits).map(Some).ok_or_else(must)
}

/// What `wait` waits for, if anything.
fn wish(query: &Query) -> Result<Option<fn(&Row) -> bool>, No> {
    match query.get("wait") {
        None => Ok(None),
        Some("validated") => Ok(Some(is_decided)),
        Some("terminal") => Ok(Some(is_over)),
        Some(_) => Err(No::bad("bad_query", "wait", "must be `validated` or `terminal`")),
    }
}

/// Where the request stands that the client wants to see the effects of: what a `POST` has answered.
fn position(query: &Query) -> Result<Option<Position>, No> {
    let bad = |told: Error| No::bad("bad_query", "position", told.to_string());
    query.get("position").map(str::parse).transpose().map_err(bad)
}

fn is_decided(row: &Row) -> bool {
    row.order.status != Status::Created
}

fn is_over(row: &Row) -> bool {
    row.order.status.is_end()
}

/// `GET /v1/orders/{id}`: the order, or, with `wait`, the order once it is so far.
pub(super) async fn look(
    State(desk): State<Arc<Desk>>,
    Named(order_id): Named<OrderId>,
    RawQuery(query): RawQuery,
) -> Answer {
    desk.serves(ORDERS)?;
    let query = Query::of(query);
    let (until, within) = (wish(&query)?, query.timeout()?);
    let row = desk.order(&order_id, position(&query)?.as_ref(), within).await?;
    match until {
        None => Ok(say(StatusCode::OK, &shown(&row))),
        Some(until) => wait(&desk, &row, within, until).await,
    }
}

/// `GET /v1/orders/{id}/validated`: once the checks have decided.
pub(super) async fn validated(
    State(desk): State<Arc<Desk>>,
    Named(order_id): Named<OrderId>,
    RawQuery(query): RawQuery,
) -> Answer {
    desk.serves(ORDERS)?;
    let query = Query::of(query);
    let within = query.timeout()?;
    let row = desk.order(&order_id, position(&query)?.as_ref(), within).await?;
    wait(&desk, &row, within, is_decided).await
}

async fn wait(desk: &Desk, row: &Row, within: Duration, until: fn(&Row) -> bool) -> Answer {
    let order_id = &row.order.order_id;
    match desk.watch(order_id, within, until).await? {
        Some(row) => Ok(say(StatusCode::OK, &shown(&row))),
        None => Err(No::timeout("not_so_far_yet", "it is under way: ask again")),
    }
}

/// `GET /v1/orders/{id}/history`: every fact, with its time, its cause and who caused it.
pub(super) async fn history(
    State(desk): State<Arc<Desk>>,
    Named(order_id): Named<OrderId>,
    RawQuery(query): RawQuery,
) -> Answer {
    desk.serves(ORDERS)?;
    let query = Query::of(query);
    let row = desk.order(&order_id, position(&query)?.as_ref(), query.timeout()?).await?;
    let facts: Vec<Value> = row
        .history
        .iter()
        .map(|entry| {
            json!({
                "at": entry.at.to_string(),
                "fact": entry.fact,
                "cause": entry.cause,
                "actor": entry.actor,
            })
        })
        .collect();
    let status = row.order.status;
    Ok(say(StatusCode::OK, &json!({"order_id": order_id, "status": status, "history": facts})))
}

/// `POST /v1/orders/{id}/cancel`: cancelled, too late, or not decided in time.
pub(super) async fn cancel(
    State(desk): State<Arc<Desk>>,
    Named(order_id): Named<OrderId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    desk.serves(ORDERS)?;
    let query = Query::of(query);
    let within = query.timeout()?;
    desk.order(&order_id, position(&query)?.as_ref(), within).await?;
    let ask = CancelOrder { order_id: order_id.clone() };
    // One wish for each order: whoever asks again is told how the first one ended.
    let (trace, key) = (trace(&headers), format!("cancel/{order_id}"));
    let noted = desk.ask_in(Some(&trace), &key, &order_id, &ask, within).await?;
    let decided = |row: &Row| row.pending_cancel.is_none();
    let row = match noted {
        Some(Ok(_)) => desk.watch(&order_id, within, decided).await?,
        Some(Err(_)) => return Err(No::unknown(format!("order `{order_id}`"))),
        None => None,
    };
    match row {
        None => {
            let pending = json!({"order_id": order_id, "status": "pending_cancel"});
            Ok(say(StatusCode::ACCEPTED, &pending))
        }
        Some(row) if row.order.status == Status::Cancelled => Ok(say(StatusCode::OK, &shown(&row))),
        Some(row) => {
            let reason = format!("it is {}", row.order.status.name());
            Err(No::new(StatusCode::CONFLICT, "too_late", "status", reason))
        }
    }
}

/// An order as customers see it.
pub(super) fn shown(row: &Row) -> Value {
    let order = &row.order;
    json!({
        "order_id": order.order_id,
        "status": order.status,
        "customer_id": order.customer_id,
        "lines": order.lines,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "version": order.version,
        "created_at": order.created_at.to_string(),
        "deadline_at": order.deadline_at.to_string(),
        "required_checks": order.required_checks,
        "pending_cancel": row.pending_cancel,
        "ending": row.ending,
        "tracking_no": row.tracking_no,
    })
}
