//! The dials of what is outside the shop, and of who is at work inside.

use crate::contracts::{Mode, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING, SetRule};
use crate::fakes::Wire;
use crate::http::answer::{Answer, Body, No, Query, read, say};
use crate::http::desk::Desk;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use ballet::id::fresh;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// How somebody is to be reached.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reach {
    /// At once.
    Up,
    /// Not at all.
    Down,
    /// They hang until it is turned again.
    Slow,
}

/// A turn of dials; what is not named stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    wire: Option<Reach>,
    /// Customers whose payments are declined.
    #[serde(default)]
    decline: Vec<String>,
    /// Customers whose authorisations expire before they are captured.
    #[serde(default)]
    expire: Vec<String>,
    /// Customers for whom all is well again.
    #[serde(default)]
    accept: Vec<String>,
    /// The next so many answers get lost, after what was asked was done.
    lose_answers: Option<u32>,
}

/// `GET /dials`.
pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Answer {
    let world = &desk.world;
    let calls = json!({
        "provider": world.provider.wire.calls(),
        "carrier": world.carrier.wire.calls(),
        "mail": world.mail.wire.calls(),
    });
    let turns = json!({
        "PUT /dials/provider": "wire: up|down|slow, decline: [customer], expire: [customer], \
                                accept: [customer], lose_answers: number",
        "PUT /dials/carrier": "wire: up|down|slow",
        "PUT /dials/mail": "wire: up|down|slow",
        "PUT /dials/services/{name}": "wire: up|down",
        "PUT /dials/rules/{check}": "mode: gating|shadow, enabled: true|false",
    });
    let shown = json!({"calls": calls, "services": desk.services(), "dials": turns});
    Ok(say(StatusCode::OK, &shown))
}

/// `PUT /dials/{whose}`: of the provider, the carrier, or mail.
pub(super) async fn turn(
    State(desk): State<Arc<Desk>>,
    Path(whose): Path<String>,
    body: Body,
) -> Answer {
    let world = &desk.world;
    let (wire, caller) = match whose.as_str() {
        "provider" => (&world.provider.wire, PAYMENTS),
        "carrier" => (&world.carrier.wire, SHIPPING),
        "mail" => (&world.mail.wire, NOTIFICATION),
        _ => return Err(No::unknown(format!("dial `{whose}`"))),
    };
    desk.serves(caller)?;
    let turn: Turn = read(body)?;
    let is_of_provider = turn.lose_answers.is_some()
        || !(turn.decline.is_empty() && turn.expire.is_empty() && turn.accept.is_empty());
    if is_of_provider && whose != "provider" {
        return Err(No::bad("not_a_dial", whose, "can only be `wire`"));
    }
    turn.accept.iter().for_each(|payer| world.provider.accept(payer));
    turn.decline.iter().for_each(|payer| world.provider.decline(payer));
    turn.expire.iter().for_each(|payer| world.provider.expire(payer));
    if let Some(times) = turn.lose_answers {
        world.provider.lose_answers(times);
    }
    if let Some(reach) = turn.wire {
        set(wire, reach);
    }
    Ok(say(StatusCode::OK, &json!({"turned": whose})))
}

fn set(wire: &Wire, reach: Reach) {
    match reach {
        Reach::Up => wire.mend(),
        Reach::Down => wire.cut(),
        Reach::Slow => wire.hang(),
    }
}

/// Whether a service is at work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    wire: Reach,
}

/// `PUT /dials/services/{name}`: validators and all others but Orders can be sent away.
pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    body: Body,
) -> Answer {
    let up = match read::<Sent>(body)?.wire {
        Reach::Up => true,
        Reach::Down => false,
        Reach::Slow => return Err(No::bad("not_a_dial", "wire", "must be `up` or `down`")),
    };
    desk.turn(&name, up).await?;
    Ok(say(StatusCode::OK, &json!({"services": desk.services()})))
}

/// Whether a check is required.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    mode: Mode,
    enabled: bool,
}

/// `PUT /dials/rules/{check}`: of all orders that are placed from now on.
pub(super) async fn rule(
    State(desk): State<Arc<Desk>>,
    Path(check): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Answer {
    desk.serves(ORDERS)?;
    let Rule { mode, enabled } = read(body)?;
    let within = Query::of(query).timeout()?;
    let ask = SetRule { check, mode, enabled };
    // The rules are read in every lane, and written in that of Orders itself.
    match desk.ask(&format!("rule/{}", fresh()), ORDERS, &ask, within).await? {
        Some(Ok(())) => Ok(say(StatusCode::OK, &json!({"rule": ask.check, "enabled": enabled}))),
        Some(Err(refusal)) => Err(No::bad("not_a_rule", "check", refusal.to_string())),
        None => Ok(say(StatusCode::ACCEPTED, &json!({"rule": ask.check}))),
    }
}
