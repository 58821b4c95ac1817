//! Kafka: messages of 300 bytes to one partition, acknowledged.

use super::{ROW, again};
use crate::Failed;
use crate::ground::Ground;
use crate::load::Passed;
use crate::servers::own_name;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

/// A topic, and a client of Kafka that waits for nobody before it sends.
struct Topic {
    name: String,
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
    producer: FutureProducer,
}

impl Topic {
    async fn make(ground: &Ground) -> Result<Self, Failed> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", ground.servers()?.kafka()?.servers);
        config.set("linger.ms", "0").set("acks", "all").set("group.id", "floor");
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let name = own_name("floor");
        let new = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
        for made in admin.create_topics([&new], &AdminOptions::new()).await? {
            made.map_err(|(topic, code)| format!("`{topic}` cannot be made: {code}"))?;
        }
        let producer = config.create()?;
        Ok(Self { name, config, admin, producer })
    }

    fn reader(&self) -> Result<StreamConsumer, Failed> {
        let reader: StreamConsumer = self.config.create()?;
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(&self.name, 0, Offset::Beginning)?;
        reader.assign(&all)?;
        Ok(reader)
    }

    /// Sends so many and waits until all are acknowledged.
    async fn send(&self, count: usize) -> Result<(), Failed> {
        let body = [b'x'; ROW];
        let sent = (0..count).map(|_| {
            let record = FutureRecord::<(), _>::to(&self.name).partition(0).payload(&body[..]);
            self.producer.send_result(record).map_err(|(why, _)| why)
        });
        for one in sent.collect::<Result<Vec<_>, _>>()? {
            one.await?.map_err(|(why, _)| why)?;
        }
        Ok(())
    }

    async fn remove(self) -> Result<(), Failed> {
        self.admin.delete_topics(&[&self.name], &AdminOptions::new()).await?;
        Ok(())
    }
}

/// One message at a time, until a consumer has it.
pub(super) async fn trip(ground: &Ground, long: Duration) -> Result<Passed, Failed> {
    let topic = Topic::make(ground).await?;
    let reader = topic.reader()?;
    let once = async || {
        topic.send(1).await?;
        reader.recv().await?;
        Ok(())
    };
    // The first one waits for the consumer to find its partition.
    once().await?;
    let passed = again(long, once).await?;
    drop(reader);
    topic.remove().await?;
    Ok(passed)
}

/// So many messages at a time, until they are acknowledged.
pub(super) async fn produce(
    ground: &Ground,
    count: usize,
    long: Duration,
) -> Result<Passed, Failed> {
    let topic = Topic::make(ground).await?;
    let passed = again(long, async || topic.send(count).await).await?;
    topic.remove().await?;
    Ok(passed)
}
