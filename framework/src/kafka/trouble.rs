//! What goes wrong with a Kafka, told in a sentence that says what to do.

use crate::broker::no_topic;
use crate::error::{Error, ErrorKind};
use crate::kafka::config::Config;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Broker, Statistics};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Remembers what librdkafka said last about its connections: it tells whoever asks for something only
/// that there was no answer.
#[derive(Default)]
pub(super) struct Context {
    last: Mutex<Option<(RDKafkaErrorCode, String)>>,
    has_met: AtomicBool,
    is_lost: Arc<AtomicBool>,
}

impl Context {
    /// One whose client can be asked from outside whether it is lost.
    pub(super) fn watched(is_lost: &Arc<AtomicBool>) -> Self {
        Self { is_lost: Arc::clone(is_lost), ..Self::default() }
    }

    /// Whether the client knows of no server any more, not even of those that it was told at first, and so
    /// never finds one again. That happens when a server that is just coming back answers that the
    /// cluster has none.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    fn last(&self) -> MutexGuard<'_, Option<(RDKafkaErrorCode, String)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there was no answer, as far as it was said.
    pub(super) fn why(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.last().clone()
    }

    /// There was an answer.
    pub(super) fn answered(&self) {
        self.last().take();
    }

    /// What was said of an error; if nothing was, the error itself.
    pub(super) fn reason(&self, trouble: &KafkaError) -> (RDKafkaErrorCode, String) {
        let code = trouble.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        let said = self.why().filter(|(of, _)| *of == code);
        said.unwrap_or_else(|| (code, trouble.to_string()))
    }

    /// Whether the group has met, so that what is assigned means something.
    pub(super) fn has_met(&self) -> bool {
        self.has_met.load(Ordering::SeqCst)
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let is_server = |broker: &Broker| matches!(&*broker.source, "learned" | "configured");
        self.is_lost.store(!statistics.brokers.values().any(is_server), Ordering::SeqCst);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        tracing::debug!(%code, reason, "Kafka's client says");
        let mut last = self.last();
        // That all servers are gone follows on why each of them is, and says less.
        if code != RDKafkaErrorCode::AllBrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Context {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.has_met.store(true, Ordering::SeqCst);
    }
}

/// What somebody wanted to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish<'a> {
    Connect,
    Create(&'a str),
    Describe(&'a str),
    Read(&'a str),
    Write(&'a str),
    Join(&'a str),
}

/// What kind of trouble it is. That of an order of an administrator is not among those that the client
/// tells by itself.
pub(super) fn code(trouble: &KafkaError) -> RDKafkaErrorCode {
    match trouble {
        KafkaError::AdminOp(code) => *code,
        other => other.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown),
    }
}

/// Whether it is likely to be over by itself soon.
pub(super) fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::BrokerNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::LeaderNotAvailable
            | Code::NetworkException
            | Code::NotController
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::WaitingForCoordinator
    )
}

/// Whether waiting does not help: somebody has to mend something.
pub(super) const fn is_final(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::SSL
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::InvalidSessionTimeout
            | Code::InconsistentGroupProtocol
            | Code::GroupMaxSizeReached
    )
}

/// The sentence for an error of a client.
pub(super) fn told(config: &Config, wish: Wish<'_>, code: RDKafkaErrorCode, reason: &str) -> Error {
    Error::new(ErrorKind::Broker, sentence(config, wish, code, reason))
}

fn sentence(config: &Config, wish: Wish<'_>, code: RDKafkaErrorCode, reason: &str) -> String {
    use RDKafkaErrorCode as Code;
    let servers = &config.servers;
    match (code, wish) {
        (Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition, wish) => {
            match topic(wish) {
                Some(topic) => no_topic(topic).to_string(),
                None => format!("Kafka at `{servers}` does not know it: {reason}"),
            }
        }
        (
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed,
            wish,
        ) => forbidden(config, code, wish),
        (Code::Authentication | Code::SaslAuthenticationFailed, _) => format!(
            "Kafka at `{servers}` does not take this user: check user, password and mechanism ({reason})"
        ),
        (Code::SSL, _) => format!(
            "no TLS with Kafka at `{servers}`: check the authority's file, and whether that port speaks \
             TLS ({reason})"
        ),
        (Code::Resolve, _) => {
            format!("nobody knows the host of Kafka at `{servers}`: check the address ({reason})")
        }
        (Code::InvalidReplicationFactor, Wish::Create(topic)) => {
            let wanted =
                config.replication.map_or("as many".to_owned(), |wanted| wanted.to_string());
            format!(
                "topic `{topic}` cannot be kept on {wanted} servers: set `replication` to what the \
                 cluster has, or start more ({reason})"
            )
        }
        (Code::MessageSizeTooLarge, Wish::Write(topic)) => {
            format!("a message is larger than topic `{topic}` takes: raise its `max.message.bytes`")
        }
        (code, _) if is_passing(code) => format!(
            "no Kafka answers at `{servers}`: check the address, that it runs, and whether it wants \
             TLS or a user ({reason})"
        ),
        (code, _) => format!("Kafka at `{servers}` says {code}: {reason}"),
    }
}

const fn topic(wish: Wish<'_>) -> Option<&str> {
    match wish {
        Wish::Create(topic) | Wish::Describe(topic) | Wish::Read(topic) | Wish::Write(topic) => {
            Some(topic)
        }
        Wish::Connect | Wish::Join(_) => None,
    }
}

/// Who may not do what, and what to run.
fn forbidden(config: &Config, code: RDKafkaErrorCode, wish: Wish<'_>) -> String {
    let user = config.security.sasl.as_ref().map(|sasl| sasl.user.as_str());
    let who = user.map_or("this user".to_owned(), |user| format!("user `{user}`"));
    let (what, right, on) = match (code, wish) {
        (RDKafkaErrorCode::GroupAuthorizationFailed, Wish::Read(_))
        | (_, Wish::Connect | Wish::Join(_)) => {
            let group = if let Wish::Join(group) = wish { group } else { "…" };
            (format!("join group `{group}`"), "Read", format!("--group {group}"))
        }
        (_, Wish::Create(topic)) => {
            (format!("make topic `{topic}`"), "Create", format!("--topic {topic}"))
        }
        (_, Wish::Describe(topic)) => {
            (format!("see topic `{topic}`"), "Describe", format!("--topic {topic}"))
        }
        (_, Wish::Read(topic)) => {
            (format!("read topic `{topic}`"), "Read", format!("--topic {topic}"))
        }
        (_, Wish::Write(topic)) => {
            (format!("write topic `{topic}`"), "Write", format!("--topic {topic}"))
        }
    };
    let user = user.unwrap_or("…");
    format!(
        "{who} may not {what}: give it the right {right}, with `kafka-acls.sh … --add --allow-principal \
         User:{user} --operation {right} {on}`"
    )
}

#[cfg(test)]
mod tests {
    use super::{Context, Wish, told};
    use crate::error::ErrorKind;
    use crate::kafka::config::Config;
    use rdkafka::client::ClientContext;
    use rdkafka::error::RDKafkaErrorCode as Code;
    use rdkafka::statistics::{Broker, Statistics};

