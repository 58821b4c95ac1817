//! A Postgres and a Kafka: those whose URLs are given, or some in containers on this machine's network.

use crate::Failed;
use crate::backend::Backend;
use crate::five::saga::{FiveSteps, WORKER};
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
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many connections the lanes of an app share, and its clients.
const CONNECTIONS: (usize, usize) = (4, 4);

/// Servers that are there as long as this is.
pub struct Servers {
    pub store: String,
    /// If anybody needs one.
    broker: Option<String>,
    postgres: Option<Server>,
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
        let postgres = port_of(&store, 5_432).and_then(Server::at);
        let kafka = broker.as_deref().and_then(|url| port_of(url, 9_092)).and_then(Server::at);
        Ok(Some(Self { store, broker, postgres, kafka, _started: started }))
    }

    /// What is read before and after a run over them.
    pub async fn gauges(&self, on: Backend) -> Result<Gauges, Failed> {
        let broker = self.kafka.filter(|_| on.needs_kafka());
        Gauges::of(&self.store, self.postgres, broker).await
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

    /// A schema for the coordinator and one for the worker, both new, and where their messages are: in a Kafka, or
    /// in a schema of their own.
    pub async fn schemas(&self, on: Backend) -> Result<Schemas, Failed> {
        let names = ["coordinator", "worker", "log"].map(own_name);
        let log = (!on.needs_kafka()).then_some(names[2].as_str());
        let config = |name| -> Result<Config, Failed> {
            let (lanes, clients) = CONNECTIONS;
            Ok(Config::new(&self.store, name)?.connections(lanes, clients))
        };
        let (coordinator, worker) = (config(&names[0])?, config(&names[1])?);
        let (coordinator, worker) = match log {
            Some(log) => {
                let coordinator = store(coordinator.with_log(log)?).await?;
                let worker = store(worker.with_log_of(&coordinator)?).await?;
                (coordinator, worker)
            }
            None => (store(coordinator).await?, store(worker).await?),
        };
        let kafka = match log {
            Some(_) => None,
            None => Some(Topics::empty(self.kafka()?).await?),
        };
        Ok(Schemas { coordinator, worker, kafka, url: self.store.clone(), names })
    }
}

/// A name that nobody else has, on the same server neither.
pub fn own_name(who: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("bench_{}_{number}_{who}", std::process::id())
}

/// The port of a URL whose server is on this machine.
fn port_of(url: &str, usual: u16) -> Option<u16> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['/', '?', ',']).next()?;
    let (host, port) = host.rsplit_once(':').map_or((host, None), |(h, p)| (h, p.parse().ok()));
    matches!(host, "localhost" | "127.0.0.1" | "[::1]").then(|| port.unwrap_or(usual))
}

async fn store(config: Config) -> Result<Arc<Postgres>, Failed> {
    Postgres::migrate(&config, None).await?;
    Ok(Postgres::connect(config).await?)
}

/// What one run has of the servers.
pub struct Schemas {
    pub coordinator: Arc<Postgres>,
    pub worker: Arc<Postgres>,
    kafka: Option<Topics>,
    url: String,
    names: [String; 3],
}

impl Schemas {
    /// Where the messages are.
    pub fn broker(&self) -> Arc<dyn Broker> {
        match &self.kafka {
            Some(topics) => topics.kafka.clone(),
            None => self.coordinator.log().expect("a store without a Kafka has its own log"),
        }
    }

    /// Takes the schemas and the topics away.
    pub async fn drop(self) -> Result<(), Failed> {
        if let Some(topics) = &self.kafka {
            topics.forget().await?;
        }
        self.coordinator.close().await;
        self.worker.close().await;
        drop_schemas(&self.url, &self.names).await
    }
}

pub async fn drop_schemas(url: &str, names: &[String]) -> Result<(), Failed> {
    let mut db = PgConnection::connect(url).await?;
    for name in names {
        db.execute(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"))).await?;
    }
    Ok(db.close().await?)
}

/// A client of Kafka, and topics that are one run's own: whoever begins anew takes up all commands that there
/// are.
struct Topics {
    kafka: Arc<Kafka>,
    admin: AdminClient<DefaultClientContext>,
}

impl Topics {
    async fn empty(config: KafkaConfig) -> Result<Self, Failed> {
        let admin = ClientConfig::new().set("bootstrap.servers", &config.servers).create()?;
        let topics = Self { kafka: Kafka::connect(config).await?, admin };
        topics.forget().await?;
        Ok(topics)
    }

    /// Takes the topics away, if there are any.
    async fn forget(&self) -> Result<(), Failed> {
        let lanes = [WORKER, FiveSteps::NAME].map(|group| format!("{group}.lanes"));
        let names: Vec<String> = lanes.into_iter().chain(topics()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
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
