//! Producing: in order, until every message is acknowledged.
//!
//! All lanes share a producer. It is idempotent and never gives a message up by itself, so what it has
//! written of an edge is always the beginning of what it was given. When it does fail, nobody knows how
//! far it got: from then on nothing more is handed to it, what it still holds is thrown away, everybody who
//! waits for it is told so, and the next message goes to a new producer. What the old one has on its way may
//! yet arrive, but then it arrives again, and edges drop it.
//!
//! There are two, for librdkafka sends nothing more to a partition as long as five messages are on their way
//! there, and asks all the time whether it may: a thread that is never idle. *Few* messages go out at once,
//! and stay below that. *Many* are gathered for as long as it takes to hand them over, and go out together.
//! Whoever produces waits until all is acknowledged, so neither passes the other on an edge.

use crate::broker::no_topic;
use crate::clock::rest;
use crate::error::{Error, ErrorKind};
use crate::kafka::admin::Admin;
use crate::kafka::away::{Away, made_with};
use crate::kafka::receipt::Receipt;
use crate::kafka::trouble::{Context, Wish, told};
use crate::message::{Outgoing, wire};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer,
};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// After so long without an acknowledgement it is said that there is none.
const SILENCE: Duration = Duration::from_secs(5);

/// How long to wait for room in a client that is full.
const FULL: Duration = Duration::from_millis(5);

/// So many messages are few.
const FEW: usize = 4;

/// How long the producer of many gathers them.
const GATHERS: Duration = Duration::from_millis(1);

/// A message that was given up: its topic, and why.
type GivenUp = (String, KafkaError);

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Receipt<GivenUp>>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, receipt: Self::DeliveryOpaque) {
        match delivered {
            Ok(_) => receipt.acknowledged(),
            Err((why, message)) => receipt.failed((message.topic().to_owned(), why.clone())),
        }
    }
}

/// A producer, until it fails.
struct One {
    producer: Away<ThreadedProducer<Context>>,
    /// Held for reading by whoever hands a message over, so that none is handed over behind the last that is
    /// thrown away: of its edge it would be the next but one.
    is_spoiled: RwLock<bool>,
    /// See [`Context::is_lost`].
    is_lost: Arc<AtomicBool>,
}

/// A message for the client, which gives it back if it does not take it.
type Record<'a> = BaseRecord<'a, str, [u8], Arc<Receipt<GivenUp>>>;

impl One {
    fn new(producer: ThreadedProducer<Context>, is_lost: Arc<AtomicBool>) -> Self {
        Self { producer: Away::new(producer), is_spoiled: RwLock::new(false), is_lost }
    }

    fn is_spoiled(&self) -> bool {
        *self.is_spoiled.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nobody uses it, and whoever waits for it is told that it failed.
    fn spoil(&self) {
        let mut is_spoiled = self.is_spoiled.write().unwrap_or_else(PoisonError::into_inner);
        let was_spoiled = std::mem::replace(&mut *is_spoiled, true);
        drop(is_spoiled);
        // Once is enough, for nothing is handed over any more; and it waits for the client's threads.
        if !was_spoiled {
            self.producer.purge(PurgeConfig::default().queue().inflight());
        }
    }

    /// Hands a message over, if there is room and the producer has not failed.
    fn take<'a>(&self, record: Record<'a>) -> Result<(), (KafkaError, Box<Record<'a>>)> {
        let is_spoiled = self.is_spoiled.read().unwrap_or_else(PoisonError::into_inner);
        if *is_spoiled {
            let failed = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue);
            return Err((failed, Box::new(record)));
        }
        self.producer.send(record).map_err(|(failed, back)| (failed, Box::new(back)))
    }
}

/// A producer that has not failed.
type Current = Mutex<Option<Arc<One>>>;

/// The producers of a process.
pub(super) struct Producing {
    admin: Arc<Admin>,
    few: Current,
    many: Current,
}

impl Producing {
    pub(super) fn new(admin: Arc<Admin>) -> Self {
        Self { admin, few: Mutex::default(), many: Mutex::default() }
    }

    /// The producer of so many messages.
    fn current(&self, count: usize) -> Result<Arc<One>, Error> {
        let (current, gathers) = match count {
            ..=FEW => (&self.few, Duration::ZERO),
            _ => (&self.many, GATHERS),
        };
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = current.as_ref().filter(|one| !one.is_spoiled()) {
            return Ok(Arc::clone(one));
        }
        let is_lost = Arc::default();
        let context = Context::watched(&is_lost);
        let producer = made_with(&self.admin.config.producer(gathers), context)?;
        let one = Arc::new(One::new(producer, is_lost));
        *current = Some(Arc::clone(&one));
        Ok(one)
    }

