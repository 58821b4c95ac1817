//! Who asks by HTTP: over connections that are kept, and with a patience that has an end.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use ballet::clock::Stopwatch;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Nobody here says more than that.
const BODY_MAX: usize = 64 * 1024;

/// What was answered.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It did not come in time: whether what was asked for is done is not known.
    TooLate,
    /// Nobody is there, or they left in the middle.
    Nobody,
}

/// A client of its own for everybody who asks.
#[derive(Debug)]
pub struct Caller {
    client: Client<HttpConnector, Body>,
    patience: Duration,
    /// How long each answer took, in milliseconds.
    waited: Mutex<Vec<f64>>,
}

impl Caller {
    pub fn new(patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, patience, waited: Mutex::default() }
    }

    /// Asks, and waits as long as patience lasts.
    pub async fn ask(
        &self,
        at: SocketAddr,
        method: &str,
        path: &str,
        body: impl Into<Body> + Send,
    ) -> Result<Said, Silence> {
        let request = Request::builder().method(method).uri(format!("http://{at}{path}"));
        let request = request.body(body.into()).expect("method and path are written here");
        let watch = Stopwatch::start();
        let asked = tokio::time::timeout(self.patience, self.answered(request)).await;
        let said = asked.map_err(|_| Silence::TooLate)??;
        self.waited().push(milliseconds(watch));
        Ok(said)
    }

    async fn answered(&self, request: Request<Body>) -> Result<Said, Silence> {
        let said = self.client.request(request).await.map_err(|_| Silence::Nobody)?;
        let (head, body) = said.into_parts();
        let body = to_bytes(Body::new(body), BODY_MAX).await.map_err(|_| Silence::Nobody)?;
        let location = head.headers.get(header::LOCATION).and_then(|at| at.to_str().ok());
        Ok(Said { status: head.status, location: location.map(str::to_owned), body })
    }

    /// How long each answer took since this was asked last.
    pub fn take_waited(&self) -> Vec<f64> {
        std::mem::take(&mut *self.waited())
    }

    fn waited(&self) -> std::sync::MutexGuard<'_, Vec<f64>> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn milliseconds(watch: Stopwatch) -> f64 {
    watch.elapsed().as_secs_f64() * 1_000.0
}
