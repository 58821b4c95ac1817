//! What one saga of five steps takes over Postgres alone, counted by the server itself: statements, commits, and how
//! much it writes to its log.
//!
//! Coordinator and worker have a schema each and say what they say in a third. The server is their own, for what it
//! counts it counts for everybody.

use super::figures::said;
use super::pair::migrate;
use ::budgets::{keep, saga};
use ballet::postgres::{Config, Postgres};
use ballet::{App, Running};
use bench::saga::{FiveSteps, Worker};
use containers::servers::{Database, Postgres as Server};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use std::ops::Range;
use std::sync::Arc;

const LANES: u32 = 2;

/// Which go first, and which are counted.
const FIRST: Range<u64> = 0..20;
const COUNTED: Range<u64> = 20..120;

/// Coordinator and worker.
struct Scene {
    database: Database,
    coordinator: Running,
    worker: Running,
}

impl Scene {
    async fn new(server: &Server) -> Self {
        let database = server.database("budgets").await;
        let app = database.role("app").await;
        migrate(&database, "coordinator").await;
        migrate(&database, "worker").await;
        let owner = Config::new(&database.owner_url(), "log").unwrap();
        Postgres::migrate_log(&owner, Some(&database.role_named("app"))).await.unwrap();
        let config = |schema| Config::new(&app, schema).unwrap();
        let store = Postgres::connect(config("coordinator").with_log("log").unwrap());
        let coordinator = store.await.unwrap();
        let beside = config("worker").with_log_of(&coordinator).unwrap();
        let worker = Postgres::connect(beside).await.unwrap();
        let app = |store: &Arc<Postgres>| App::new(store.clone()).lanes(LANES);
        let worker = app(&worker).reactor(Worker).start().await.unwrap();
        let coordinator = app(&coordinator).saga(FiveSteps::default()).start().await.unwrap();
        Self { database, coordinator, worker }
    }

    async fn sagas(&self, numbers: Range<u64>) {
        for number in numbers {
            saga(&self.coordinator, number).await.unwrap();
        }
    }

    /// Statements, transactions that wrote, and bytes of the log, up to now.
    async fn counted(&self) -> [i64; 3] {
        let statements = said(&self.database).await;
        let mut db = PgConnection::connect(&self.database.superuser_url()).await.unwrap();
        let asked = sqlx::query(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
                    (pg_current_wal_insert_lsn() - '0/0')::bigint",
        );
        let row = asked.fetch_one(&mut db).await.unwrap();
        [statements, row.get(0), row.get(1)]
    }
}

#[tokio::test]
async fn a_saga_of_five_steps_keeps_its_budgets_in_postgres() {
    let server = Server::alone().await;
    let scene = Scene::new(&server).await;
    scene.sagas(FIRST).await;
    let before = scene.counted().await;
    scene.sagas(COUNTED).await;
    let after = scene.counted().await;
    scene.coordinator.stop().await;
    scene.worker.stop().await;
    let each = |at: usize| (after[at] - before[at]) as f64 / (COUNTED.end - COUNTED.start) as f64;
    keep(
        "a saga in Postgres",
        &[("statements", each(0)), ("commits", each(1)), ("bytes to its log", each(2))],
    );
}
