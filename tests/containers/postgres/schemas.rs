//! Who may do what, and which sentence tells whoever may not.

use super::pair::{database, migrate};
use ballet::ErrorKind;
use ballet::postgres::{Config, Postgres};
use ballet::store::Store;
use containers::servers::{self, Database, free_port, own_name};
use sentences::lane;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::time::Duration;

/// Soon enough for a server that is not there.
const PATIENCE: Duration = Duration::from_millis(600);

async fn session(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn say(db: &mut PgConnection, text: impl Into<String>) -> Result<(), sqlx::Error> {
    db.execute(sqlx::raw_sql(AssertSqlSafe(text.into()))).await.map(drop)
}

/// What connecting is refused with, host and port left out.
async fn refused(url: &str, schema: &str) -> String {
    let config = Config::new(url, schema).unwrap().patience(PATIENCE);
    let told = Postgres::connect(config).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Store);
    let shown = format!("{told:?}");
    assert!(!shown.contains("secret"), "{shown}");
    let at = servers::postgres().await.address().to_string();
    told.to_string().replace(&format!(" at {at}"), "")
}

fn owner(database: &Database, schema: &str) -> Config {
    Config::new(&database.owner_url(), schema).unwrap()
}

const SERVICES: [&str; 6] =
    ["purchase", "orders", "inventory", "payments", "shipments", "customers"];

