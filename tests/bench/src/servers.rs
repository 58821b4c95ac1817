//! A Postgres and a Kafka: those whose URLs are given, or some in containers on this machine's network.

use crate::Failed;
use crate::backend::Backend;
use crate::database;
use crate::figure::Figures;
use crate::five::saga::{FiveSteps, WORKER};
use crate::five::size::READER;
use crate::five::topics;
use crate::gauges::Gauges;
use crate::options::Options;
use crate::processes::Server;
use crate::tell::say;
use ballet::Saga;
use ballet::broker::Broker;
use ballet::clock::rest;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::{Config, Postgres};
use ballet::store::Store;
use containers::servers;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many connections the lanes of an app share, and its clients.
const CONNECTIONS: (usize, usize) = (4, 4);

/// How often a server is looked for that does not listen yet.
const SOON: u32 = 300;

/// Servers that are there as long as this is.
pub struct Servers {
    pub store: String,
    /// If workers have a database of their own.
    worker_store: Option<String>,
    /// If anybody needs one.
    broker: Option<String>,
    postgres: Vec<Server>,
    kafka: Option<Server>,
    _started: (Option<servers::Postgres>, Option<servers::Kafka>),
}

impl Servers {
    /// Those that the options name, or new ones; nothing if nobody needs any.
    pub async fn of(options: &Options) -> Result<Option<Self>, Failed> {
        let needed = |is_so: fn(Backend) -> bool| options.on.iter().any(|on| is_so(*on));
        if !needed(|on| !on.is_embedded()) {
            return Ok(None);
        }
        let mut started = (None, None);
        let store = match &options.store {
            Some(url) => url.clone(),
            None => {
                say("starting a Postgres");
                let postgres = servers::Postgres::on_the_host().await;
                started.0.insert(postgres).owner_url()
            }
        };
        let broker = match (&options.broker, needed(Backend::needs_kafka)) {
            (_, false) => None,
            (Some(url), true) => Some(url.clone()),
            (None, true) => {
                say("starting a Kafka");
                let kafka = servers::Kafka::on_the_host().await;
                Some(format!("kafka://{}", started.1.insert(kafka).bootstrap()))
            }
        };
        let worker_store = options.worker_store.clone();
        let stores: BTreeSet<u16> = [Some(&store), worker_store.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|url| port_of(url, 5_432))
            .collect();
        let mut postgres = Vec::new();
        for port in stores {
            postgres.extend(awaited(port).await);
        }
        let kafka = match broker.as_deref().and_then(|url| port_of(url, 9_092)) {
            Some(port) => awaited(port).await,
            None => None,
        };
        Ok(Some(Self { store, worker_store, broker, postgres, kafka, _started: started }))
    }

    /// What is read before and after a run over them.
    pub async fn gauges(&self, on: Backend) -> Result<Gauges, Failed> {
        let broker = self.kafka.filter(|_| on.needs_kafka());
        Gauges::of(&self.store, self.postgres.clone(), broker).await
    }

    /// Where Kafka is.
    pub fn kafka(&self) -> Result<KafkaConfig, Failed> {
        Ok(self.broker.as_deref().ok_or("there is no Kafka")?.parse()?)
    }

    /// Where a shop can be opened.
    pub fn shop(&self, on: Backend) -> Result<compare::servers::Servers, Failed> {
        let broker = self.broker.as_deref().filter(|_| on.needs_kafka());
        compare::servers::Servers::new(&self.store, broker)
    }

    /// A schema for the coordinator and one for the worker, which nobody else has, and where their messages are: in
    /// a Kafka, or in a schema of their own.
    pub fn schemas(&self, on: Backend) -> Result<Schemas, Failed> {
        let worker = self.worker_store.clone().filter(|_| on.needs_kafka());
        let broker = match on.needs_kafka() {
            true => Some(self.broker.clone().ok_or("there is no Kafka")?),
            false => None,
        };
        let names = ["coordinator", "worker", "log"].map(own_name);
        Ok(Schemas { store: self.store.clone(), worker_store: worker, broker, names })
    }
}

/// A name that nobody else has, on the same server neither.
pub fn own_name(who: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("bench_{}_{number}_{who}", std::process::id())
}

/// The server that listens at this port, or soon will: one that was just begun takes a while.
async fn awaited(port: u16) -> Option<Server> {
    for attempt in 0..SOON {
        if let Some(server) = Server::at(port) {
            return Some(server);
        }
        if attempt == 0 {
            say(&format!("waiting for somebody to listen at port {port}"));
        }
        rest(Duration::from_millis(100)).await;
    }
    say(&format!("no process that can be seen listens at port {port}: its CPU is not counted"));
    None
}

/// The port of a URL whose server is on this machine.
fn port_of(url: &str, usual: u16) -> Option<u16> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['/', '?', ',']).next()?;
    let (host, port) = host.rsplit_once(':').map_or((host, None), |(h, p)| (h, p.parse().ok()));
    matches!(host, "localhost" | "127.0.0.1" | "[::1]").then(|| port.unwrap_or(usual))
}

