//! Topics: whether they are there, as they must be, and what they hold.

use crate::broker::{Range, TopicSpec, no_topic};
use crate::clock::{Stopwatch, rest};
use crate::error::{Error, ErrorKind};
use crate::kafka::away::{Away, made};
use crate::kafka::config::{Config, ROOM};
use crate::kafka::trouble::{Context, Wish, code, is_final, is_passing, told};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(10);

/// How long one question is waited for before it is asked again.
const QUESTION: Duration = Duration::from_secs(2);

/// How long to wait before a question is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a client may go without an answer before another one asks: it may have lost its way to servers
/// that are there, see [`Context::is_lost`].
const LOST: Duration = Duration::from_secs(5);

type Asking = Arc<Away<BaseConsumer<Context>>>;

/// Asks about topics and makes them.
pub(super) struct Admin {
    pub(super) config: Arc<Config>,
    client: Mutex<Asking>,
    /// How many partitions the topics have that were asked for.
    known: Mutex<BTreeMap<String, u32>>,
    /// How long the topics keep their messages that were ensured.
    kept: Mutex<BTreeMap<String, Duration>>,
    /// Why groups have nothing to read that may have: Kafka is away from them.
    away: Mutex<BTreeMap<String, String>>,
}

impl Admin {
    pub(super) fn new(config: Arc<Config>) -> Result<Self, Error> {
        let client = made(&config.asking())?;
        Ok(Self {
            config,
            client: Mutex::new(Arc::new(Away::new(client))),
            known: Mutex::default(),
            kept: Mutex::default(),
            away: Mutex::default(),
        })
    }

    /// A new client in place of this one, unless there is one already.
    fn renew(&self, lost: &Asking) -> Result<(), Error> {
        let mut client = locked(&self.client);
        if Arc::ptr_eq(&client, lost) {
            *client = Arc::new(Away::new(made(&self.config.asking())?));
        }
        Ok(())
    }

