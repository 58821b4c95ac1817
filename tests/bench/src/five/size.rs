//! How large messages are.

use crate::Failed;
use ballet::broker::{Broker, Reader};
use std::collections::{BTreeMap, BTreeSet};

/// The group that reads them, beside those that take them.
pub(crate) const READER: &str = "bench-reader";

/// How many are read at a time.
const MOST: usize = 500;

/// Of all messages that are on these topics now, envelope and body, in bytes.
pub(super) async fn of(broker: &dyn Broker, topics: &[String]) -> Result<u64, Failed> {
    let partitions = broker.partitions(&topics[0]).await?;
    let all: BTreeSet<String> = topics.iter().cloned().collect();
    let member = broker.join(READER, &all, partitions).await?;
    let mut bytes = 0;
    for partition in 0..partitions {
        let mut left = BTreeMap::new();
        for topic in topics {
            left.insert(topic.clone(), broker.range(topic, partition).await?.end);
        }
        bytes += read(&mut *member.reader(partition), left).await?;
    }
    member.leave().await;
    Ok(bytes)
}

/// Reads one partition of all topics up to these ends.
async fn read(reader: &mut dyn Reader, ends: BTreeMap<String, u64>) -> Result<u64, Failed> {
    reader.seek(&ends.keys().map(|topic| (topic.clone(), 0)).collect());
    let mut left: BTreeMap<String, u64> = ends.into_iter().filter(|(_, end)| *end > 0).collect();
    let mut bytes = 0;
    while !left.is_empty() {
        for arrived in reader.next(MOST).await? {
            if left.get(&*arrived.topic).is_some_and(|end| arrived.offset + 1 >= *end) {
                left.remove(&*arrived.topic);
            }
            bytes += arrived.message.map_or(0, |message| message.encode().len() as u64);
        }
    }
    Ok(bytes)
}
