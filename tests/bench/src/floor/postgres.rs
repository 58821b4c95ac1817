//! Postgres: clients that insert, each over a connection of its own.

use super::{ROW, again};
use crate::Failed;
use crate::ground::Ground;
use crate::load::Passed;
use crate::servers::{drop_schemas, own_name};
use ballet::clock::Stopwatch;
use hdrhistogram::Histogram;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::str::FromStr;
use std::time::Duration;
use tokio::task::JoinSet;

const INSERT: &str = "INSERT INTO floor (body) SELECT $2 FROM generate_series(1, $1)";
const TABLE: &str = "CREATE TABLE floor (id bigserial PRIMARY KEY, body bytea)";

/// So many clients commit so many rows at a time.
pub(super) async fn insert(
    ground: &Ground,
    clients: usize,
    rows: u64,
    long: Duration,
) -> Result<Passed, Failed> {
    let (url, schema) = (&ground.servers()?.store, own_name("floor"));
    let options = PgConnectOptions::from_str(url)?.options([("search_path", &*schema)]);
    let mut db = options.connect().await?;
    db.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
    db.execute(TABLE).await?;
    db.close().await?;
    let mut all = JoinSet::new();
    for _ in 0..clients {
        all.spawn(client(options.connect().await?, i64::try_from(rows)?, long));
    }
    let mut passed: Option<Passed> = None;
    while let Some(one) = all.join_next().await {
        let one = one??;
        passed = Some(match passed {
            Some(before) => together(before, &one)?,
            None => one,
        });
    }
    drop_schemas(url, &[schema]).await?;
    passed.ok_or_else(|| "there were no clients".into())
}

async fn client(mut db: PgConnection, rows: i64, long: Duration) -> Result<Passed, Failed> {
    let (body, begun, mut waited) = (vec![b'x'; ROW], Stopwatch::start(), Histogram::new(3)?);
    while begun.elapsed() < long {
        let asked = Stopwatch::start();
        sqlx::query(INSERT).bind(rows).bind(&body).execute(&mut db).await?;
        waited.record(u64::try_from(asked.elapsed().as_micros())?)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    db.close().await?;
    Ok(Passed { count: waited.len(), seconds, waited })
}

/// What two clients have done side by side.
fn together(mut one: Passed, other: &Passed) -> Result<Passed, Failed> {
    one.waited.add(&other.waited)?;
    one.count += other.count;
    one.seconds = one.seconds.max(other.seconds);
    Ok(one)
}

/// Asks for nothing, so that there is only the way there and back.
pub(super) async fn ask(ground: &Ground, long: Duration) -> Result<Passed, Failed> {
    let mut db = PgConnection::connect(&ground.servers()?.store).await?;
    let passed = again(long, async || {
        sqlx::query("SELECT 1").fetch_one(&mut db).await?;
        Ok(())
    });
    let passed = passed.await?;
    db.close().await?;
    Ok(passed)
}
