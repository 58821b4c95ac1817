//! Who may do what: the roles that `ballet migrate` gave their rights, and what it refuses.

use ballet::postgres::{Config, Postgres};
use containers::process::{Process, program};
use containers::servers::{self, own_name};
use containers::shop::{ballet, migrated, services, store};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The words that ask for a schema.
fn on<'w>(store: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    let mut all = vec!["migrate", "--patience", "1", "--schema", "s", "--store", store];
    all.extend(more);
    all
}

/// The schema of a service.
fn schema(service: &str) -> String {
    service.replace('-', "_")
}

#[tokio::test]
async fn no_service_enters_the_schema_of_another() {
    let services = services("orchestrated");
    let database = migrated(servers::postgres().await, &services).await;
    for service in &services {
        let url = store(&database).replace("{service}", &schema(service));
        Postgres::connect(Config::new(&url, &schema(service)).unwrap()).await.unwrap();
        let mut db = PgConnection::connect(&url).await.unwrap();
        for other in services.iter().filter(|other| *other != service) {
            let other = schema(other);
            let told = Postgres::connect(Config::new(&url, &other).unwrap()).await.unwrap_err();
            let not_for = format!("is not for role `{}`", database.role_named(&schema(service)));
            assert!(told.to_string().contains(&not_for), "{told}");
            for table in ["rows", "runs", "lanes", "outbox", "inbox", "meta"] {
                let text = format!("SELECT * FROM {other}.{table}");
                let told = db.execute(AssertSqlSafe(text)).await.unwrap_err();
                assert_eq!(told.as_database_error().unwrap().code().unwrap(), "42501");
            }
        }
    }
}

#[tokio::test]
async fn a_service_whose_schema_is_not_there_names_the_command_that_makes_it() {
    let database = servers::postgres().await.database("bare").await;
    let (role, kafka) = (database.role("orders").await, servers::kafka().await);
    let broker = format!("kafka://{}", kafka.bootstrap());
    let name = own_name(&format!("ballet-bare-{}", std::process::id()));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let outside = folder.join("outside");
    let variables = [("SHOP_OUTSIDE", outside.to_str().unwrap())];
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--service",
        "orders",
        "--store",
        role.as_str(),
        "--broker",
        broker.as_str(),
    ];
    let mut process = Process::start(&program("orchestrated"), &args, &variables);
    assert_eq!(process.ended().await.code(), Some(2));
    let app = database.role_named("orders");
    let told = format!(
        "is not there: run `ballet migrate --store … --schema orders --app-role {app}` as its owner"
    );
    let said = process.heard().await;
    assert!(said.contains(&told) && !said.contains("secret"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_cannot_be_migrated_is_told_in_a_sentence() {
    let database = servers::postgres().await.database("migrated").await;
    let (owner, app) = (database.owner_url(), database.role("app").await);
    let wrong = owner.replace("secret", "sekret");
    let nobody = owner.replace(&servers::postgres().await.address().to_string(), "127.0.0.1:1");
    for (args, code, why) in [
        (on("http://h/d", &[]), 2, "this is no URL of a Postgres database"),
        (on(&wrong, &[]), 1, "is not let in to database"),
        (on(&nobody, &[]), 1, "cannot be reached: start it, or name another"),
        (on(&app, &[]), 1, "may not make schemas in database"),
        (on(&owner, &["--app-role", "nobody"]), 1, "there is no role `nobody`"),
    ] {
        let ran = ballet(&args).await;
        assert_eq!(ran.code, Some(code), "{}", ran.said);
        assert!(ran.said.starts_with("ballet: ") && ran.said.contains(why), "{}", ran.said);
        assert!(!ran.said.contains("sekret") && ran.said.lines().count() == 1, "{}", ran.said);
    }
    assert_eq!(ballet(&on(&owner, &[])).await.code, Some(0));
    let mut db = PgConnection::connect(&owner).await.unwrap();
    db.execute("UPDATE s.meta SET value = 99 WHERE name = 'version'").await.unwrap();
    let ran = ballet(&on(&owner, &[])).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("was migrated by a newer ballet"), "{}", ran.said);
}
