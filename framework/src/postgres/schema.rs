//! The schema: made and changed by its owner, used and verified by the app.
//!
//! The app's role can read and write the tables of its schema, and make nothing. So whoever takes over a
//! service does not take over the database, and a process that meets a schema of another version stops
//! with a sentence instead of guessing.

use crate::clock::{Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::postgres::config::{Config, name};
use crate::postgres::trouble::{may_come, reach, state, store};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row};
use std::time::Duration;

/// The migrations, by number.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/postgres/0001_lanes.sql")];

/// Two that migrate the same schema at once wait for each other at this number: `blet`.
const TURN: i64 = 0x626c_6574;

/// What every session of ours is told, by one statement.
///
/// Statements are planned once, and for any number of rows: a key is looked up in an index, whatever the
/// statistics say about a table that was empty a moment ago. A commit that is answered is on the disk.
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
    let told = sqlx::query(SETTINGS).bind(&config.schema).bind(millis(config.patience));
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

/// The incarnation of a schema that is of our version and may be used.
pub(super) async fn verify(config: &Config) -> Result<u32, Error> {
    let mut db = reached(config).await?;
    settle(&mut db, config).await.map_err(|told| reach(config, told))?;
    may_use(&mut db, config).await?;
    let version = fact(&mut db, config, "version").await?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        let told = format!(
            "was migrated by a newer ballet (schema {version}, this one knows {known}): use that one"
        );
        return Err(about(config, &told));
    }
    if version < known {
        let told = format!("is of an older ballet (schema {version}, this one needs {known})");
        return Err(unmigrated(config, &told));
    }
    let incarnation = fact(&mut db, config, "incarnation").await?;
    // Whatever is left of it ends with the connection.
    let _ = db.close().await;
    u32::try_from(incarnation).map_err(|_| unmigrated(config, "has no incarnation"))
}

/// Refuses a schema that is not there, is not ours, or must not be used by this role.
async fn may_use(db: &mut PgConnection, config: &Config) -> Result<(), Error> {
    let asked = sqlx::query(
        "SELECT has_schema_privilege(n.oid, 'USAGE'), count(c.oid),
                coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), true)
         FROM pg_namespace n LEFT JOIN pg_class c
         ON c.relnamespace = n.oid AND c.relname IN ('meta', 'lanes') AND c.relkind = 'r'
         WHERE n.nspname = $1 GROUP BY n.oid",
    );
    let row = asked.bind(&config.schema).fetch_optional(db).await.map_err(store)?;
    let Some(row) = row else { return Err(unmigrated(config, "is not there")) };
    let (uses, tables, reads): (bool, i64, bool) = (row.get(0), row.get(1), row.get(2));
    if uses && tables == 2 && reads {
        return Ok(());
    }
    let role = config.role();
    if uses && tables < 2 {
        return Err(unmigrated(config, "was never migrated"));
    }
    let told = format!(
        "is not for role `{role}`: run `ballet migrate --store … --schema {} --app-role {role}` as its \
         owner",
        config.schema
    );
    Err(about(config, &told))
}

async fn fact(db: &mut PgConnection, config: &Config, of: &str) -> Result<i64, Error> {
    let asked = sqlx::query("SELECT value FROM meta WHERE name = $1").bind(of);
    match asked.fetch_optional(db).await {
        Ok(row) => Ok(row.map_or(0, |row| row.get(0))),
        Err(told) if state(&told).as_deref() == Some("42703") => {
            Err(about(config, "belongs to another program: name another schema"))
        }
        Err(told) => Err(store(told)),
    }
}

/// A sentence about the schema.
fn about(config: &Config, told: &str) -> Error {
    let text = format!("schema `{}` of {} {told}", config.schema, config.place());
    Error::new(ErrorKind::Store, text)
}

fn unmigrated(config: &Config, told: &str) -> Error {
    let told = format!(
        "{told}: run `ballet migrate --store … --schema {} --app-role {}` as its owner",
        config.schema,
        config.role()
    );
    about(config, &told)
}