    #[test]
    fn a_client_that_knows_of_no_server_is_lost_until_it_knows_of_one() {
        let context = Context::default();
        let broker = |source: &str| Broker { source: source.to_owned(), ..Broker::default() };
        let knows = |sources: &[&str]| {
            let brokers = sources.iter().map(|source| ((*source).to_owned(), broker(source)));
            context.stats(Statistics { brokers: brokers.collect(), ..Statistics::default() });
            context.is_lost()
        };
        assert!(!context.is_lost());
        assert!(knows(&["internal", "logical"]));
        assert!(!knows(&["internal", "configured"]));
        assert!(!knows(&["learned", "logical"]));
    }

    #[test]
    fn every_trouble_says_what_to_do() {
        let config = Config { replication: Some(3), ..Config::new("host:1") };
        for (wish, code, expected) in [
            (Wish::Describe("t"), Code::UnknownTopicOrPartition, "there is no topic `t`"),
            (
                Wish::Create("t"),
                Code::TopicAuthorizationFailed,
                "this user may not make topic `t`: give it the right Create, with `kafka-acls.sh … --add \
                 --allow-principal User:… --operation Create --topic t`",
            ),
            (
                Wish::Write("t"),
                Code::ClusterAuthorizationFailed,
                "this user may not write topic `t`: give it the right Write, with `kafka-acls.sh … --add \
                 --allow-principal User:… --operation Write --topic t`",
            ),
            (
                Wish::Join("g"),
                Code::GroupAuthorizationFailed,
                "this user may not join group `g`: give it the right Read, with `kafka-acls.sh … --add \
                 --allow-principal User:… --operation Read --group g`",
            ),
            (
                Wish::Connect,
                Code::SaslAuthenticationFailed,
                "Kafka at `host:1` does not take this user: check user, password and mechanism (why)",
            ),
            (
                Wish::Connect,
                Code::SSL,
                "no TLS with Kafka at `host:1`: check the authority's file, and whether that port \
                 speaks TLS (why)",
            ),
            (
                Wish::Connect,
                Code::BrokerTransportFailure,
                "no Kafka answers at `host:1`: check the address, that it runs, and whether it wants \
                 TLS or a user (why)",
            ),
            (
                Wish::Create("t"),
                Code::InvalidReplicationFactor,
                "topic `t` cannot be kept on 3 servers: set `replication` to what the cluster has, or \
                 start more (why)",
            ),
            (
                Wish::Write("t"),
                Code::MessageSizeTooLarge,
                "a message is larger than topic `t` takes: raise its `max.message.bytes`",
            ),
        ] {
            let error = told(&config, wish, code, "why");
            assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Broker, expected));
        }
    }
}
