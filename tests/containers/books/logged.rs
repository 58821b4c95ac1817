//! The log of a shop that has no Kafka, read to its end as a lane reads it.

use super::Log;
use crate::shop::{LOG, Shop, services};
use ballet::broker::Reader;
use ballet::postgres::Postgres;
use ballet::store::Store;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::collections::{BTreeMap, BTreeSet};

/// How many messages are read at once.
const MOST: usize = 500;

/// Everything that is in it. What is written meanwhile may be left out.
pub async fn all(shop: &Shop) -> Log {
    let topics = topics(shop).await;
    let service = services(shop.example())[0];
    let store = Postgres::connect(shop.schema(service).connections(1, 1)).await.unwrap();
    let broker = store.log().unwrap();
    let member = broker.join("auditor", &topics, shop.lanes()).await.unwrap();
    let mut log = Log::default();
    for lane in 0..shop.lanes() {
        let mut ends = BTreeMap::new();
        for topic in &topics {
            let end = broker.range(topic, lane).await.unwrap().end;
            ends.insert(topic.clone(), end);
            log.ends.insert((topic.clone(), lane), end);
        }
        lane_to_its_end(&mut *member.reader(lane), lane, ends, &mut log).await;
    }
    member.leave().await;
    log
}

async fn lane_to_its_end(
    reader: &mut dyn Reader,
    lane: u32,
    mut left: BTreeMap<String, u64>,
    log: &mut Log,
) {
    reader.seek(&left.keys().map(|topic| (topic.clone(), 0)).collect());
    left.retain(|_, end| *end > 0);
    while !left.is_empty() {
        for arrived in reader.next(MOST).await.unwrap() {
            if left.get(&*arrived.topic).is_some_and(|end| arrived.offset + 1 >= *end) {
                left.remove(&*arrived.topic);
            }
            let at = (arrived.topic.into(), lane);
            match arrived.message {
                Ok(message) => log.partitions.entry(at).or_default().push(message),
                Err((_, told)) => {
                    log.foreign.push(format!("{}/{lane}@{}: {told}", at.0, arrived.offset));
                }
            }
        }
    }
}

async fn topics(shop: &Shop) -> BTreeSet<String> {
    let mut db = PgConnection::connect(&shop.database().superuser_url()).await.unwrap();
    let asked = AssertSqlSafe(format!("SELECT name FROM {LOG}.topics"));
    let topics: Vec<String> = sqlx::query_scalar(asked).fetch_all(&mut db).await.unwrap();
    db.close().await.unwrap();
    topics.into_iter().collect()
}
