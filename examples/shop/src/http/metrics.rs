//! Numbers, as Prometheus reads them.
//!
//! ```text
//! shop_http_answers_total{status}          answers by status
//! shop_orders_accepted_total               orders that were acknowledged, repeated ones too
//! shop_orders_refused_total{error}         orders that were not, by why
//! shop_orders_in_flight, shop_orders_in_flight_max
//! shop_outside_calls_total{to}             calls to provider, carrier and mail
//! ballet_lane_well{group,lane}             1 if nothing keeps the lane from working
//! ballet_lane_batches_total{group,lane}    batches that it has committed in its life
//! ballet_lane_duplicates_total{group,lane} messages that came again, since it was taken
//! ballet_lane_parked{group,lane}           messages that are set aside
//! ballet_lane_calls{group,lane}            calls to the outside that are under way
//! ballet_ready                             1 if it may be given work
//! ```

use crate::contracts::ORDERS;
use crate::http::answer::Answer;
use crate::http::desk::Desk;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answers: Mutex<BTreeMap<u16, u64>>,
    accepted: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

fn count<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, what: K) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
}

impl Counts {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, why: &'static str) {
        count(&self.refused, why);
    }
}

/// Counts every answer.
pub(super) async fn counted(
    State(desk): State<Arc<Desk>>,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    count(&desk.counts.answers, answer.status().as_u16());
    answer
}

/// `GET /metrics`.
pub(super) async fn metrics(State(desk): State<Arc<Desk>>) -> Answer {
    if desk.has(ORDERS) {
        desk.sweep().await?;
    }
    let mut page = Page::default();
    let counts = &desk.counts;
    page.family("shop_http_answers_total", "counter", "status", &counts.answers);
    page.kind("shop_orders_accepted_total", "counter");
    page.line("shop_orders_accepted_total", "", counts.accepted.load(Ordering::Relaxed));
    page.family("shop_orders_refused_total", "counter", "error", &counts.refused);
    page.kind("shop_orders_in_flight", "gauge");
    page.line("shop_orders_in_flight", "", desk.flow.inside().len());
    page.kind("shop_orders_in_flight_max", "gauge");
    page.line("shop_orders_in_flight_max", "", desk.flow.bound());
    page.kind("shop_outside_calls_total", "counter");
    let world = &desk.world;
    for (to, wire) in [
        ("provider", &world.provider.wire),
        ("carrier", &world.carrier.wire),
        ("mail", &world.mail.wire),
    ] {
        page.line("shop_outside_calls_total", &format!("{{to=\"{to}\"}}"), wire.calls());
    }
    lanes(&desk, &mut page);
    page.kind("ballet_ready", "gauge");
    page.line("ballet_ready", "", u8::from(desk.is_ready()));
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, page.text).into_response())
}

fn lanes(desk: &Desk, page: &mut Page) {
    let health = desk.health();
    let mut of_lanes = |name: &str, kind: &str, value: &dyn Fn(&ballet::Health) -> u64| {
        page.kind(name, kind);
        for (lane, health) in &health {
            let labels = format!("{{group=\"{}\",lane=\"{}\"}}", lane.group, lane.lane);
            page.line(name, &labels, value(health));
        }
    };
    of_lanes("ballet_lane_well", "gauge", &|lane| u64::from(lane.is_well()));
    of_lanes("ballet_lane_batches_total", "counter", &|lane| lane.batches);
    of_lanes("ballet_lane_duplicates_total", "counter", &|lane| lane.duplicates);
    of_lanes("ballet_lane_parked", "gauge", &|lane| number(lane.parked.values().sum()));
    of_lanes("ballet_lane_calls", "gauge", &|lane| number(lane.calling));
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn kind(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    fn family<K: Display>(
        &mut self,
        name: &str,
        kind: &str,
        label: &str,
        counts: &Mutex<BTreeMap<K, u64>>,
    ) {
        self.kind(name, kind);
        for (key, value) in &*counts.lock().unwrap_or_else(PoisonError::into_inner) {
            self.line(name, &format!("{{{label}=\"{key}\"}}"), value);
        }
    }
}
