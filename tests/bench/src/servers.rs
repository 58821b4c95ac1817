//! A Postgres and a Kafka: those whose URLs are given, or some in containers.

use crate::Failed;
use crate::options::Options;
use crate::saga::{FiveSteps, WORKER};
use ballet::Saga;
use ballet::broker::Broker;
use ballet::clock::rest;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::message::{commands_of, replies_of};
use ballet::postgres::{Config, Postgres};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many connections the lanes of an app share, and its clients.
const CONNECTIONS: (usize, usize) = (4, 4);

/// Servers that are there as long as this is.
pub struct Servers {
    store: String,
    broker: String,
    _started: Option<(containers::servers::Postgres, containers::servers::Kafka)>,
}

impl Servers {
    /// Those that the options name, or new ones.
    pub async fn of(options: &Options) -> Result<Self, Failed> {
        if let (Some(store), Some(broker)) = (&options.store, &options.broker) {
            return Ok(Self { store: store.clone(), broker: broker.clone(), _started: None });
        }
        let postgres = containers::servers::Postgres::alone().await;
        let kafka = containers::servers::Kafka::alone().await;
        let (store, broker) = (postgres.owner_url(), format!("kafka://{}", kafka.bootstrap()));
        Ok(Self { store, broker, _started: Some((postgres, kafka)) })
    }

    /// A schema for the coordinator and one for the worker, both new, and a client of Kafka.
    pub async fn schemas(&self) -> Result<Schemas, Failed> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |who: &str| format!("bench_{}_{number}_{who}", std::process::id());
        let names = ["coordinator", "worker"].map(name);
        let broker: KafkaConfig = self.broker.parse()?;
        let servers = broker.servers.clone();
        let schemas = Schemas {
            coordinator: store(&self.store, &names[0]).await?,
            worker: store(&self.store, &names[1]).await?,
            kafka: Kafka::connect(broker).await?,
            url: self.store.clone(),
            names,
            admin: ClientConfig::new().set("bootstrap.servers", &servers).create()?,
        };
        schemas.forget().await?;
        Ok(schemas)
    }
}

async fn store(url: &str, schema: &str) -> Result<Arc<Postgres>, Failed> {
    let (lanes, clients) = CONNECTIONS;
    let config = Config::new(url, schema)?.connections(lanes, clients);
    Postgres::migrate(&config, None).await?;
    Ok(Postgres::connect(config).await?)
}

/// What one run has of the servers. The topics are its own, too: whoever begins anew takes up all commands
/// that there are.
pub struct Schemas {
    pub coordinator: Arc<Postgres>,
    pub worker: Arc<Postgres>,
    pub kafka: Arc<Kafka>,
    url: String,
    names: [String; 2],
    admin: AdminClient<DefaultClientContext>,
}

impl Schemas {
    /// How many messages are in the topics.
    pub async fn messages(&self) -> Result<u64, Failed> {
        let mut all = 0;
        for topic in [commands_of(WORKER), replies_of(FiveSteps::NAME)] {
            for partition in 0..self.kafka.partitions(&topic).await? {
                all += self.kafka.range(&topic, partition).await?.end;
            }
        }
        Ok(all)
    }

    /// Takes the topics away, if there are any.
    async fn forget(&self) -> Result<(), Failed> {
        let lanes = [WORKER, FiveSteps::NAME].map(|group| format!("{group}.lanes"));
        let topics = lanes.into_iter().chain([commands_of(WORKER), replies_of(FiveSteps::NAME)]);
        let topics: Vec<String> = topics.collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        for deleted in self.admin.delete_topics(&names, &AdminOptions::new()).await? {
            match deleted {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((topic, code)) => return Err(format!("`{topic}` stays: {code}").into()),
            }
        }
        while self.has(&names)? {
            rest(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Whether Kafka has any of these topics.
    fn has(&self, names: &[&str]) -> Result<bool, Failed> {
        let known = self.admin.inner().fetch_metadata(None, Duration::from_secs(5))?;
        Ok(known.topics().iter().any(|topic| names.contains(&topic.name())))
    }

    /// Takes the schemas and the topics away.
    pub async fn drop(self) -> Result<(), Failed> {
        self.forget().await?;
        self.coordinator.close().await;
        self.worker.close().await;
        let mut db = PgConnection::connect(&self.url).await?;
        for name in &self.names {
            db.execute(AssertSqlSafe(format!("DROP SCHEMA {name} CASCADE"))).await?;
        }
        Ok(db.close().await?)
    }
}
