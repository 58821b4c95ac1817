//! Clients: how they are made, and how they go.

use crate::error::{Error, ErrorKind};
use crate::kafka::trouble::Context;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use std::fmt::Display;
use std::ops::Deref;
use std::thread;

/// Makes a client.
pub(super) fn made<T: FromClientConfigAndContext<Context>>(
    config: &ClientConfig,
) -> Result<T, Error> {
    made_with(config, Context::default())
}

/// The same with this context.
pub(super) fn made_with<T: FromClientConfigAndContext<Context>>(
    config: &ClientConfig,
    context: Context,
) -> Result<T, Error> {
    config.create_with_context(context).map_err(|trouble| {
        let text = match &trouble {
            // The value may be a secret.
            KafkaError::ClientConfig(_, told, name, _) => format!("`{name}`: {told}"),
            other => other.to_string(),
        };
        let needs_ssl = text.contains("OpenSSL") || text.contains("No provider for SASL");
        let advice =
            if needs_ssl { "build with the feature `kafka-ssl`" } else { "check the settings" };
        Error::new(
            ErrorKind::Definition,
            format!("Kafka's client cannot be made: {advice} ({text})"),
        )
    })
}

/// Starts a thread for a client that blocks.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    let refused = |told: std::io::Error| {
        Error::new(
            ErrorKind::Broker,
            format!("a thread cannot be started: {}", &told as &dyn Display),
        )
        .because(told)
    };
    started.map(drop).map_err(refused)
}

/// A client that says good-bye on a thread of its own when it is dropped: that takes a tenth of a second
/// and more, and whoever drops it must not wait.
pub(super) struct Away<T: Send + 'static>(Option<T>);

impl<T: Send> Away<T> {
    pub(super) const fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send> Deref for Away<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send> Drop for Away<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        if let Err(told) = thread("kafka-away", move || drop(client)) {
            tracing::warn!(%told, "a client of Kafka is ended here");
        }
    }
}
