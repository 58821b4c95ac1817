//! Postgres beside the broker in memory, and with a log of its own, each test in a schema of its own.

use ballet::broker::Broker;
use ballet::clock::{Clock, Time};
use ballet::memory::{Node, World};
use ballet::postgres::{Config, Postgres};
use ballet::store::Store;
use containers::servers::{self, Database, own_name};
use sentences::Pair;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::OnceCell;

static DATABASE: OnceCell<(Database, String)> = OnceCell::const_new();

/// The database of all these tests, and the URL of the role that apps have in it.
pub async fn database() -> &'static (Database, String) {
    let made = || async {
        let database = servers::postgres().await.database("store").await;
        let app = database.role("app").await;
        (database, app)
    };
    DATABASE.get_or_init(made).await
}

/// A new schema, migrated by its owner, as the app's role finds it.
pub async fn schema() -> Config {
    let (database, app) = database().await;
    let schema = own_name("schema");
    migrate(database, &schema).await;
    Config::new(app, &schema).unwrap()
}

/// Migrates a schema of a database for its app's role.
pub async fn migrate(database: &Database, schema: &str) {
    let owner = Config::new(&database.owner_url(), schema).unwrap();
    Postgres::migrate(&owner, Some(&database.role_named("app"))).await.unwrap();
}

/// The same with a log in a schema of its own.
pub async fn with_log(config: &Config) -> Config {
    let (database, _) = database().await;
    let log = format!("{}_log", config.schema());
    let owner = Config::new(&database.owner_url(), &log).unwrap();
    Postgres::migrate_log(&owner, Some(&database.role_named("app"))).await.unwrap();
    config.clone().with_log(&log).unwrap()
}

/// A clock that a test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Time {
        Time::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A store in Postgres, and a broker that is none of its own.
pub struct Beside {
    pub config: Config,
    store: Arc<Postgres>,
    hands: Hands,
    world: World,
    node: Node,
}

impl Beside {
    async fn open(config: &Config, hands: &Hands) -> Arc<Postgres> {
        Postgres::connect_with_clock(config.clone(), Arc::new(hands.clone())).await.unwrap()
    }
}

impl Pair for Beside {
    async fn fresh(now: Time) -> Self {
        let hands = Hands(Arc::new(AtomicI64::new(now.micros())));
        let world = World::new(Arc::new(hands.clone()));
        let config = schema().await;
        let store = Self::open(&config, &hands).await;
        Self { config, store, node: world.node(), world, hands }
    }

    async fn reopen(self) -> Self {
        self.node.kill();
        self.store.close().await;
        let store = Self::open(&self.config, &self.hands).await;
        Self { store, node: self.world.node(), ..self }
    }

    fn set_time(&self, now: Time) {
        self.hands.0.store(now.micros(), Ordering::SeqCst);
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        self.node.broker()
    }
}

/// A store in Postgres, and the log in another schema of its database.
pub struct Logged {
    pub config: Config,
    pub store: Arc<Postgres>,
    hands: Hands,
}

impl Pair for Logged {
    async fn fresh(now: Time) -> Self {
        let hands = Hands(Arc::new(AtomicI64::new(now.micros())));
        let config = schema().await;
        let config = with_log(&config).await;
        Self { store: Beside::open(&config, &hands).await, config, hands }
    }

    async fn reopen(self) -> Self {
        self.store.close().await;
        Self { store: Beside::open(&self.config, &self.hands).await, ..self }
    }

    fn set_time(&self, now: Time) {
        self.hands.0.store(now.micros(), Ordering::SeqCst);
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        self.store.log().unwrap()
    }
}

mod beside {
    use super::Beside;
    sentences::store_sentences! { Beside }
}

mod logged {
    use super::Logged;
    sentences::store_sentences! { Logged }
    sentences::log_sentences! { Logged }
    sentences::fused_sentences! { Logged }
}