    /// Appends messages. Whoever stops waiting takes none back: they go out all the same, in their order.
    pub(super) async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        let messages: Vec<&Outgoing> = batches.iter().flat_map(|batch| batch.iter()).collect();
        self.check(&messages).await?;
        let one = self.current(messages.len())?;
        let mut sending = pin!(send(&one, &messages));
        let failed = loop {
            tokio::select! {
                biased;
                sent = &mut sending => match sent {
                    Ok(()) => return Ok(()),
                    Err(failed) => break failed,
                },
                () = rest(SILENCE) => tracing::warn!(
                    servers = self.admin.config.servers,
                    "Kafka has acknowledged nothing for {SILENCE:?}; messages wait for it"
                ),
            }
            if one.is_lost.load(Ordering::SeqCst) {
                one.spoil();
            }
        };
        // What ends a producer is told of it and not of its messages.
        let fatal = one.producer.client().fatal_error();
        one.spoil();
        // A topic may have been deleted.
        self.admin.forget();
        Err(self.failure(failed, fatal))
    }

    /// What can be known to fail is refused before anything of it goes out.
    async fn check(&self, messages: &[&Outgoing]) -> Result<(), Error> {
        let places: BTreeSet<(&str, u32)> =
            messages.iter().map(|out| (out.topic.as_str(), out.partition)).collect();
        for (topic, partition) in places {
            if partition >= self.admin.partitions(topic).await? {
                return Err(no_topic(topic));
            }
        }
        let largest = self.admin.config.largest;
        let too_large = messages.iter().find(|out| out.message.body.len() > largest);
        let Some(Outgoing { topic, message, .. }) = too_large else { return Ok(()) };
        let size = message.body.len();
        Err(Error::new(
            ErrorKind::Broker,
            format!(
                "a message to `{topic}` has {size} bytes and may have {largest}: raise `largest`, and \
                 `max.message.bytes` of the topic"
            ),
        ))
    }

    fn failure(
        &self,
        (topic, trouble): GivenUp,
        fatal: Option<(RDKafkaErrorCode, String)>,
    ) -> Error {
        use RDKafkaErrorCode as Code;
        let own = (trouble.rdkafka_error_code().unwrap_or(Code::Unknown), trouble.to_string());
        let is_hearsay = matches!(own.0, Code::PurgeQueue | Code::PurgeInflight | Code::Fatal);
        let (code, reason) = fatal.filter(|_| is_hearsay).unwrap_or(own);
        if matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
            let text = "another message failed, and the producer is made anew: send it again";
            return Error::new(ErrorKind::Broker, text).because(trouble);
        }
        told(&self.admin.config, Wish::Write(&topic), code, &reason).because(trouble)
    }
}

/// Hands all messages over, then waits until the last of them is acknowledged.
async fn send(one: &One, messages: &[&Outgoing]) -> Result<(), GivenUp> {
    let receipt = Arc::new(Receipt::new(messages.len()));
    // Handing over takes less time than making, and what is handed over in time goes out together.
    let made: Vec<OwnedHeaders> = messages.iter().map(|out| headers(out)).collect();
    for (out, headers) in messages.iter().zip(made) {
        let given = hand_over(one, out, headers, &receipt).await;
        if !given.map_err(|failed| (out.topic.to_string(), failed))? {
            break;
        }
    }
    receipt.ended().await
}

/// Hands one message over, as soon as there is room for it, unless one before it was given up: it would come
/// before what is missing. Says whether it did.
async fn hand_over(
    one: &One,
    out: &Outgoing,
    headers: OwnedHeaders,
    receipt: &Arc<Receipt<GivenUp>>,
) -> Result<bool, KafkaError> {
    let mut record = BaseRecord::with_opaque_to(&out.topic, Arc::clone(receipt))
        .partition(i32::try_from(out.partition).unwrap_or(i32::MAX))
        .key(out.message.envelope.key.as_str())
        .payload(&out.message.body[..])
        .headers(headers);
    while !receipt.has_failed() {
        match one.take(record) {
            Ok(()) => return Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = *back;
                rest(FULL).await;
            }
            Err((failed, _)) => return Err(failed),
        }
    }
    Ok(false)
}

fn headers(out: &Outgoing) -> OwnedHeaders {
    let mut headers = Some(OwnedHeaders::new_with_capacity(24));
    wire::each_header(&out.message.envelope, |key, value| {
        headers = headers.take().map(|all| all.insert(Header { key, value: Some(value) }));
    });
    headers.unwrap_or_default()
}
