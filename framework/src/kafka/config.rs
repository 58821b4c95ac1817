//! How a Kafka is reached, and what is asked of its client.

use crate::error::{Error, ErrorKind};
use rdkafka::ClientConfig;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What the guarantees rest on; whoever sets one of these is refused.
const OURS: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "group.id",
    "group.protocol",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "retries",
    "session.timeout.ms",
    "transactional.id",
];

/// Words in the name of a property whose value nobody is shown.
const SECRET: &[&str] = &["password", "secret", "token", "key", "jaas", "oauthbearer.config"];

/// How a Kafka is reached, and how its topics are made.
///
/// ```
/// use ballet::kafka::{Config, Sasl, Security};
///
/// let sasl = Sasl { mechanism: "PLAIN".into(), user: "shop".into(), password: "dance".into() };
/// let security = Security { sasl: Some(sasl), ..Security::default() };
/// let config = Config { replication: Some(3), security, ..Config::new("one:9092,two:9092") };
/// assert!(!format!("{config:?}").contains("dance"));
/// ```
#[derive(Clone)]
pub struct Config {
    /// Some of its servers, as `host:port`, with commas between them.
    pub servers: String,
    /// Encryption, and who we are.
    pub security: Security,
    /// On how many servers a new topic is kept; `None` leaves it to the cluster.
    pub replication: Option<u16>,
    /// How long a new topic keeps its messages: 7 days. Of a compacted topic the newest message of each
    /// key is kept for ever.
    pub retention: Duration,
    /// How large a message may be, in bytes: 2 MiB. New topics are made so that it fits.
    pub largest: usize,
    /// After how much silence a process loses its lanes to others: 10 seconds.
    pub session: Duration,
    /// How long [`connect`](crate::kafka::Kafka::connect) waits for a server that does not answer: a
    /// minute.
    pub patience: Duration,
    /// Whatever else librdkafka can be told, by its own names, as `compression.type`. What the guarantees
    /// rest on cannot be set.
    pub properties: BTreeMap<String, String>,
}

/// Encryption, and who we are. The default is none, for networks that others protect.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Whether to speak TLS; needs the feature `kafka-ssl`.
    pub tls: bool,
    /// The file of the authorities that may have signed the servers' certificates; `None` asks the system.
    pub ca: Option<PathBuf>,
    /// Who we are.
    pub sasl: Option<Sasl>,
}

/// A user, as SASL has it.
#[derive(Clone)]
pub struct Sasl {
    /// `PLAIN`, or with the feature `kafka-ssl` `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mechanism, user, .. } = self;
        write!(f, "Sasl {{ mechanism: {mechanism:?}, user: {user:?}, password: *** }}")
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<_, _> = self.properties.iter().map(masked).collect();
        f.debug_struct("Config")
            .field("servers", &self.servers)
            .field("security", &self.security)
            .field("replication", &self.replication)
            .field("retention", &self.retention)
            .field("largest", &self.largest)
            .field("session", &self.session)
            .field("patience", &self.patience)
            .field("properties", &properties)
            .finish()
    }
}

fn masked<'a>((name, value): (&'a String, &'a String)) -> (&'a str, &'a str) {
    let is_secret = SECRET.iter().any(|word| name.contains(word));
    (name, if is_secret { "***" } else { value })
}

impl Config {
    /// The Kafka at these servers, without encryption and users.
    pub fn new(servers: impl Into<String>) -> Self {
        Self {
            servers: servers.into(),
            security: Security::default(),
            replication: None,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            largest: 2 << 20,
            session: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            properties: BTreeMap::new(),
        }
    }

    /// Refuses what would take the ground from under the guarantees.
    pub(super) fn check(&self) -> Result<(), Error> {
        let ours = self.properties.keys().find(|name| OURS.contains(&name.as_str()));
        match ours {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::Definition,
                format!("Kafka's property `{name}` is set by ballet: leave it out"),
            )),
        }
    }

    /// What every client is told.
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.servers).set("client.id", "ballet");
        // A server that comes back is found at once, not after ten seconds.
        client.set("reconnect.backoff.ms", "100").set("reconnect.backoff.max.ms", "1000");
        client.set("socket.nagle.disable", "true").set("log.connection.close", "false");
        let Security { tls, ca, sasl } = &self.security;
        client.set("security.protocol", protocol(*tls, sasl.is_some()));
        if let Some(ca) = ca {
            client.set("ssl.ca.location", ca.to_string_lossy());
        }
        if let Some(Sasl { mechanism, user, password }) = sasl {
            client.set("sasl.mechanism", mechanism);
            client.set("sasl.username", user).set("sasl.password", password);
        }
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }

    /// What a client is told that asks about topics.
    pub(super) fn asking(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("allow.auto.create.topics", "false");
        client
    }

    /// The same of a client that is polled all the time, and so may tell how it is.
    fn watched(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("statistics.interval.ms", "5000");
        client
    }

    /// What a producer is told, and how long it gathers messages. A message is sent until it is acknowledged, however long that takes: one
    /// that was given up might let later ones pass it (F6).
    pub(super) fn producer(&self, gathers: Duration) -> ClientConfig {
        let mut client = self.watched();
        client.set("enable.idempotence", "true").set("acks", "all");
        client.set("enable.gapless.guarantee", "true").set("message.timeout.ms", "0");
        client.set("queue.buffering.max.ms", gathers.as_millis().to_string());
        client.set("message.max.bytes", (self.largest + ROOM).to_string());
        client
    }

    /// What a member of a group is told that only sees to it who reads what.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(group);
        let session = self.session.as_millis();
        client.set("partition.assignment.strategy", "cooperative-sticky");
        client.set("session.timeout.ms", session.to_string());
        // Its thread does nothing but poll; the client wants this to be no shorter.
        client.set("max.poll.interval.ms", session.max(300_000).to_string());
        // A member hears that lanes are to move with its next heartbeat.
        client.set("heartbeat.interval.ms", (session / 20).clamp(100, 1_000).to_string());
        client.set("auto.offset.reset", "latest");
        client
    }

    /// What the one is told that reads for a member. The broker is to answer soon, for a lane that is new
    /// waits for the answer; what is fetched and not taken is to be little.
    pub(super) fn reader(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(group);
        client.set("auto.offset.reset", "error");
        client.set("fetch.wait.max.ms", "100").set("fetch.error.backoff.ms", "100");
        // It is in no group, so nobody waits for its polls.
        client.set("max.poll.interval.ms", "86400000");
        client.set("queued.min.messages", "2000").set("fetch.queue.backoff.ms", "5");
        client
    }

    fn consumer(&self, group: &str) -> ClientConfig {
        let mut client = self.watched();
        client.set("allow.auto.create.topics", "false");
        client.set("group.id", group);
        client.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        client
    }
}

/// What a message needs besides its body: three [keys](crate::Key::LONGEST), of the record, of the business transaction
/// and of the run, a trace, and the names that the program gives.
pub(super) const ROOM: usize = 8 * 1_024;

const fn protocol(tls: bool, sasl: bool) -> &'static str {
    match (tls, sasl) {
        (false, false) => "PLAINTEXT",
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    }
}
