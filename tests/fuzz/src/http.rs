//! Requests to both examples, by the real routes and without a socket. An input is a text: method and
//! address, a line for each header, an empty line, and the body as it is.

use crate::{lines_and_rest, sentence, texts};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use ballet::Settings;
use ballet::sqlite::Sqlite;
use serde_json::Value;
use shop::fakes::World;
use shop::http::{Desk, Example, Limits, Runs, routes};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

/// How long somebody stays: who waits longer for an order hangs up, which may happen too.
const PATIENCE: Duration = Duration::from_millis(50);
/// How many requests a shop is asked before there is a new one: what it has written down grows.
const OF_ONE_SHOP: u32 = 3_000;

/// Both examples on files of their own, which go on only while somebody asks.
struct Shops {
    runtime: Runtime,
    routes: Vec<Router>,
    asked: u32,
    folder: PathBuf,
}

thread_local! {
    static SHOPS: RefCell<Option<Shops>> = const { RefCell::new(None) };
}

impl Shops {
    fn open() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ballet-fuzz-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let runs = Some(Runs::of::<orchestrated::Purchase>());
        let (cast, beside) = (choreographed::CAST, choreographed::BESIDE);
        let examples = [
            Example { name: "orchestrated", cast: orchestrated::CAST, beside: &[], runs },
            Example { name: "choreographed", cast, beside, runs: None },
        ];
        let open = async |example: &Example| {
            let store = Sqlite::open(folder.join(example.name)).await.expect("a file is opened");
            let limits = Limits { in_flight: 100, engine: Settings::default(), seed: true };
            let desk = Desk::open(example, store, World::default(), limits).await;
            routes(desk.expect("the shop opens"))
        };
        let routes = examples.iter().map(|example| runtime.block_on(open(example))).collect();
        Self { runtime, routes, asked: 0, folder }
    }

    /// What each example answers; nothing if whoever asked had no patience.
    fn ask(&mut self, request: &dyn Fn() -> Option<Request<Body>>) -> Vec<Response<Body>> {
        self.asked += 1;
        let mut answered = Vec::new();
        for routes in &mut self.routes {
            let Some(request) = request() else { continue };
            let answer = routes.call(request);
            let answer = async move { tokio::time::timeout(PATIENCE, answer).await };
            answered.extend(self.runtime.block_on(answer).into_iter().flatten());
        }
        answered
    }
}

impl Drop for Shops {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Every answer is JSON, every no says what it is, where and why, and nothing is ever the shop's own fault.
///
/// # Panics
///
/// If it is not so.
pub fn check(bytes: &[u8]) {
    let (lines, body) = lines_and_rest(bytes);
    let Some((first, headers)) = lines.split_first() else { return };
    let request = || request(first, headers, body);
    if request().is_none() {
        return;
    }
    SHOPS.with_borrow_mut(|shops| {
        if shops.as_ref().is_none_or(|shops| shops.asked >= OF_ONE_SHOP) {
            *shops = None;
        }
        let shops = shops.get_or_insert_with(Shops::open);
        for answer in shops.ask(&request) {
            let (head, body) = answer.into_parts();
            let body = shops.runtime.block_on(to_bytes(body, usize::MAX));
            let body = body.expect("an answer is whole");
            let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let is_head = request().is_some_and(|request| request.method() == Method::HEAD);
            holds(head.status, kind, if is_head { None } else { Some(&body) });
        }
    });
}

fn holds(status: StatusCode, kind: Option<&str>, body: Option<&[u8]>) {
    let allowed = [200, 202, 400, 404, 405, 409, 413, 422, 503, 504];
    assert!(allowed.contains(&status.as_u16()), "{status}");
    let Some(body) = body else { return };
    let text = String::from_utf8_lossy(body);
    if status.is_success() && kind.is_some_and(|kind| kind.starts_with("text/")) {
        return;
    }
    assert_eq!(kind, Some("application/json"), "{status}: {text}");
    let said: Value = serde_json::from_slice(body).expect("an answer is JSON");
    if !status.is_success() && said.get("well").is_none() {
        let word = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("{status}: {text}"));
        assert!(!word("error").is_empty() && !word("error").contains(' '), "{text}");
        let _ = word("field");
        sentence(&format!("it {}", word("reason")));
    }
}

fn request(first: &[u8], headers: &[&[u8]], body: &[u8]) -> Option<Request<Body>> {
    let at = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::builder().method(&first[..at]).uri(&first[at + 1..]);
    for line in headers {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    request.body(Body::from(body.to_vec())).ok()
}

/// Requests of customers, operators and whoever plays with the shop.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let order = "{\"customer_id\":\"c7\",\"total_minor\":109900,\"currency\":\"USD\",\
                 \"lines\":[{\"sku\":\"ipad\",\"qty\":1,\"unit_price_minor\":109900}]}";
    // The order that the key `k1` names.
    let id = ballet::id::derived(&["order", "k1"]);
    let with = |line: &str, body: &str| format!("{line}\n\n{body}").into_bytes();
    let place = format!("POST /v1/orders\nIdempotency-Key: k1\n\n{order}").into_bytes();
    texts([
        ("alerts", with("GET /alerts?limit=3", "")),
        ("cancel", with(&format!("POST /v1/orders/{id}/cancel?timeout=1"), "")),
        ("dead-letters", with("GET /dead-letters?limit=1000", "")),
        ("dial-mail", with("PUT /dials/mail", "{\"wire\":\"slow\",\"after\":2}")),
        ("dial-provider", with("PUT /dials/provider", "{\"wire\":\"up\",\"decline\":[\"c7\"]}")),
        (
            "dial-rule",
            with("PUT /dials/rules/fraud?timeout=1", "{\"mode\":\"shadow\",\"enabled\":true}"),
        ),
        ("dial-service", with("PUT /dials/services/limits", "{\"wire\":\"up\"}")),
        ("health", with("GET /health", "")),
        ("history", with(&format!("GET /v1/orders/{id}/history?timeout=1"), "")),
        ("look", with(&format!("GET /v1/orders/{id}?wait=terminal&timeout=1"), "")),
        ("metrics", with("GET /metrics", "")),
        ("nowhere", with("GET /v1/orders/%ff", "")),
        ("place", place),
        (
            "position",
            with(&format!("GET /v1/orders/{id}?position=6f7264657273006b31&timeout=1"), ""),
        ),
        ("replay", with(&format!("POST /dead-letters/{id}/replay"), "")),
        ("retry", with(&format!("POST /runs/{id}/retry"), "{\"by\":\"b\",\"step\":\"capture\"}")),
        ("runs", with("GET /runs?status=running&limit=2", "")),
        ("timeline", with(&format!("GET /runs/{id}"), "")),
        ("validated", with(&format!("GET /v1/orders/{id}/validated?timeout=1"), "")),
    ])
}
