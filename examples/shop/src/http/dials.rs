//! The dials of what is outside the shop, and of who is at work inside.

use crate::contracts::{Mode, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING, SetRule};
use crate::fakes::{Outsider, Reach, Turn};
use crate::http::answer::{Answer, Body, Named, No, Query, read, say};
use crate::http::desk::Desk;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use ballet::id::fresh;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// `GET /dials`.
pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Answer {
    let world = &desk.world;
    let calls = json!({
        "provider": world.provider.wire.calls(),
        "carrier": world.carrier.wire.calls(),
        "mail": world.mail.wire.calls(),
    });
    let turns = json!({
        "PUT /dials/provider": "wire: up|down|slow, after: number of calls, decline: [customer], \
                                expire: [customer], accept: [customer], lose_answers: number",
        "PUT /dials/carrier": "wire: up|down|slow, after: number of calls",
        "PUT /dials/mail": "wire: up|down|slow, after: number of calls",
        "PUT /dials/services/{name}": "wire: up|down",
        "PUT /dials/rules/{check}": "mode: gating|shadow, enabled: true|false",
    });
    let shown = json!({"calls": calls, "services": desk.services(), "dials": turns});
    Ok(say(StatusCode::OK, &shown))
}

/// `PUT /dials/{whose}`: of the provider, the carrier, or mail.
pub(super) async fn turn(
    State(desk): State<Arc<Desk>>,
    Named(whose): Named<String>,
    body: Body,
) -> Answer {
    let outsider = Outsider::ALL.into_iter().find(|known| known.name() == whose);
    let outsider = outsider.ok_or_else(|| No::unknown(format!("dial `{whose}`")))?;
    desk.serves(match outsider {
        Outsider::Provider => PAYMENTS,
        Outsider::Carrier => SHIPPING,
        Outsider::Mail => NOTIFICATION,
    })?;
    let turn: Turn = read(body)?;
    if turn.is_of_the_provider() && outsider != Outsider::Provider {
        return Err(No::bad("not_a_dial", whose, "can only be `wire`"));
    }
    desk.world.turn(outsider, &turn);
    Ok(say(StatusCode::OK, &json!({"turned": whose})))
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
    Named(name): Named<String>,
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
    Named(check): Named<String>,
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
