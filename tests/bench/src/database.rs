//! What a Postgres counts itself.

use crate::Failed;
use crate::figure::Figures;
use crate::meter::MEGABYTE;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

/// What was counted up to a moment, of the whole server but for statements and rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// If the server has the extension that counts them.
    pub statements: Option<u64>,
    /// Transactions that wrote.
    pub commits: u64,
    pub wal_bytes: u64,
    /// Rows that were changed, and how many of them without touching an index. The server tells it up to a second
    /// late.
    pub updates: u64,
    pub hot_updates: u64,
}

/// A connection that only asks.
pub struct Database {
    db: PgConnection,
    counts_statements: bool,
}

const COUNTED: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        (pg_current_wal_insert_lsn() - '0/0')::bigint,
        (SELECT coalesce(sum(n_tup_upd), 0)::bigint FROM pg_stat_user_tables),
        (SELECT coalesce(sum(n_tup_hot_upd), 0)::bigint FROM pg_stat_user_tables)";

const STATEMENTS: &str = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl Database {
    pub async fn connect(url: &str) -> Result<Self, Failed> {
        let mut db = PgConnection::connect(url).await?;
        // Who may not make it may have it, and who does not have it goes without.
        let _ = db.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await;
        let counts_statements = db.fetch_one(STATEMENTS).await.is_ok();
        Ok(Self { db, counts_statements })
    }

    /// Begins to count statements anew: there is room for only so many different ones.
    pub async fn forget(&mut self) {
        let _ = self.db.execute("SELECT pg_stat_statements_reset()").await;
    }

    pub async fn counted(&mut self) -> Result<Counted, Failed> {
        let row = self.db.fetch_one(COUNTED).await?;
        let at = |column: usize| u64::try_from(row.get::<i64, _>(column));
        let statements = match self.counts_statements {
            true => Some(u64::try_from(self.db.fetch_one(STATEMENTS).await?.get::<i64, _>(0))?),
            false => None,
        };
        Ok(Counted {
            statements,
            commits: at(0)?,
            wal_bytes: at(1)?,
            updates: at(2)?,
            hot_updates: at(3)?,
        })
    }
}

const SIZES: &str = "SELECT c.relname, pg_total_relation_size(c.oid), pg_indexes_size(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname = ANY($1)";

/// How large the tables of these schemas are with their indexes, in megabytes: each, all, and all indexes.
pub async fn sizes(url: &str, schemas: &[String]) -> Result<Figures, Failed> {
    let mut db = PgConnection::connect(url).await?;
    let mut sizes = Figures::new();
    for row in sqlx::query(SIZES).bind(schemas).fetch_all(&mut db).await? {
        let bytes = |column: usize| row.get::<i64, _>(column) as f64 / MEGABYTE;
        let name = format!("mb_{}", row.get::<&str, _>(0));
        for (key, size) in [(&*name, bytes(1)), ("mb_all", bytes(1)), ("mb_indexes", bytes(2))] {
            *sizes.entry(key.to_owned()).or_default() += size;
        }
    }
    db.close().await?;
    Ok(sizes)
}
