//! The schemas of a store and of a log, as the app uses and verifies them.
//!
//! A process that meets a schema of another version stops with a sentence instead of guessing. Who makes
//! and changes them is in [`migrate`](crate::postgres::migrate).

use crate::clock::{Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::postgres::config::Config;
use crate::postgres::trouble::{may_come, reach, state, store};
use crate::store::migrations::{Made, Migrations};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use std::time::Duration;

/// What a schema may be, which may be both.
pub(super) struct Part {
    /// What it is called in sentences.
    name: &'static str,
    /// The row of `meta` that says which version it is.
    pub(super) fact: &'static str,
    /// The row of `meta` that says what those migrations said that made it.
    pub(super) sum: &'static str,
    /// Tables without which it is none.
    tables: [&'static str; 2],
    /// What `ballet migrate` is told to make it.
    option: &'static str,
    /// Functions that an app calls.
    pub(super) functions: &'static [&'static str],
    pub(super) migrations: Migrations,
}

/// A store.
pub(super) static STORE: Part = Part {
    name: "schema",
    fact: "version",
    sum: "version_sum",
    tables: ["meta", "lanes"],
    option: "--schema",
    functions: &["lane_key(text, integer, integer)", "none_entered(text, integer, bytea[])"],
    migrations: Migrations(&[include_str!("../../migrations/postgres/0001_lanes.sql")]),
};

/// A log.
pub(super) static LOG: Part = Part {
    name: "log",
    fact: "log",
    sum: "log_sum",
    tables: ["meta", "ends"],
    option: "--log",
    functions: &[],
    migrations: Migrations(&[include_str!("../../migrations/postgres/log/0001_log.sql")]),
};

/// What every session of ours is told, by one statement.
///
/// Statements are planned once, and for any number of rows: a key is looked up in an index, whatever the
/// statistics say about a table that was empty a moment ago (which takes more than these settings: see
/// [`texts`](super::texts)). A commit that is answered is on the disk.
const SETTINGS: &str = "
    SELECT set_config(name, value, false) FROM (VALUES
        ('search_path', $1),
        ('plan_cache_mode', 'force_generic_plan'),
        ('enable_hashjoin', 'off'),
        ('enable_mergejoin', 'off'),
        ('enable_seqscan', 'off'),
        ('enable_bitmapscan', 'off'),
        ('jit', 'off'),
        ('default_transaction_isolation', 'read committed'),
        ('statement_timeout', $2),
        ('lock_timeout', $2),
        ('idle_in_transaction_session_timeout', $3),
        ('synchronous_commit', CASE current_setting('synchronous_commit')
            WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END)
    ) AS told (name, value)";

/// Tells a new session what it must know.
pub(super) async fn settle(db: &mut PgConnection, config: &Config) -> Result<(), sqlx::Error> {
    let millis = |time: Duration| time.as_millis().max(1).to_string();
    let told = sqlx::query(SETTINGS).bind(config.search_path()).bind(millis(config.patience));
    told.bind(millis(config.patience / 2)).execute(db).await.map(drop)
}

/// Opens a connection, and waits for a server that is being started.
pub(super) async fn reached(config: &Config) -> Result<PgConnection, Error> {
    let waited = Stopwatch::start();
    loop {
        let connected = tokio::select! {
            connected = config.options.connect() => connected,
            () = rest(config.patience) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        };
        let told = match connected {
            Ok(db) => return Ok(db),
            Err(told) => reach(config, told),
        };
        if !may_come(&told) || waited.elapsed() >= config.patience {
            return Err(told);
        }
        tracing::warn!(%told, "it is tried again");
        rest(Duration::from_millis(500).min(config.patience)).await;
    }
}

/// The incarnation of a schema that is of our version and may be used. If there is a log, so must it be.
pub(super) async fn verify(config: &Config) -> Result<u32, Error> {
    let mut db = reached(config).await?;
    settle(&mut db, config).await.map_err(|told| reach(config, told))?;
    let store = Place { config, part: &STORE, schema: &config.schema };
    store.verify(&mut db).await?;
    if let Some(schema) = &config.log {
        Place { config, part: &LOG, schema }.verify(&mut db).await?;
    }
    let incarnation = store.fact(&mut db, "incarnation").await?;
    // Whatever is left of it ends with the connection.
    let _ = db.close().await;
    u32::try_from(incarnation).map_err(|_| store.unmigrated("has no incarnation"))
}

/// A schema as what it is used.
pub(super) struct Place<'a> {
    pub(super) config: &'a Config,
    pub(super) part: &'static Part,
    pub(super) schema: &'a str,
}

