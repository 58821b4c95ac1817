//! The services on servers: each on a schema of its own in Postgres, all on topics in Kafka.

use crate::http::between::{Between, Nothing};
use ballet::kafka::{Config as KafkaConfig, Kafka};
use ballet::postgres::{Config, Postgres};
use ballet::{App, Error};
use std::fmt;
use std::sync::Arc;

/// Stands in a URL for the schema of the service that uses it.
const SERVICE: &str = "{service}";
/// How many connections the lanes of a service share in a process, and its clients.
const CONNECTIONS: (usize, usize) = (4, 2);

/// A Postgres and a Kafka.
pub struct Servers {
    store: String,
    broker: String,
    /// The one Kafka of all services, if they have no users of their own there.
    kafka: Option<Arc<Kafka>>,
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
    /// Reaches Kafka, unless every service does so for itself. `{service}` in either URL stands for the
    /// schema of the service.
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
        let config: KafkaConfig = broker.replace(SERVICE, "service").parse()?;
        let kafka = match broker.contains(SERVICE) {
            true => None,
            false => Some(Kafka::connect(config).await?),
        };
        let (store, broker, between) = (store.to_owned(), broker.to_owned(), Arc::new(Nothing));
        Ok(Self { store, broker, kafka, lanes, between })
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
        let config = Config::new(&self.store.replace(SERVICE, &schema), &schema)?;
        let (lanes, clients) = CONNECTIONS;
        let store = Postgres::connect(config.connections(lanes, clients)).await?;
        let kafka = match &self.kafka {
            Some(kafka) => Arc::clone(kafka),
            None => Kafka::connect(self.broker.replace(SERVICE, &schema).parse()?).await?,
        };
        let store = self.between.store(service, store);
        Ok(App::new(store).broker(self.between.broker(service, kafka)))
    }
}
