//! The services on servers: each on a schema of its own in Postgres, all on topics in Kafka, or on a log in
//! the same Postgres.

use crate::http::between::{Between, Nothing};
use ballet::broker::Broker;
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::{Config, Postgres};
use ballet::store::Store;
use ballet::{App, Error, ErrorKind};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Stands in a URL for the schema of the service that uses it.
const SERVICE: &str = "{service}";
/// How many connections the lanes of a service share in a process, and its clients.
const CONNECTIONS: (usize, usize) = (4, 2);

/// What `--broker` says if the messages are in Postgres too, and the schema in which they are then.
pub(super) const IN_POSTGRES: &str = "postgres";
const LOG: &str = "log";

/// Over what the services speak.
enum Messages {
    /// The one Kafka of all services.
    Kafka(Arc<Kafka>),
    /// A Kafka in which each service has a user of its own.
    Kafkas(String),
    /// A log in the Postgres of their stores, which the first one has opened.
    Log(OnceLock<Arc<Postgres>>),
}

/// A Postgres, and perhaps a Kafka.
pub struct Servers {
    store: String,
    messages: Messages,
    lanes: u32,
    between: Arc<dyn Between>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servers for {} lanes", self.lanes)
    }
}

/// The schema of a service.
#[must_use]
pub fn schema_of(service: &str) -> String {
    service.replace('-', "_")
}

impl Servers {
    /// Reaches Kafka, unless every service does so for itself or there is none, because `broker` is
    /// `postgres`. `{service}` in either URL stands for the schema of the service.
    ///
    /// # Errors
    ///
    /// What is wrong with a URL; what Kafka says.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    pub async fn reach(store: &str, broker: &str, lanes: u32) -> Result<Self, Error> {
        Config::new(&store.replace(SERVICE, "service"), "service")?;
        let messages = if broker == IN_POSTGRES {
            Messages::Log(OnceLock::new())
        } else {
            let config: KafkaConfig = broker.replace(SERVICE, "service").parse()?;
            match broker.contains(SERVICE) {
                true => Messages::Kafkas(broker.to_owned()),
                false => Messages::Kafka(Kafka::connect(config).await?),
            }
        };
        Ok(Self { store: store.to_owned(), messages, lanes, between: Arc::new(Nothing) })
    }

    /// The same with something between them and the services.
    #[must_use]
    pub fn behind(self, between: Arc<dyn Between>) -> Self {
        Self { between, ..self }
    }

    pub(super) const fn lanes(&self) -> u32 {
        self.lanes
    }

    pub(super) async fn app(&self, service: &'static str) -> Result<App, Error> {
        let schema = schema_of(service);
        let (lanes, clients) = CONNECTIONS;
        let config = Config::new(&self.store.replace(SERVICE, &schema), &schema)?;
        let config = config.connections(lanes, clients);
        let config = match &self.messages {
            Messages::Log(first) => match first.get() {
                Some(first) => config.with_log_of(first)?,
                None => config.with_log(LOG)?,
            },
            _ => config,
        };
        let store = Postgres::connect(config).await?;
        let broker: Arc<dyn Broker> = match &self.messages {
            Messages::Kafka(kafka) => Arc::clone(kafka) as _,
            Messages::Kafkas(url) => Kafka::connect(url.replace(SERVICE, &schema).parse()?).await?,
            Messages::Log(first) => {
                first.get_or_init(|| Arc::clone(&store));
                store.log().ok_or_else(no_log)?
            }
        };
        let store = self.between.store(service, store);
        Ok(App::new(store).broker(self.between.broker(service, broker)))
    }
}

fn no_log() -> Error {
    Error::new(ErrorKind::Broker, "a store that was opened with a log has none")
}
