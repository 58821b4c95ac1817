//! Somebody who may look at everything in a database, again and again.

use crate::topics::PATIENCE;
use ballet::clock::{Stopwatch, rest};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long to leave a server alone that does not answer.
const A_WHILE: Duration = Duration::from_millis(50);

/// A connection that is kept, for to open one takes longer than to look; if it is lost another one is opened.
pub struct Looks {
    url: String,
    db: Mutex<Option<PgConnection>>,
}

impl Looks {
    pub fn at(url: String) -> Self {
        Self { url, db: Mutex::default() }
    }

    /// All rows that this statement gives.
    pub async fn all(&self, statement: &str) -> Vec<PgRow> {
        let since = Stopwatch::start();
        let mut db = self.db.lock().await;
        loop {
            let told = match self.once(&mut db, statement).await {
                Ok(rows) => return rows,
                Err(told) => told,
            };
            *db = None;
            assert!(is_away(&told) && since.elapsed() < PATIENCE, "Postgres says: {told}");
            rest(A_WHILE).await;
        }
    }

    async fn once(
        &self,
        db: &mut Option<PgConnection>,
        statement: &str,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let open = match db.take() {
            Some(open) => open,
            None => PgConnection::connect(&self.url).await?,
        };
        sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(db.insert(open)).await
    }
}

/// Whether the server may come back: it says nothing, or that it goes, or that it is not there yet (class 57).
fn is_away(told: &sqlx::Error) -> bool {
    match told {
        sqlx::Error::Database(said) => said.code().is_some_and(|code| code.starts_with("57")),
        _ => true,
    }
}
