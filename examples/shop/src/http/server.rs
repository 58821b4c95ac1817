//! The routes, and how they are served until the end.

use crate::http::answer::{BODY_MAX, No};
use crate::http::desk::Desk;
use crate::http::{dials, metrics, operator, orders};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use ballet::clock::rest;
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long what is under way may take after the end was announced, if nobody says otherwise.
pub const FAREWELL: Duration = Duration::from_secs(10);

/// What is answered at which address.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/orders", post(orders::place))
        .route("/v1/orders/{id}", get(orders::look))
        .route("/v1/orders/{id}/validated", get(orders::validated))
        .route("/v1/orders/{id}/history", get(orders::history))
        .route("/v1/orders/{id}/cancel", post(orders::cancel))
        .route("/health", get(operator::health))
        .route("/ready", get(operator::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/runs", get(operator::list))
        .route("/runs/{id}", get(operator::timeline))
        .route("/runs/{id}/{verb}", post(operator::operate))
        .route("/dead-letters", get(operator::letters))
        .route("/dead-letters/{id}/replay", post(operator::replay))
        .route("/alerts", get(operator::alerts))
        .route("/dials", get(dials::list))
        .route("/dials/{whose}", put(dials::turn))
        .route("/dials/services/{name}", put(dials::send))
        .route("/dials/rules/{check}", put(dials::rule))
        .fallback(async || No::unknown("such address"))
        .method_not_allowed_fallback(async || {
            let reason = "this address does not know this method";
            No::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "", reason)
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(Arc::clone(&desk), metrics::counted))
        .with_state(desk)
}

/// Answers until `end`; then whoever still waits is told how things stand, and the services finish
/// what is under way. What is not finished within `drain` goes on where it was in the next life.
///
/// # Errors
///
/// What the operating system says.
///
/// # If the process dies
///
/// Everything that was acknowledged is on the disk, and the next one goes on with it.
pub async fn serve(
    listener: TcpListener,
    desk: Arc<Desk>,
    end: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> std::io::Result<()> {
    let closing = Arc::clone(&desk);
    let end = async move {
        end.await;
        closing.close();
    };
    let served = axum::serve(listener, routes(Arc::clone(&desk))).with_graceful_shutdown(end);
    let patience = async {
        desk.closed().await;
        rest(drain / 2).await;
    };
    let ended = tokio::select! {
        ended = served.into_future() => ended,
        () = patience => Ok(()),
    };
    let _ = tokio::time::timeout(drain / 2, desk.stop()).await;
    ended
}
