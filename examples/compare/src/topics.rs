//! The topics of the shop on a Kafka: they must not be there before a shop opens, and go when it closes.
//!
//! Whoever begins anew takes up all commands that there are, so the commands of another shop would be
//! carried out again. What is there already may be somebody's: it is never taken away, but told.

use crate::Failed;
use ballet::clock::{Stopwatch, rest};
use ballet::kafka::Config;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use shop::cast::{Cast, topology};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long Kafka may take to answer, and to take topics away.
const PATIENCE: Duration = Duration::from_secs(60);

/// The topics of one cast.
pub struct Topics {
    admin: AdminClient<DefaultClientContext>,
    names: BTreeSet<String>,
}

impl Topics {
    /// All that this cast needs, and on this Kafka.
    pub fn of(kafka: &Config, cast: Cast) -> Result<Self, Failed> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.servers);
        if let Some(sasl) = &kafka.security.sasl {
            config.set("sasl.mechanism", &sasl.mechanism).set("sasl.username", &sasl.user);
            config.set("sasl.password", &sasl.password);
        }
        if let Some(ca) = &kafka.security.ca {
            config.set("ssl.ca.location", ca.to_string_lossy());
        }
        config.set("security.protocol", protocol(kafka));
        Ok(Self { admin: config.create()?, names: names(cast) })
    }

    /// Those of them that are on that Kafka.
    fn there(&self) -> Result<Vec<String>, Failed> {
        let known = self.admin.inner().fetch_metadata(None, PATIENCE)?;
        let known = known.topics().iter().map(|topic| topic.name().to_owned());
        Ok(known.filter(|name| self.names.contains(name)).collect())
    }

    /// Refuses a Kafka on which any of them is.
    pub fn must_be_new(&self) -> Result<(), Failed> {
        let there = self.there()?;
        if there.is_empty() {
            return Ok(());
        }
        Err(format!(
            "there are topics of a shop on this Kafka, whose commands would be carried out again: {}. \
             Name a Kafka without them, or take them away",
            there.join(", ")
        )
        .into())
    }

    /// Takes them away, and waits until they are gone.
    pub async fn forget(&self) -> Result<(), Failed> {
        let since = Stopwatch::start();
        loop {
            let there = self.there()?;
            if there.is_empty() {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("these topics do not go: {}", there.join(", ")).into());
            }
            let names: Vec<&str> = there.iter().map(String::as_str).collect();
            for gone in self.admin.delete_topics(&names, &AdminOptions::new()).await? {
                match gone {
                    Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                    Err((topic, code)) => return Err(format!("`{topic}` stays: {code}").into()),
                }
            }
            rest(Duration::from_millis(50)).await;
        }
    }
}

/// All topics that a cast reads or writes, and those by which its groups share their lanes.
fn names(cast: Cast) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rights in topology(cast).rights().into_values() {
        let lanes = rights.groups.iter().chain(&rights.views).map(|group| format!("{group}.lanes"));
        names.extend(lanes);
        names.extend(rights.writes);
        names.extend(rights.reads);
    }
    names
}

fn protocol(kafka: &Config) -> &'static str {
    match (&kafka.security.sasl, kafka.security.tls) {
        (None, false) => "plaintext",
        (None, true) => "ssl",
        (Some(_), false) => "sasl_plaintext",
        (Some(_), true) => "sasl_ssl",
    }
}