    /// Asks until there is an answer, for so long. The client blocks, so it is asked where that is allowed.
    async fn ask<T: Send + 'static>(
        &self,
        wish: Wish<'_>,
        patience: Duration,
        question: impl Fn(&BaseConsumer<Context>) -> KafkaResult<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let (since, question) = (Stopwatch::start(), Arc::new(question));
        let mut asked = Stopwatch::start();
        loop {
            let client = Arc::clone(&locked(&self.client));
            let (asking, question) = (Arc::clone(&client), Arc::clone(&question));
            let answer = tokio::task::spawn_blocking(move || {
                let client = asking;
                let answer = question(&client);
                // What the client has to say about its connections waits to be fetched.
                client.poll(if answer.is_ok() { Duration::ZERO } else { Duration::from_millis(5) });
                answer
            });
            let trouble = match answer.await {
                Ok(Ok(answer)) => {
                    client.context().answered();
                    return Ok(answer);
                }
                Ok(Err(trouble)) => trouble,
                Err(gone) => return Err(Error::new(ErrorKind::Closed, gone)),
            };
            let code = trouble.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let (code, reason) = match client.context().why() {
                Some(why) if is_passing(code) => why,
                _ => (code, trouble.to_string()),
            };
            if is_final(code) || !is_passing(code) || since.elapsed() >= patience {
                return Err(told(&self.config, wish, code, &reason).because(trouble));
            }
            tracing::warn!(error = %told(&self.config, wish, code, &reason), "asked again");
            if asked.elapsed() >= LOST {
                self.renew(&client)?;
                asked = Stopwatch::start();
            }
            rest(AGAIN).await;
        }
    }

    /// Waits until the cluster answers.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        let patience = self.config.patience;
        // Any topic will do: the answer tells of the cluster that it is there.
        let question =
            |client: &BaseConsumer<Context>| client.fetch_metadata(Some("ballet"), QUESTION);
        self.ask(Wish::Connect, patience, move |client| question(client).map(drop)).await
    }

    /// How many partitions a topic has; `None` if it is not there.
    async fn count(&self, topic: &str) -> Result<Option<u32>, Error> {
        let (name, wish) = (topic.to_owned(), Wish::Describe(topic));
        let count = self.ask(wish, ANSWER, move |client| {
            let metadata = client.fetch_metadata(Some(&name), QUESTION)?;
            let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                return Ok(None);
            };
            match topic.error().map(RDKafkaErrorCode::from) {
                None => Ok(u32::try_from(topic.partitions().len()).ok()),
                Some(
                    RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
                ) => Ok(None),
                Some(code) => Err(KafkaError::MetadataFetch(code)),
            }
        });
        let count = count.await?.filter(|count| *count > 0);
        if let Some(count) = count {
            locked(&self.known).insert(topic.to_owned(), count);
        }
        Ok(count)
    }

    pub(super) async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let known = locked(&self.known).get(topic).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        self.count(topic).await?.ok_or_else(|| no_topic(topic))
    }

    /// What is known of topics is asked anew.
    pub(super) fn forget(&self) {
        locked(&self.known).clear();
    }

    pub(super) async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        let number = i32::try_from(partition).unwrap_or(i32::MAX);
        if partition >= self.partitions(topic).await? {
            return Err(no_topic(topic));
        }
        let (name, wish) = (topic.to_owned(), Wish::Describe(topic));
        let (start, end) =
            self.ask(wish, ANSWER, move |client| watermarks(client, &name, number)).await?;
        let offset = |offset| u64::try_from(offset).unwrap_or_default();
        Ok(Range { start: offset(start), end: offset(end) })
    }

    pub(super) async fn ensure(&self, spec: &TopicSpec) -> Result<(), Error> {
        self.make_sure(spec, true).await
    }

    /// The same of a topic that is to hold no message.
    pub(super) async fn ensure_empty(&self, spec: &TopicSpec) -> Result<(), Error> {
        self.make_sure(spec, false).await
    }

    async fn make_sure(&self, spec: &TopicSpec, is_written: bool) -> Result<(), Error> {
        let since = Stopwatch::start();
        loop {
            if let Some(has) = self.count(&spec.name).await? {
                spec.pinned(has)?;
                return self.clean(spec, is_written).await;
            }
            // Servers that have just started, or have much to do, do not count yet.
            let told = self.create(spec).await;
            let may_come = self.config.replication.is_none() && since.elapsed() < ANSWER;
            if !(may_come && matches!(&told, Err(told) if is_short(told))) {
                told?;
            }
            // A cluster that has much to do shows a new topic late.
            if since.elapsed() >= self.config.patience.max(ANSWER) {
                return Err(no_topic(&spec.name));
            }
            rest(AGAIN).await;
        }
    }

    async fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        let Config { replication, retention, largest, .. } = &*self.config;
        let copies = replication.map_or(-1, i32::from);
        let (retention, largest) =
            (retention.as_millis().to_string(), (largest + ROOM).to_string());
        let count = i32::try_from(spec.partitions).unwrap_or(i32::MAX);
        let topic = NewTopic::new(&spec.name, count, TopicReplication::Fixed(copies))
            .set("cleanup.policy", if spec.compacted { "compact" } else { "delete" })
            .set("retention.ms", &retention)
            .set("max.message.bytes", &largest);
        let admin = self.admin()?;
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let made = admin.create_topics([&topic], &options).await;
        let wish = Wish::Create(&spec.name);
        let made = match made {
            // Whether it was made is seen when it is looked for again.
            Err(trouble) if is_passing(code(&trouble)) => return Ok(()),
            made => made.map_err(|trouble| self.trouble(wish, &trouble))?.pop(),
        };
        match made {
            // Another process was faster.
            None | Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) if is_passing(code) => Ok(()),
            Some(Err((_, code))) => {
                let cause = KafkaError::AdminOp(code);
                Err(told(&self.config, wish, code, &code.to_string()).because(cause))
            }
        }
    }

    /// What does not fit would be sent again for ever, and hold up what follows.
    fn too_small(&self, name: &str, takes: usize) -> Error {
        let largest = self.config.largest;
        let text = format!(
            "topic `{name}` has `max.message.bytes={takes}` and must have {} or more: alter the topic, or \
             set `largest`, which is {largest}, to {} or less",
            largest + ROOM,
            takes.saturating_sub(ROOM)
        );
        Error::new(ErrorKind::Definition, text)
    }

    /// Of a compacted topic nothing but older messages of a key may be deleted.
    async fn clean(&self, spec: &TopicSpec, is_written: bool) -> Result<(), Error> {
        let Some(settings) = self.settings(&spec.name).await? else { return Ok(()) };
        if let Some(kept) = kept(&settings) {
            locked(&self.kept).insert(spec.name.clone(), kept);
        }
        let takes = settings.get("max.message.bytes").and_then(|most| most.parse().ok());
        let takes: usize = takes.unwrap_or(usize::MAX);
        if is_written && takes < self.config.largest + ROOM {
            return Err(self.too_small(&spec.name, takes));
        }
        let policy = settings.get("cleanup.policy").map(String::as_str).unwrap_or_default();
        let wanted = if spec.compacted { "compact" } else { "delete" };
        if policy == wanted {
            return Ok(());
        }
        let name = &spec.name;
        Err(Error::new(
            ErrorKind::Definition,
            format!(
                "topic `{name}` has `cleanup.policy={policy}` and must have `{wanted}`: alter the topic"
            ),
        ))
    }

    /// How long a topic keeps its messages; `None` if nobody may know.
    pub(super) async fn retention(&self, topic: &str) -> Result<Option<Duration>, Error> {
        let known = locked(&self.kept).get(topic).copied();
        if known.is_some() {
            return Ok(known);
        }
        Ok(self.settings(topic).await?.as_ref().and_then(kept))
    }

    /// How a topic is set up; `None` if this user may not know.
    async fn settings(&self, topic: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let admin = self.admin()?;
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let resource = ResourceSpecifier::Topic(topic);
        let asked = admin.describe_configs([&resource], &options);
        let wish = Wish::Describe(topic);
        let answer = asked.await.map_err(|trouble| self.trouble(wish, &trouble))?.pop();
        match answer {
            // Whoever may not know is told nothing, and not that it may not.
            Some(Ok(found)) if !found.entries.is_empty() => {
                let settings = found.entries.into_iter();
                Ok(Some(settings.filter_map(|it| Some((it.name, it.value?))).collect()))
            }
            Some(Err(code)) if is_passing(code) => {
                Err(told(&self.config, wish, code, &code.to_string()))
            }
            _ => {
                tracing::warn!(
                    topic,
                    "what the topic keeps is not checked: this user needs the right DescribeConfigs"
                );
                Ok(None)
            }
        }
    }

    fn trouble(&self, wish: Wish<'_>, trouble: &KafkaError) -> Error {
        told(&self.config, wish, code(trouble), &trouble.to_string())
    }

    /// A group notes why it has nothing to read, or that it has.
    pub(super) fn note(&self, group: &str, away: Option<String>) {
        match away {
            Some(why) => locked(&self.away).insert(group.to_owned(), why),
            None => locked(&self.away).remove(group),
        };
    }

    /// Why some group has nothing to read, if that is for Kafka being away.
    pub(super) fn away(&self) -> Option<String> {
        locked(&self.away).values().next().cloned()
    }

    /// A client for what is asked rarely: one that rests would gather what nobody fetches.
    fn admin(&self) -> Result<Away<AdminClient<Context>>, Error> {
        made(&self.config.asking()).map(Away::new)
    }
}

