//! How messages get from an outbox to those who take them: within this process, or through a Kafka.

use super::Side;
use crate::Failed;
use crate::backend::Backend;
use crate::servers::{Servers, own_name};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// What both sides speak over.
pub(super) enum Bus {
    Here([UnboundedSender<String>; 2]),
    Kafka(Topics),
}

/// Where one side hands over.
pub(super) enum Outlet {
    Here(UnboundedSender<String>),
    Kafka(FutureProducer, String),
}

/// A topic of one partition for each side, and who reads them.
pub(super) struct Topics {
    names: [String; 2],
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
    readers: JoinSet<()>,
}

impl Bus {
    /// Leads to these: the coordinator, and the worker.
    pub(super) async fn open(
        on: Backend,
        servers: &Servers,
        to: [UnboundedSender<String>; 2],
    ) -> Result<Self, Failed> {
        if !on.needs_kafka() {
            return Ok(Self::Here(to));
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers.kafka()?.servers);
        config.set("linger.ms", "0").set("acks", "all").set("enable.idempotence", "true");
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let names = ["coordinator", "worker"].map(own_name);
        let new = names.each_ref().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)));
        for made in admin.create_topics(&new, &AdminOptions::new()).await? {
            made.map_err(|(topic, code)| format!("`{topic}` cannot be made: {code}"))?;
        }
        let producer = config.create()?;
        config.set("group.id", "textbook").set("fetch.wait.max.ms", "100");
        let mut readers = JoinSet::new();
        for (name, to) in names.iter().zip(to) {
            let reader: StreamConsumer = config.create()?;
            let mut all = TopicPartitionList::new();
            all.add_partition_offset(name, 0, Offset::Beginning)?;
            reader.assign(&all)?;
            readers.spawn(read(reader, to));
        }
        Ok(Self::Kafka(Topics { names, producer, admin, readers }))
    }

    /// Where this side hands over: to the other.
    pub(super) fn from(&self, side: Side) -> Outlet {
        let to = usize::from(side == Side::Coordinator);
        match self {
            Self::Here(sides) => Outlet::Here(sides[to].clone()),
            Self::Kafka(topics) => Outlet::Kafka(topics.producer.clone(), topics.names[to].clone()),
        }
    }

    pub(super) async fn close(self) -> Result<(), Failed> {
        let Self::Kafka(mut topics) = self else { return Ok(()) };
        topics.readers.shutdown().await;
        let names = topics.names.each_ref().map(String::as_str);
        topics.admin.delete_topics(&names, &AdminOptions::new()).await?;
        Ok(())
    }
}

async fn read(reader: StreamConsumer, to: UnboundedSender<String>) {
    loop {
        match reader.recv().await {
            Ok(message) => {
                let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
                if to.send(text.into_owned()).is_err() {
                    return;
                }
            }
            Err(why) => eprintln!("a reader of Kafka complains: {why}"),
        }
    }
}

impl Outlet {
    /// Returns when all of them are safe.
    pub(super) async fn hand_over(&self, messages: Vec<String>) -> Result<(), Failed> {
        match self {
            Self::Here(to) => {
                for message in messages {
                    to.send(message)?;
                }
            }
            Self::Kafka(producer, topic) => {
                // All are on their way before the first is waited for.
                let sent = messages.iter().map(|message| {
                    let record = FutureRecord::<(), _>::to(topic).partition(0).payload(message);
                    producer.send_result(record).map_err(|(why, _)| why)
                });
                let sent = sent.collect::<Result<Vec<_>, _>>()?;
                for one in sent {
                    one.await?.map_err(|(why, _)| why)?;
                }
            }
        }
        Ok(())
    }
}