/// One database, a schema and a role for each service.
async fn city() -> (Database, Vec<(&'static str, String)>) {
    let database = servers::postgres().await.database("city").await;
    let mut all = Vec::new();
    for service in SERVICES {
        let url = database.role(service).await;
        let role = database.role_named(service);
        let made = Postgres::migrate(&owner(&database, service), Some(&role)).await.unwrap();
        assert_eq!(made, 1);
        all.push((service, url));
    }
    (database, all)
}

async fn tables(db: &mut PgConnection, schema: &str) -> Vec<String> {
    let asked = sqlx::query(
        "SELECT relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                             WHERE n.nspname = $1 AND relkind = 'r' ORDER BY 1",
    );
    let rows = asked.bind(schema).fetch_all(db).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn is_forbidden(done: Result<(), sqlx::Error>) -> bool {
    let told = done.unwrap_err();
    told.as_database_error().unwrap().code().unwrap() == "42501"
}

#[tokio::test]
async fn no_service_reads_or_writes_what_is_anothers() {
    let (database, all) = city().await;
    for (service, url) in &all {
        let own = Postgres::connect(Config::new(url, service).unwrap()).await.unwrap();
        assert_eq!(own.take(&lane()).await.unwrap().epoch, 1);
        let mut db = session(url).await;
        for (other, _) in all.iter().filter(|(other, _)| other != service) {
            let tables = tables(&mut db, other).await;
            assert!(tables.len() > 12, "{tables:?}");
            for table in tables {
                for text in [
                    format!("SELECT * FROM {other}.{table}"),
                    format!("DELETE FROM {other}.{table}"),
                    format!("INSERT INTO {other}.{table} DEFAULT VALUES"),
                    format!("TRUNCATE {other}.{table}"),
                ] {
                    assert!(is_forbidden(say(&mut db, text.clone()).await), "{service}: {text}");
                }
            }
            let role = database.role_named(service);
            assert_eq!(
                refused(url, other).await,
                format!(
                    "schema `{other}` of database `{}` is not for role `{role}`: run `ballet migrate \
                     --store … --schema {other} --app-role {role}` as its owner",
                    database.name()
                )
            );
        }
    }
}

#[tokio::test]
async fn a_service_changes_rows_and_no_table() {
    let (_, all) = city().await;
    let (service, url) = &all[1];
    let mut db = session(url).await;
    for text in [
        format!("CREATE TABLE {service}.own (id int)"),
        format!("ALTER TABLE {service}.rows ADD COLUMN more int"),
        format!("DROP TABLE {service}.rows"),
        format!("TRUNCATE {service}.rows"),
        format!("CREATE INDEX ON {service}.rows (value)"),
        format!("UPDATE {service}.meta SET value = 7"),
        format!("GRANT SELECT ON {service}.rows TO PUBLIC"),
        "CREATE SCHEMA another".to_owned(),
    ] {
        let done = say(&mut db, text.clone()).await;
        // A grant of what one may not grant is a warning, and grants nothing.
        assert!(text.starts_with("GRANT") || is_forbidden(done), "{text}");
    }
    let open = sqlx::query("SELECT has_table_privilege($1, $2, 'SELECT')");
    let open = open.bind("pg_monitor").bind(format!("{service}.rows"));
    assert!(!open.fetch_one(&mut db).await.unwrap().get::<bool, _>(0));
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_two_at_once_wait_for_each_other() {
    let (database, app) = database().await;
    let schema = own_name("schema");
    let role = database.role_named("app");
    let owner = owner(database, &schema);
    let (one, two) = tokio::join!(
        Postgres::migrate(&owner, Some(&role)),
        Postgres::migrate(&owner, Some(&role))
    );
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    let first = Postgres::connect(Config::new(app, &schema).unwrap()).await.unwrap();
    assert_eq!(Postgres::migrate(&owner, Some(&role)).await.unwrap(), 0);
    let again = Postgres::connect(Config::new(app, &schema).unwrap()).await.unwrap();
    assert_eq!(first.incarnation(), again.incarnation());
    let other = own_name("schema");
    migrate(database, &other).await;
    let other = Postgres::connect(Config::new(app, &other).unwrap()).await.unwrap();
    assert_ne!(first.incarnation(), other.incarnation());
}

/// What is refused of this schema after its owner has said this.
async fn refused_after(text: &str) -> String {
    let (database, app) = database().await;
    let schema = own_name("schema");
    migrate(database, &schema).await;
    let mut db = session(&database.owner_url()).await;
    say(&mut db, format!("SET search_path TO {schema}; {text}")).await.unwrap();
    let told = refused(app, &schema).await;
    let told = told.replace(&database.role_named("app"), "app");
    told.replace(&schema, "s").replace(database.name(), "d")
}

const RUN: &str = "run `ballet migrate --store … --schema s --app-role app` as its owner";

#[tokio::test]
async fn a_schema_of_another_version_is_left_alone_and_told_what_to_run() {
    let older = refused_after("UPDATE meta SET value = 0 WHERE name = 'version'").await;
    let told = "schema `s` of database `d` is of an older ballet (schema 0, this one needs 1)";
    assert_eq!(older, format!("{told}: {RUN}"));
    assert_eq!(
        refused_after("UPDATE meta SET value = 99 WHERE name = 'version'").await,
        "schema `s` of database `d` was migrated by a newer ballet (schema 99, this one knows 1): use \
         that one"
    );
}

#[tokio::test]
async fn a_schema_that_other_migrations_have_made_is_left_alone() {
    let other = "UPDATE meta SET value = value + 1 WHERE name = 'version_sum'";
    for meddled in [other, "DELETE FROM meta WHERE name = 'version_sum'"] {
        assert_eq!(
            refused_after(meddled).await,
            "schema `s` of database `d` was made by another build of ballet, which schema 1 here is not: use \
             that one, or name another schema"
        );
    }
    let (database, _) = database().await;
    let schema = own_name("schema");
    migrate(database, &schema).await;
    let mut db = session(&database.owner_url()).await;
    say(&mut db, format!("SET search_path TO {schema}; {other}")).await.unwrap();
    let told = Postgres::migrate(&owner(database, &schema), None).await.unwrap_err().to_string();
    assert!(told.contains("was made by another build of ballet"), "{told}");
}

#[tokio::test]
async fn a_newer_schema_is_not_migrated_back() {
    let (database, _) = database().await;
    let schema = own_name("schema");
    migrate(database, &schema).await;
    let mut db = session(&database.owner_url()).await;
    let newer = format!("UPDATE {schema}.meta SET value = 99 WHERE name = 'version'");
    say(&mut db, newer).await.unwrap();
    let told = Postgres::migrate(&owner(database, &schema), None).await.unwrap_err().to_string();
    assert!(
        told.ends_with(
            "was migrated by a newer ballet (schema 99, this one knows 1): use that one"
        )
    );
}

#[tokio::test]
async fn a_schema_that_is_missing_or_was_never_migrated_is_told_so() {
    let (database, app) = database().await;
    let (schema, role) = (own_name("schema"), database.role_named("app"));
    let run = RUN
        .replace("-schema s", &format!("-schema {schema}"))
        .replace("-role app", &format!("-role {role}"));
    let about = format!("schema `{schema}` of database `{}`", database.name());
    assert_eq!(refused(app, &schema).await, format!("{about} is not there: {run}"));
    let mut db = session(&database.owner_url()).await;
    let empty = format!("CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role}");
    say(&mut db, empty).await.unwrap();
    assert_eq!(refused(app, &schema).await, format!("{about} was never migrated: {run}"));
}

#[tokio::test]
async fn a_schema_of_another_program_is_left_alone() {
    let (database, _) = database().await;
    let schema = own_name("schema");
    let mut db = session(&database.owner_url()).await;
    let songs = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.meta (title text)");
    say(&mut db, songs).await.unwrap();
    let told = Postgres::migrate(&owner(database, &schema), None).await.unwrap_err().to_string();
    assert!(told.ends_with("belongs to another program: name another schema"), "{told}");
    let runs = format!("DROP TABLE {schema}.meta; CREATE TABLE {schema}.runs (metres int)");
    say(&mut db, runs).await.unwrap();
    let told = Postgres::migrate(&owner(database, &schema), None).await.unwrap_err().to_string();
    assert!(told.ends_with("belongs to another program: name another schema"), "{told}");
    assert_eq!(tables(&mut db, &schema).await, ["runs"], "it took nothing and left nothing");
}

#[tokio::test]
async fn a_role_that_is_not_there_is_told_how_to_be_made() {
    let (database, _) = database().await;
    let schema = own_name("schema");
    let told = Postgres::migrate(&owner(database, &schema), Some("nobody_at_all")).await;
    assert_eq!(
        told.unwrap_err().to_string(),
        "there is no role `nobody_at_all`: make it with `CREATE ROLE nobody_at_all LOGIN PASSWORD '…'`"
    );
    let (_, app) = super::pair::database().await;
    assert!(refused(app, &schema).await.contains("is not there"), "all of it or nothing");
}

#[tokio::test]
async fn an_app_is_no_owner() {
    let (database, app) = database().await;
    let config = Config::new(app, &own_name("schema")).unwrap();
    let told = Postgres::migrate(&config, None).await.unwrap_err().to_string();
    let role = database.role_named("app");
    assert!(told.starts_with(&format!("role `{role}` may not make schemas in database")), "{told}");
    let grant = format!("say `GRANT CREATE ON DATABASE {} TO {role}`", database.name());
    assert!(told.ends_with(&grant), "{told}");
}

#[tokio::test]
async fn whoever_cannot_come_in_is_told_why() {
    let (database, app) = database().await;
    let (schema, name, role) = (own_name("schema"), database.name(), database.role_named("app"));
    migrate(database, &schema).await;
    let told = refused(&app.replace("secret", "wrong_secret"), &schema).await;
    let begins = format!(
        "role `{role}` is not let in to database `{name}`: look at its password and at \
                          `pg_hba.conf`"
    );
    assert!(told.starts_with(&begins), "{told}");
    let told = refused(&app.replace(&format!("{role}:"), "nobody:"), &schema).await;
    assert!(told.starts_with("role `nobody` is not let in to database"), "{told}");
    let (server, _) = app.rsplit_once('/').unwrap();
    let told = refused(&format!("{server}/nowhere"), &schema).await;
    assert_eq!(told, "database `nowhere` is not there: make it with `createdb nowhere`");
    let told = refused(&format!("{app}?sslmode=require"), &schema).await;
    assert!(told.contains("cannot be spoken to as `sslmode` asks"), "{told}");
    let at = servers::postgres().await.address();
    let nobody = app.replace(&at.port().to_string(), &free_port().to_string());
    let told = refused(&nobody, &schema).await;
    assert!(told.contains("cannot be reached: start it, or name another"), "{told}");
}

/// A server that starts later than the app is waited for.
#[tokio::test]
async fn a_server_that_comes_late_is_waited_for() {
    let (database, app) = database().await;
    let schema = own_name("schema");
    migrate(database, &schema).await;
    let proxy = containers::proxy::Proxy::before(servers::postgres().await.address()).await;
    proxy.cut().await;
    let at = servers::postgres().await.address().to_string();
    let late = Config::new(&app.replace(&at, &proxy.address().to_string()), &schema).unwrap();
    let opened = async {
        ballet::clock::rest(Duration::from_millis(300)).await;
        proxy.open().await;
    };
    let (store, ()) = tokio::join!(Postgres::connect(late), opened);
    store.unwrap().take(&lane()).await.unwrap();
}