/// Brings a schema up to our version, and lets the app's role use it. Says how many migrations that took.
pub(super) async fn migrate(config: &Config, app_role: Option<&str>) -> Result<usize, Error> {
    let app_role = app_role.map(|role| name(role, "role")).transpose()?;
    let mut db = reached(config).await?;
    let migrated = step_up(&mut db, config, app_role.as_deref()).await;
    // Whatever was not committed ends with the connection.
    let _ = db.close().await;
    migrated
}

/// One transaction: all of it or nothing.
async fn step_up(
    db: &mut PgConnection,
    config: &Config,
    app_role: Option<&str>,
) -> Result<usize, Error> {
    let mut tx = db.begin().await.map_err(store)?;
    let turn = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(TURN);
    turn.execute(&mut *tx).await.map_err(store)?;
    let schema = &config.schema;
    let made = format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET LOCAL search_path TO {schema}");
    say(&mut tx, made).await.map_err(|told| unmakeable(config, told))?;
    let asked = sqlx::query("SELECT to_regclass($1) IS NOT NULL").bind(format!("{schema}.meta"));
    let is_there: bool = asked.fetch_one(&mut *tx).await.map_err(store)?.get(0);
    let version = if is_there { fact(&mut tx, config, "version").await? } else { 0 };
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        let told = format!(
            "was migrated by a newer ballet (schema {version}, this one knows {}): use that one",
            MIGRATIONS.len()
        );
        return Err(about(config, &told));
    };
    for migration in missing {
        say(&mut tx, (*migration).to_owned()).await.map_err(|told| unmade(config, told))?;
    }
    note(&mut tx).await.map_err(store)?;
    if let Some(role) = app_role {
        grant(&mut tx, config, role).await?;
    }
    tx.commit().await.map_err(store)?;
    Ok(missing.len())
}

/// Not prepared: it runs once, and may be several statements.
async fn say(db: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    db.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop)
}

/// Which version it is, and which life of it: drawn once.
async fn note(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let noted = sqlx::query(
        "INSERT INTO meta (name, value) VALUES ('version', $1), ('incarnation', $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.name = 'version'",
    );
    let noted = noted.bind(MIGRATIONS.len() as i64).bind(i64::from(crate::id::incarnation()));
    noted.execute(db).await.map(drop)
}

/// What the app needs and nothing else: it reads and writes rows, and changes no table.
async fn grant(db: &mut PgConnection, config: &Config, role: &str) -> Result<(), Error> {
    let schema = &config.schema;
    let granted = format!(
        "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
         GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
         REVOKE INSERT, UPDATE, DELETE ON {schema}.meta FROM {role}"
    );
    say(db, granted).await.map_err(|told| match state(&told).as_deref() {
        Some("42704") => {
            let text = format!(
                "there is no role `{role}`: make it with `CREATE ROLE {role} LOGIN PASSWORD '…'`"
            );
            Error::new(ErrorKind::Store, text).because(told)
        }
        _ => store(told),
    })
}

/// Why a schema could not be made. The server asks for the right even if the schema is there.
fn unmakeable(config: &Config, told: sqlx::Error) -> Error {
    if state(&told).as_deref() != Some("42501") {
        return store(told);
    }
    let (role, place, database) = (config.role(), config.place(), config.database());
    let text = format!(
        "role `{role}` may not make schemas in {place}: run this as an owner, or say `GRANT CREATE ON \
         DATABASE {database} TO {role}`"
    );
    Error::new(ErrorKind::Store, text).because(told)
}

/// Why a migration failed.
fn unmade(config: &Config, told: sqlx::Error) -> Error {
    let role = config.role();
    let text = match state(&told).as_deref() {
        Some("42501") => format!("cannot be changed by role `{role}`: run this as its owner"),
        Some("42P07") => "belongs to another program: name another schema".to_owned(),
        _ => return store(told),
    };
    let text = format!("schema `{}` of {} {text}", config.schema, config.place());
    Error::new(ErrorKind::Store, text).because(told)
}
