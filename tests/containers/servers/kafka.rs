//! Kafka in a container.

use super::acls::{self, Acl};
use super::container::{Container, HOST};
use super::disk::{DISK, emptied, filled, small_disk};
use super::images::image;
use super::{free_port, own_name, runtime};
use crate::proxy::Proxy;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use testcontainers::{GenericImage, ImageExt};

/// What every node is told, in the words of the official image. A node that is killed is missed soon,
/// so it is back soon; members may wish to be missed as soon; topics are made by who needs them.
const SETTINGS: &[(&str, &str)] = &[
    ("KAFKA_HEAP_OPTS", "-Xmx512m -Xms256m"),
    // It lives for minutes: to make it fast takes longer than it would be so.
    ("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"),
    ("KAFKA_NODE_ID", "1"),
    ("KAFKA_PROCESS_ROLES", "broker,controller"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"),
    ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
    ("KAFKA_LOG_DIRS", "/var/lib/kafka/data"),
    ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "4"),
    ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
    ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "500"),
    ("KAFKA_BROKER_SESSION_TIMEOUT_MS", "1500"),
    ("KAFKA_BROKER_HEARTBEAT_INTERVAL_MS", "250"),
    ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
];

/// What a node is told besides that asks who its clients are.
const GUARDED: &[(&str, &str)] = &[
    (
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
        "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,GUARDED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    ),
    ("KAFKA_SASL_ENABLED_MECHANISMS", "PLAIN"),
    ("KAFKA_AUTHORIZER_CLASS_NAME", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("KAFKA_SUPER_USERS", "User:ANONYMOUS;User:admin"),
];
const PORT: u16 = 9092;
/// Where a guarded node answers programs in its own container.
const INSIDE: u16 = 9094;
/// Starts a node, in either image, as often as it ends.
const AGAIN: &str =
    "if command -v entrypoint; then run=entrypoint; else run=/etc/kafka/docker/run; fi
    while :; do $run; sleep 0.3; done";
/// The first port inside of a door.
const DOORS: u16 = 9100;

/// A running Kafka: one node.
pub struct Kafka {
    container: Container,
    at: SocketAddr,
    doors: Vec<Proxy>,
}

impl Kafka {
    /// One that is nobody else's, for tests that do harm to it.
    pub async fn alone() -> Self {
        Self::with_doors(0).await
    }

    /// One of its own that may be slow for a while without being taken for dead by its controller. Once it
    /// was killed it takes longer to be back.
    pub async fn patient() -> Self {
        Self::made(0, &[("KAFKA_BROKER_SESSION_TIMEOUT_MS", "9000")]).await
    }

    /// One of its own with so many doors. A client that enters by a [`Self::door`] is led back to it
    /// for everything, because the node names that door as its own address.
    pub async fn with_doors(count: u16) -> Self {
        Self::made(count, &[]).await
    }

    /// One of its own that listens on this machine's network itself, for measurements: what forwards ports takes a
    /// good part of a core. Its Java makes it as fast as it can.
    pub async fn on_the_host() -> Self {
        let (name, tag) = image("BALLET_TESTS_KAFKA_IMAGE").await;
        let (port, controller) = (free_port(), free_port());
        let at = format!("PLAINTEXT://127.0.0.1:{port}");
        let mut request = GenericImage::new(name, tag)
            .with_env_var("KAFKA_LISTENERS", format!("{at},CONTROLLER://127.0.0.1:{controller}"))
            .with_env_var("KAFKA_ADVERTISED_LISTENERS", at)
            .with_env_var(
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            )
            .with_network(HOST);
        for (setting, value) in SETTINGS {
            request = request.with_env_var(*setting, *value);
        }
        let request = request
            .with_env_var("KAFKA_HEAP_OPTS", "-Xmx1g -Xms1g")
            .with_env_var("KAFKA_JVM_PERFORMANCE_OPTS", "-server -XX:+UseG1GC")
            .with_env_var("KAFKA_BROKER_SESSION_TIMEOUT_MS", "9000")
            .with_env_var("KAFKA_CONTROLLER_QUORUM_VOTERS", format!("1@127.0.0.1:{controller}"));
        let container = Container::start_new(request, &[]).await;
        let kafka = Self { container, at: (Ipv4Addr::LOCALHOST, port).into(), doors: Vec::new() };
        kafka.answers().await;
        kafka
    }

    async fn made(count: u16, more: &[(&str, &str)]) -> Self {
        let (name, tag) = image("BALLET_TESTS_KAFKA_IMAGE").await;
        let port = free_port();
        let mut ports = vec![(port, PORT)];
        let mut listeners = format!("PLAINTEXT://:{PORT},CONTROLLER://:9093");
        let mut advertised = format!("PLAINTEXT://127.0.0.1:{port}");
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        let mut doors = Vec::new();
        for number in 0..count {
            let (behind, inside) = (free_port(), DOORS + number);
            let door = Proxy::before((Ipv4Addr::LOCALHOST, behind).into()).await;
            ports.push((behind, inside));
            listeners += &format!(",DOOR{number}://:{inside}");
            advertised += &format!(",DOOR{number}://{}", door.address());
            protocols += &format!(",DOOR{number}:PLAINTEXT");
            doors.push(door);
        }
        let mut request = GenericImage::new(name, tag)
            .with_env_var("KAFKA_LISTENERS", listeners)
            .with_env_var("KAFKA_ADVERTISED_LISTENERS", advertised)
            .with_env_var("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", protocols);
        for (setting, value) in SETTINGS.iter().chain(more) {
            request = request.with_env_var(*setting, *value);
        }
        let container = Container::start_new(request, &ports).await;
        let kafka = Self { container, at: (Ipv4Addr::LOCALHOST, port).into(), doors };
        kafka.answers().await;
        kafka
    }

    /// One of its own, and where it asks clients who they are. `admin` may do everything, `guest` and
    /// these users nothing before they are [given](Self::give) rights. The password of all is `secret`.
    pub async fn guarded(users: &[&str]) -> (Self, SocketAddr) {
        let (name, tag) = image("BALLET_TESTS_KAFKA_IMAGE").await;
        let (port, guarded) = (free_port(), free_port());
        let listeners =
            format!("PLAINTEXT://:{PORT},INSIDE://:{INSIDE},GUARDED://:{DOORS},CONTROLLER://:9093");
        let advertised = format!(
            "PLAINTEXT://127.0.0.1:{port},INSIDE://localhost:{INSIDE},GUARDED://127.0.0.1:{guarded}"
        );
        let known = ["admin", "guest"].iter().chain(users);
        let known: String = known.map(|user| format!(" user_{user}=\"secret\"")).collect();
        let mut request = GenericImage::new(name, tag)
            .with_env_var("KAFKA_LISTENERS", listeners)
            .with_env_var("KAFKA_ADVERTISED_LISTENERS", advertised)
            .with_env_var(
                "KAFKA_LISTENER_NAME_GUARDED_PLAIN_SASL_JAAS_CONFIG",
                format!("org.apache.kafka.common.security.plain.PlainLoginModule required{known};"),
            );
        for (setting, value) in SETTINGS.iter().chain(GUARDED) {
            request = request.with_env_var(*setting, *value);
        }
        let container = Container::start_new(request, &[(port, PORT), (guarded, DOORS)]).await;
        let at = (Ipv4Addr::LOCALHOST, port).into();
        let kafka = Self { container, at, doors: Vec::new() };
        kafka.answers().await;
        (kafka, (Ipv4Addr::LOCALHOST, guarded).into())
    }

    /// One of its own on a disk of so many bytes, which [`Self::fill`] fills. A node whose disk fails ends,
    /// and is started again, as whoever looks after it would.
    pub async fn on_a_small_disk(bytes: i64) -> Self {
        let (name, tag) = image("BALLET_TESTS_KAFKA_IMAGE").await;
        let port = free_port();
        let mut request = GenericImage::new(name, tag)
            .with_entrypoint("sh")
            .with_env_var("KAFKA_LISTENERS", format!("PLAINTEXT://:{PORT},CONTROLLER://:9093"))
            .with_env_var("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT://127.0.0.1:{port}"))
            .with_env_var(
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            )
            .with_mount(small_disk(bytes))
            .with_cmd(["-c", AGAIN]);
        for (setting, value) in SETTINGS {
            request = request.with_env_var(*setting, *value);
        }
        let request = request.with_env_var("KAFKA_LOG_DIRS", format!("{DISK}/data"));
        let container = Container::start_new(request, &[(port, PORT)]).await;
        let at = (Ipv4Addr::LOCALHOST, port).into();
        let kafka = Self { container, at, doors: Vec::new() };
        kafka.answers().await;
        kafka
    }

    /// Leaves no room on its disk.
    pub async fn fill(&self) {
        self.container.run(filled()).await;
    }

    /// Gives the room back that [`Self::fill`] took, and waits until it answers.
    pub async fn make_room(&self) {
        self.container.run(emptied()).await;
        self.answers().await;
    }

    /// Gives users of a guarded node these rights.
    pub async fn give(&self, acls: &[Acl]) {
        let (at, acls) = (self.at, acls.to_vec());
        let given = runtime().spawn_blocking(move || acls::give(at, &acls)).await;
        given.unwrap().expect("it answers");
    }

    /// Runs a line of `kafka-acls` on a guarded node, by Kafka's own program.
    pub async fn run_acls(&self, line: &str) {
        let script = format!(
            "if [ -x /opt/kafka/bin/kafka-acls.sh ]; then acls=/opt/kafka/bin/kafka-acls.sh; \
             else acls=\"java -cp /opt/kafka/libs/* org.apache.kafka.tools.AclCommand\"; fi; \
             KAFKA_ACLS=\"$acls --bootstrap-server localhost:{INSIDE}\"; set -f; {line}"
        );
        self.container.run(script).await;
    }

    /// Where clients begin, without a proxy.
    pub fn bootstrap(&self) -> String {
        self.at.to_string()
    }

    /// A proxy in front of it.
    pub fn door(&self, number: usize) -> &Proxy {
        &self.doors[number]
    }

    /// A new topic that nobody else uses; its name.
    pub async fn topic(&self, name: &str, partitions: i32) -> String {
        let name = own_name(name);
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let topic = name.clone();
        let made = runtime().spawn(async move {
            let topic = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
            admin.create_topics([&topic], &AdminOptions::new()).await
        });
        for topic in made.await.unwrap().unwrap() {
            topic.unwrap();
        }
        name
    }

    /// Takes all topics away, so that there is room for others of the same names.
    pub async fn emptied(&self) {
        let (admin, client): (AdminClient<DefaultClientContext>, BaseConsumer) =
            (self.client().create().unwrap(), self.client().create().unwrap());
        let ours = move || -> Vec<String> {
            let known = client.fetch_metadata(None, Duration::from_secs(30)).unwrap();
            let names = known.topics().iter().map(|topic| topic.name().to_owned());
            names.filter(|name| !name.starts_with('_')).collect()
        };
        let taken = runtime().spawn(async move {
            loop {
                let names = tokio::task::block_in_place(&ours);
                if names.is_empty() {
                    return;
                }
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                // One that is being taken away already is refused.
                let _ = admin.delete_topics(&names, &AdminOptions::new()).await.unwrap();
            }
        });
        taken.await.unwrap();
    }

    /// Ends it at once, as `kill -9`.
    pub async fn kill(&self) {
        self.container.kill().await;
    }

    /// Ends it in order.
    pub async fn stop(&self) {
        self.container.stop().await;
    }

    /// Starts it again, and waits until it answers.
    pub async fn start(&self) {
        self.container.start().await;
        self.answers().await;
    }

    /// It keeps its connections and answers nobody.
    pub async fn freeze(&self) {
        self.container.freeze().await;
    }

    /// It goes on where it was frozen.
    pub async fn thaw(&self) {
        self.container.thaw().await;
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "100");
        config
    }

    /// A node that is up but not yet let in by its controller is in nobody's list.
    async fn answers(&self) {
        let client: Arc<BaseConsumer> = Arc::new(self.client().create().unwrap());
        let ask = move || {
            let client = client.clone();
            async move {
                let asked = move || client.fetch_metadata(None, Duration::from_secs(1));
                let asked = runtime().spawn_blocking(asked).await.unwrap();
                let nodes = asked.map_err(|error| error.to_string())?.brokers().len();
                if nodes == 1 { Ok(()) } else { Err(format!("{nodes} nodes")) }
            }
        };
        self.container.answers(ask).await;
    }
}