/// Whether there were too few servers to keep a topic on.
fn is_short(told: &Error) -> bool {
    let cause = std::error::Error::source(told).and_then(|cause| cause.downcast_ref());
    cause.map(code) == Some(RDKafkaErrorCode::InvalidReplicationFactor)
}

/// The ends of a partition that is there. A client that has once heard that it has no leader remembers that
/// for a quarter of an hour, and says that it is unknown: so it hears anew how it is.
fn watermarks(
    client: &BaseConsumer<Context>,
    topic: &str,
    partition: i32,
) -> KafkaResult<(i64, i64)> {
    let asked = client.fetch_watermarks(topic, partition, QUESTION);
    let code = asked.as_ref().err().and_then(KafkaError::rdkafka_error_code);
    if code != Some(RDKafkaErrorCode::UnknownPartition) {
        return asked;
    }
    let metadata = client.fetch_metadata(Some(topic), QUESTION)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut leaders = partitions.filter(|it| it.id() == partition).map(|it| it.leader());
    match leaders.any(|leader| leader >= 0) {
        true => client.fetch_watermarks(topic, partition, QUESTION),
        false => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable)),
    }
}

/// How long a topic that is set up like this keeps its messages.
fn kept(settings: &BTreeMap<String, String>) -> Option<Duration> {
    let kept: i64 = settings.get("retention.ms")?.parse().ok()?;
    // A negative number means for ever.
    Some(Duration::from_millis(u64::try_from(kept).unwrap_or(i64::MAX.unsigned_abs())))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