/// Where one run has its schemas and its messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schemas {
    store: String,
    /// If the worker has a database of its own.
    worker_store: Option<String>,
    /// If messages are in a Kafka.
    broker: Option<String>,
    /// Of the coordinator, of the worker, and of the log if there is no Kafka.
    names: [String; 3],
}

impl Schemas {
    fn config(&self, url: &str, name: &str) -> Result<Config, Failed> {
        let (lanes, clients) = CONNECTIONS;
        Ok(Config::new(url, name)?.connections(lanes, clients))
    }

    fn coordinator(&self) -> Result<Config, Failed> {
        let config = self.config(&self.store, &self.names[0])?;
        Ok(match self.broker {
            Some(_) => config,
            None => config.with_log(&self.names[2])?,
        })
    }

    fn worker(&self) -> Result<Config, Failed> {
        self.config(self.worker_url(), &self.names[1])
    }

    fn worker_url(&self) -> &str {
        self.worker_store.as_ref().unwrap_or(&self.store)
    }

    /// Makes the schemas, and takes away the topics that the run before has left.
    pub async fn make(&self) -> Result<(), Failed> {
        if let Some(broker) = &self.broker {
            Topics::of(broker)?.forget().await?;
        }
        Postgres::migrate(&self.coordinator()?, None).await?;
        Postgres::migrate(&self.worker()?, None).await?;
        Ok(())
    }

    pub async fn connect(&self) -> Result<Connected, Failed> {
        let coordinator = Postgres::connect(self.coordinator()?).await?;
        let (worker, kafka) = match &self.broker {
            Some(url) => (self.worker()?, Some(Kafka::connect(url.parse()?).await?)),
            None => (self.worker()?.with_log_of(&coordinator)?, None),
        };
        Ok(Connected { coordinator, worker: Postgres::connect(worker).await?, kafka })
    }

    /// How large all tables are, and which of them.
    pub async fn sizes(&self) -> Result<Figures, Failed> {
        let mut sizes = database::sizes(&self.store, &self.names).await?;
        if let Some(worker) = &self.worker_store {
            for (key, size) in database::sizes(worker, &self.names).await? {
                *sizes.entry(key).or_default() += size;
            }
        }
        Ok(sizes)
    }

    /// Takes the schemas and the topics away.
    pub async fn forget(&self) -> Result<(), Failed> {
        if let Some(broker) = &self.broker {
            Topics::of(broker)?.forget().await?;
        }
        drop_schemas(&self.store, &self.names).await?;
        drop_schemas(self.worker_url(), &self.names).await
    }
}

/// What one run has open of the servers.
pub struct Connected {
    pub coordinator: Arc<Postgres>,
    pub worker: Arc<Postgres>,
    kafka: Option<Arc<Kafka>>,
}

impl Connected {
    /// Where the messages are.
    pub fn broker(&self) -> Arc<dyn Broker> {
        match &self.kafka {
            Some(kafka) => kafka.clone(),
            None => self.coordinator.log().expect("a store without a Kafka has its own log"),
        }
    }

    pub async fn close(self) {
        self.coordinator.close().await;
        self.worker.close().await;
    }
}

pub async fn drop_schemas(url: &str, names: &[String]) -> Result<(), Failed> {
    let mut db = PgConnection::connect(url).await?;
    for name in names {
        db.execute(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"))).await?;
    }
    Ok(db.close().await?)
}

/// Topics that are one run's own: whoever begins anew takes up all commands that there are.
struct Topics(AdminClient<DefaultClientContext>);

impl Topics {
    fn of(url: &str) -> Result<Self, Failed> {
        let config: KafkaConfig = url.parse()?;
        Ok(Self(ClientConfig::new().set("bootstrap.servers", &config.servers).create()?))
    }

    /// Takes the topics away, if there are any.
    async fn forget(&self) -> Result<(), Failed> {
        let lanes = [WORKER, FiveSteps::NAME, READER].map(|group| format!("{group}.lanes"));
        let names: Vec<String> = lanes.into_iter().chain(topics()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for deleted in self.0.delete_topics(&names, &AdminOptions::new()).await? {
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
        let known = self.0.inner().fetch_metadata(None, Duration::from_secs(5))?;
        Ok(known.topics().iter().any(|topic| names.contains(&topic.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::port_of;

    #[test]
    fn a_server_of_this_machine_is_known_by_its_url() {
        assert_eq!(port_of("postgres://a:b@127.0.0.1:6000/shop?x=1", 5_432), Some(6_000));
        assert_eq!(port_of("postgres://a:b@localhost/shop", 5_432), Some(5_432));
        assert_eq!(port_of("kafka://localhost:9093", 9_092), Some(9_093));
        assert_eq!(port_of("postgres://a:b@db:6000/shop", 5_432), None);
    }
}
