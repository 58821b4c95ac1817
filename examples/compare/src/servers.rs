//! A shop on servers: a schema for each service in a Postgres, made by its owner, and a Kafka.

use crate::options::Urls;
use crate::topics::Topics;
use ballet::App;
use ballet::broker::Broker;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::{Config, Postgres};
use shop::cast::Cast;
use shop::http::schema_of;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::BTreeMap;
use std::sync::Arc;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many connections the lanes of a service share, and its clients.
const CONNECTIONS: (usize, usize) = (4, 2);

/// A Postgres, by the URL of an owner who may make schemas, and a Kafka.
pub struct Servers {
    store: String,
    broker: String,
}

impl Servers {
    /// Those of these URLs; nobody is reached yet.
    pub fn new(urls: &Urls) -> Result<Self, Failed> {
        Config::new(&urls.store, "shop")?;
        urls.broker.parse::<KafkaConfig>()?;
        Ok(Self { store: urls.store.clone(), broker: urls.broker.clone() })
    }

    /// New schemas for everybody of this cast, whose names begin with this. Their topics must not be there.
    pub async fn schemas(&self, name: &str, cast: Cast) -> Result<Schemas, Failed> {
        let (lanes, clients) = CONNECTIONS;
        let broker: KafkaConfig = self.broker.parse()?;
        let topics = Topics::of(&broker, cast)?;
        let kafka = Kafka::connect(broker).await?;
        topics.must_be_new()?;
        let mut schemas =
            Schemas { url: self.store.clone(), stores: BTreeMap::new(), kafka, topics };
        for player in cast {
            let schema = format!("{name}_{}", schema_of(player.name));
            let config = Config::new(&self.store, &schema)?.connections(lanes, clients);
            Postgres::migrate(&config, None).await?;
            let store = Postgres::connect(config).await?;
            schemas.stores.insert(player.name, (schema, store));
        }
        Ok(schemas)
    }
}

/// What one shop has of the servers.
pub struct Schemas {
    url: String,
    stores: BTreeMap<&'static str, (String, Arc<Postgres>)>,
    kafka: Arc<Kafka>,
    topics: Topics,
}

impl Schemas {
    /// An app of a service that serves nothing yet.
    pub fn app(&self, service: &str) -> Result<App, Failed> {
        let (_, store) =
            self.stores.get(service).ok_or_else(|| format!("nobody plays `{service}`"))?;
        Ok(App::new(store.clone()).broker(self.kafka.clone()))
    }

    /// Where messages are.
    pub fn broker(&self) -> &dyn Broker {
        &*self.kafka
    }

    /// Takes the schemas and the topics away.
    pub async fn drop(self) -> Result<(), Failed> {
        self.topics.forget().await?;
        let mut db = PgConnection::connect(&self.url).await?;
        for (schema, store) in self.stores.into_values() {
            store.close().await;
            db.execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await?;
        }
        Ok(db.close().await?)
    }
}
