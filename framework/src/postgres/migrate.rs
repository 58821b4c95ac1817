//! Making schemas and changing them, as their owner.
//!
//! The app's role can read and write the tables of its schema, and make nothing. So whoever takes over a
//! service does not take over the database.

use crate::error::{Error, ErrorKind};
use crate::postgres::config::{Config, name};
use crate::postgres::schema::{LOG, Part, Place, STORE, reached};
use crate::postgres::trouble::{state, store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Two that migrate at once wait for each other at this number: `blet`.
const TURN: i64 = 0x626c_6574;

/// Brings the schema of a store up to our version, and that of its log if it has one, and lets the app's
/// role use them. Says how many migrations that took.
pub(super) async fn migrate(config: &Config, app_role: Option<&str>) -> Result<usize, Error> {
    let mut places = vec![Place { config, part: &STORE, schema: &config.schema }];
    if let Some(schema) = &config.log {
        places.push(Place { config, part: &LOG, schema });
    }
    step_up(&places, app_role).await
}

/// The same for a schema that is a log and nothing else.
pub(super) async fn migrate_log(config: &Config, app_role: Option<&str>) -> Result<usize, Error> {
    step_up(&[Place { config, part: &LOG, schema: &config.schema }], app_role).await
}

/// One transaction: all of it or nothing.
async fn step_up(places: &[Place<'_>], app_role: Option<&str>) -> Result<usize, Error> {
    let app_role = app_role.map(|role| name(role, "role")).transpose()?;
    let Some(Place { config, .. }) = places.first() else { return Ok(0) };
    let mut db = reached(config).await?;
    let migrated = async {
        let mut tx = db.begin().await.map_err(store)?;
        let turn = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(TURN);
        turn.execute(&mut *tx).await.map_err(store)?;
        let mut made = 0;
        for place in places {
            made += place.step_up(&mut tx).await?;
            if let Some(role) = &app_role {
                place.grant(&mut tx, role).await?;
            }
        }
        tx.commit().await.map_err(store)?;
        Ok(made)
    };
    let migrated = migrated.await;
    // Whatever was not committed ends with the connection.
    let _ = db.close().await;
    migrated
}

/// Not prepared: it runs once, and may be several statements.
async fn say(db: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    db.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop)
}

impl Place<'_> {
    /// Makes what is not there yet. Says how many migrations that took.
    async fn step_up(&self, db: &mut PgConnection) -> Result<usize, Error> {
        let (schema, migrations) = (self.schema, self.part.migrations);
        let made =
            format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET LOCAL search_path TO {schema}");
        say(db, made).await.map_err(|told| self.unmakeable(told))?;
        let asked = sqlx::query("SELECT to_regclass($1) IS NOT NULL");
        let asked = asked.bind(format!("{schema}.meta")).fetch_one(&mut *db).await;
        let is_there: bool = asked.map_err(store)?.get(0);
        let done = if is_there { self.done(db).await? } else { 0 };
        let missing = migrations.0.iter().skip(done);
        for migration in missing.clone() {
            let migrated = say(db, (*migration).to_owned()).await;
            migrated.map_err(|told| self.unmade(told))?;
        }
        self.note(db).await.map_err(store)?;
        Ok(missing.len())
    }

    /// Which version it is, what made it, and which life of it: drawn once.
    async fn note(&self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let noted = sqlx::query(
            "INSERT INTO meta (name, value) VALUES ($1, $2), ($3, $4), ('incarnation', $5)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.name IN ($1, $3)",
        );
        let Part { fact, sum, migrations, .. } = self.part;
        let noted = noted.bind(fact).bind(migrations.known() as i64);
        let noted = noted.bind(sum).bind(migrations.sum(migrations.known()));
        noted.bind(i64::from(crate::id::incarnation())).execute(db).await.map(drop)
    }

    /// What the app needs and nothing else: it reads and writes rows, and changes no table.
    async fn grant(&self, db: &mut PgConnection, role: &str) -> Result<(), Error> {
        let schema = self.schema;
        let execute =
            |function: &&str| format!("; GRANT EXECUTE ON FUNCTION {schema}.{function} TO {role}");
        let functions: String = self.part.functions.iter().map(execute).collect();
        let granted = format!(
            "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
             GRANT USAGE ON SCHEMA {schema} TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
             REVOKE INSERT, UPDATE, DELETE ON {schema}.meta FROM {role}{functions}"
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
    fn unmakeable(&self, told: sqlx::Error) -> Error {
        if state(&told).as_deref() != Some("42501") {
            return store(told);
        }
        let Self { config, .. } = self;
        let (role, place, database) = (config.role(), config.place(), config.database());
        let text = format!(
            "role `{role}` may not make schemas in {place}: run this as an owner, or say `GRANT CREATE \
             ON DATABASE {database} TO {role}`"
        );
        Error::new(ErrorKind::Store, text).because(told)
    }

    /// Why a migration failed.
    fn unmade(&self, told: sqlx::Error) -> Error {
        let role = self.config.role();
        let text = match state(&told).as_deref() {
            Some("42501") => format!("cannot be changed by role `{role}`: run this as its owner"),
            Some("42P07") => "belongs to another program: name another schema".to_owned(),
            _ => return store(told),
        };
        self.about(&text).because(told)
    }
}