impl Place<'_> {
    /// Refuses a schema that is not of our version.
    async fn verify(&self, db: &mut PgConnection) -> Result<(), Error> {
        self.may_use(db).await?;
        match self.done(db).await? {
            done if done == self.part.migrations.known() => Ok(()),
            older => {
                let known = self.part.migrations.known();
                let told =
                    format!("is of an older ballet (schema {older}, this one needs {known})");
                Err(self.unmigrated(&told))
            }
        }
    }

    /// How many of our migrations have made it. Refuses one that others have made, or more than we know.
    pub(super) async fn done(&self, db: &mut PgConnection) -> Result<usize, Error> {
        let Part { fact, sum, migrations, .. } = self.part;
        let version = self.fact(db, fact).await?;
        match migrations.made(version, self.fact(db, sum).await?) {
            Made::Same => Ok(migrations.known()),
            Made::Older(done) => Ok(done),
            Made::Newer => Err(self.newer(version)),
            Made::Otherwise => Err(self.otherwise(version)),
        }
    }

    /// Refuses a schema that is not there, is not ours, or must not be used by this role.
    async fn may_use(&self, db: &mut PgConnection) -> Result<(), Error> {
        let asked = sqlx::query(
            "SELECT has_schema_privilege(n.oid, 'USAGE'), count(c.oid),
                    coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), true)
             FROM pg_namespace n LEFT JOIN pg_class c
             ON c.relnamespace = n.oid AND c.relname = ANY($2) AND c.relkind = 'r'
             WHERE n.nspname = $1 GROUP BY n.oid",
        );
        let asked = asked.bind(self.schema).bind(&self.part.tables[..]);
        let Some(row) = asked.fetch_optional(db).await.map_err(store)? else {
            return Err(self.unmigrated("is not there"));
        };
        let (uses, tables, reads): (bool, i64, bool) = (row.get(0), row.get(1), row.get(2));
        if uses && tables == 2 && reads {
            return Ok(());
        }
        if uses && tables < 2 {
            return Err(self.unmigrated("was never migrated"));
        }
        let role = self.config.role();
        let told = format!(
            "is not for role `{role}`: run `{}` as its owner",
            self.command(&format!("--app-role {role}"))
        );
        Err(self.about(&told))
    }

    pub(super) async fn fact(&self, db: &mut PgConnection, of: &str) -> Result<i64, Error> {
        let asked = format!("SELECT value FROM {}.meta WHERE name = $1", self.schema);
        let asked = sqlx::query(AssertSqlSafe(asked)).bind(of.to_owned());
        match asked.fetch_optional(db).await {
            Ok(row) => Ok(row.map_or(0, |row| row.get(0))),
            Err(told) if state(&told).as_deref() == Some("42703") => {
                Err(self.about("belongs to another program: name another schema"))
            }
            Err(told) => Err(store(told)),
        }
    }

    /// A sentence about the schema.
    pub(super) fn about(&self, told: &str) -> Error {
        let (name, schema, place) = (self.part.name, self.schema, self.config.place());
        Error::new(ErrorKind::Store, format!("{name} `{schema}` of {place} {told}"))
    }

    fn newer(&self, version: i64) -> Error {
        let known = self.part.migrations.known();
        self.about(&format!(
            "was migrated by a newer ballet (schema {version}, this one knows {known}): use that one"
        ))
    }

    fn otherwise(&self, version: i64) -> Error {
        self.about(&format!(
            "was made by another build of ballet, which schema {version} here is not: use that one, or name \
             another schema"
        ))
    }

    fn unmigrated(&self, told: &str) -> Error {
        let role = self.config.role();
        let command = self.command(&format!("--app-role {role}"));
        self.about(&format!("{told}: run `{command}` as its owner"))
    }

    fn command(&self, role: &str) -> String {
        format!("ballet migrate --store … {} {} {role}", self.part.option, self.schema)
    }
}
