//! A shop on servers: a schema for each service in a Postgres, made by its owner, and a Kafka, or a schema more for
//! the messages.

use crate::Failed;
use crate::topics::Topics;
use ballet::App;
use ballet::broker::Broker;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::{Config, Postgres};
use ballet::store::Store;
use shop::cast::Cast;
use shop::http::schema_of;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many connections the lanes of a service share, and its clients.
const CONNECTIONS: (usize, usize) = (4, 2);

/// A Postgres, by the URL of an owner who may make schemas, and a Kafka if messages are to be there.
pub struct Servers {
    store: String,
    broker: Option<String>,
}

impl Servers {
    /// Those of these URLs; nobody is reached yet.
    pub fn new(store: &str, broker: Option<&str>) -> Result<Self, Failed> {
        Config::new(store, "shop")?;
        broker.map(str::parse::<KafkaConfig>).transpose()?;
        Ok(Self { store: store.to_owned(), broker: broker.map(str::to_owned) })
    }

    /// New schemas for everybody of this cast, whose names begin with this. Their topics must not be there.
    pub async fn schemas(&self, name: &str, cast: Cast) -> Result<Schemas, Failed> {
        let broker = match &self.broker {
            Some(url) => Some(Messages::of(url.parse()?, cast).await?),
            None => None,
        };
        let log = format!("{name}_log");
        let mut schemas = Schemas {
            url: self.store.clone(),
            stores: BTreeMap::new(),
            log: broker.is_none().then(|| log.clone()),
            broker,
        };
        for player in cast {
            let schema = format!("{name}_{}", schema_of(player.name));
            let (lanes, clients) = CONNECTIONS;
            let mut config = Config::new(&self.store, &schema)?.connections(lanes, clients);
            if schemas.broker.is_none() {
                config = match schemas.stores.values().next() {
                    Some((_, store)) => config.with_log_of(store)?,
                    None => config.with_log(&log)?,
                };
            }
            Postgres::migrate(&config, None).await?;
            let store = Postgres::connect(config).await?;
            schemas.stores.insert(player.name, (schema, store));
        }
        Ok(schemas)
    }
}

/// Messages in a Kafka.
struct Messages {
    kafka: Arc<Kafka>,
    topics: Topics,
}

impl Messages {
    async fn of(config: KafkaConfig, cast: Cast) -> Result<Self, Failed> {
        let topics = Topics::of(&config, cast)?;
        let kafka = Kafka::connect(config).await?;
        topics.must_be_new()?;
        Ok(Self { kafka, topics })
    }
}

/// What one shop has of the servers.
pub struct Schemas {
    url: String,
    stores: BTreeMap<&'static str, (String, Arc<Postgres>)>,
    broker: Option<Messages>,
    /// The schema of the messages, if they are in no Kafka.
    log: Option<String>,
}

impl Schemas {
    /// An app of a service that serves nothing yet.
    pub fn app(&self, service: &str) -> Result<App, Failed> {
        let (_, store) =
            self.stores.get(service).ok_or_else(|| format!("nobody plays `{service}`"))?;
        let app = App::new(store.clone());
        Ok(match &self.broker {
            Some(messages) => app.broker(messages.kafka.clone()),
            None => app,
        })
    }

    /// Where messages are.
    pub fn broker(&self) -> Arc<dyn Broker> {
        let log = || self.stores.values().find_map(|(_, store)| store.log());
        match &self.broker {
            Some(messages) => messages.kafka.clone(),
            None => log().expect("a store without a Kafka has a log"),
        }
    }

    /// Takes the schemas and the topics away.
    pub async fn drop(self) -> Result<(), Failed> {
        if let Some(messages) = &self.broker {
            messages.topics.forget().await?;
        }
        let mut db = PgConnection::connect(&self.url).await?;
        let mut schemas = Vec::from_iter(self.log);
        for (schema, store) in self.stores.into_values() {
            store.close().await;
            schemas.push(schema);
        }
        for schema in schemas {
            db.execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await?;
        }
        Ok(db.close().await?)
    }
}
