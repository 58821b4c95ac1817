//! What every service of the baseline has: a socket, a door, a file, and a way to say no.

use crate::caller::Silence;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bench::Failed;
use shop::fakes::Reach;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A service at work.
#[derive(Debug)]
pub struct Service {
    pub at: SocketAddr,
    door: watch::Sender<Reach>,
    end: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Service {
    /// Answers on a socket of its own.
    pub async fn open(routes: Router) -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (at, door) = (listener.local_addr()?, watch::Sender::new(Reach::Up));
        let routes = routes.layer(from_fn_with_state(door.subscribe(), pass));
        let (end, ended) = oneshot::channel();
        let ended = async move {
            let _ = ended.await;
        };
        let served = axum::serve(listener, routes).with_graceful_shutdown(ended);
        let serving = tokio::spawn(served.into_future());
        Ok(Self { at, door, end, serving })
    }

    pub fn turn(&self, reach: Reach) {
        self.door.send_replace(reach);
    }

    /// Ends when those who were let in have their answers. Who hangs at the door is sent away.
    pub async fn close(self) -> Result<(), Failed> {
        drop((self.door, self.end));
        Ok(self.serving.await??)
    }
}

/// Who calls a service that is away is told so at once, as by a balancer in front of it. That is the kindest
/// way to be away.
async fn pass(
    State(mut door): State<watch::Receiver<Reach>>,
    request: Request,
    next: Next,
) -> Response {
    let reach = door.wait_for(|reach| *reach != Reach::Slow).await.map(|reach| *reach);
    match reach {
        Ok(Reach::Up) => next.run(request).await,
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A file that keeps what it was told: every commit is on the disk before it is answered.
pub async fn kept(path: PathBuf) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal);
    SqlitePool::connect_with(options.synchronous(SqliteSynchronous::Full)).await
}

/// Why there is nothing else to say.
#[derive(Debug)]
pub struct No(pub StatusCode);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<sqlx::Error> for No {
    fn from(_: sqlx::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Silence> for No {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::TooLate => Self(StatusCode::GATEWAY_TIMEOUT),
            Silence::Nobody => Self(StatusCode::BAD_GATEWAY),
        }
    }
}
