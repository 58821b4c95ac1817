//! The log in the same file: outbox and log are one.
//!
//! A batch appends its messages in its own transaction, so there is nothing to publish. Whoever reads in
//! this process is handed the newest messages from memory; older ones are read from the file.

use crate::broker::waiting::Waiting;
use crate::broker::{Arrived, Broker, Member, Range, Reader, TopicSpec, no_topic};
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::message::Outgoing;
use crate::sqlite::Sqlite;
use crate::sqlite::place;
use crate::sqlite::tail::Log;
use crate::sqlite::writes::Draft;
use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// Where a message stands in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    /// Where it is in the log.
    pub(super) place: i64,
    /// Whether of each key only the newest message is kept.
    pub(super) compacted: bool,
}

#[async_trait]
impl Broker for Sqlite {
    fn fused(&self) -> Option<String> {
        Some(format!("file `{}`", self.shared.path.display()))
    }

    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        let topic = topic.clone();
        self.write(move |pen| Box::pin(async move { pen.ensure(topic).await })).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.shared.log.partitions(topic).ok_or_else(|| no_topic(topic))
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        let log: &Log = &self.shared.log;
        let number = log.number(topic).ok_or_else(|| no_topic(topic))?;
        let end = log.committed_end(topic, partition).ok_or_else(|| no_topic(topic))?;
        let oldest = self
            .read(move |db| Box::pin(async move { older(db, number, partition, 0, 1).await }))
            .await?;
        Ok(Range { start: oldest.first().map_or(end, |(offset, _)| *offset), end })
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        let messages = batches.concat();
        if messages.is_empty() {
            return Ok(());
        }
        let draft = Draft::of_messages(messages);
        let produced =
            self.write(move |pen| Box::pin(async move { pen.produce(draft).await })).await;
        produced.map_err(|told| Error::new(ErrorKind::Broker, told.to_string()).because(told))
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        let number = self.shared.log.join(group);
        Ok(Box::new(Membership {
            store: self.clone(),
            changed: self.shared.log.members(),
            number,
            group: group.to_owned(),
            topics: topics.clone(),
            lanes,
            last: None,
        }))
    }
}

/// A member of a group. All of them are in this process, for there is no other.
struct Membership {
    store: Sqlite,
    number: u64,
    group: String,
    topics: BTreeSet<String>,
    lanes: u32,
    last: Option<BTreeSet<u32>>,
    changed: watch::Receiver<u64>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.store.shared.log.leave(&self.group, self.number);
    }
}

#[async_trait]
impl Member for Membership {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        loop {
            self.changed.mark_unchanged();
            let lanes = self.store.shared.log.deal(&self.group, self.number, self.lanes);
            if self.last.as_ref() != Some(&lanes) {
                self.last = Some(lanes.clone());
                return Ok(lanes);
            }
            if self.changed.changed().await.is_err() {
                return Err(crate::sqlite::trouble::closed());
            }
        }
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        let shared = &self.store.shared;
        Box::new(LaneReader {
            waiting: shared.log.wait_for(&self.topics, lane),
            store: self.store.clone(),
            topics: self.topics.iter().cloned().collect(),
            lane,
            positions: BTreeMap::new(),
            first: 0,
        })
    }

    /// Being dropped is all there is to it.
    async fn leave(self: Box<Self>) {}
}

struct LaneReader {
    store: Sqlite,
    topics: Vec<String>,
    lane: u32,
    positions: BTreeMap<String, u64>,
    waiting: Arc<Waiting>,
    /// The topic that is asked first next time, so that none waits for ever behind another.
    first: usize,
}

impl LaneReader {
    /// What one topic holds for us, from memory or from the file.
    async fn read(&self, topic: &str, most: usize) -> Result<Vec<Arrived>, Error> {
        let from = self.positions.get(topic).copied().unwrap_or_default();
        let log: &Log = &self.store.shared.log;
        let Some(number) = log.number(topic) else { return Ok(Vec::new()) };
        if let Some(arrived) = log.tail(topic, self.lane, from, most) {
            return Ok(arrived);
        }
        let (topic, lane) = (topic.to_owned(), self.lane);
        // What a lane makes of it comes to the disk after it, so it need not wait for that.
        let readers = &self.store.shared.readers;
        let read = readers
            .read(move |db| Box::pin(async move { older(db, number, lane, from, most).await }));
        let rows = read.await?;
        Ok(rows.into_iter().map(|(offset, bytes)| arrived(&topic, offset, &bytes)).collect())
    }
}

#[async_trait]
impl Reader for LaneReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        self.positions.clone_from(positions);
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        loop {
            let mut all = Vec::new();
            for turn in 0..self.topics.len() {
                let topic = &self.topics[(self.first + turn) % self.topics.len()];
                let arrived = self.read(topic, most - all.len()).await?;
                all.extend(arrived);
                if all.len() >= most {
                    break;
                }
            }
            if !all.is_empty() {
                self.first = self.first.wrapping_add(1);
                for arrived in &all {
                    self.positions.insert(arrived.topic.to_string(), arrived.offset + 1);
                }
                return Ok(all);
            }
            // Whatever was appended since we looked has left a mark, so that this ends at once.
            self.waiting.woken().await;
        }
    }
}

/// Reads a partition from the file, as it is committed.
async fn older(
    db: &mut SqliteConnection,
    topic: i64,
    partition: u32,
    from: u64,
    most: usize,
) -> Result<Vec<(u64, Bytes)>, Error> {
    let rows = sqlx::query(
        "SELECT place - $1, message FROM log WHERE place BETWEEN $1 + $2 AND $3
         ORDER BY place LIMIT $4",
    )
    .bind(place::first(topic, partition))
    .bind(i64::try_from(from).unwrap_or(i64::MAX).min(place::OFFSETS))
    .bind(place::last(topic, partition))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await
    .map_err(crate::sqlite::trouble::store)?;
    Ok(rows.iter().map(offset_and_bytes).collect())
}

fn offset_and_bytes(row: &SqliteRow) -> (u64, Bytes) {
    let offset = u64::try_from(row.get::<i64, _>(0)).unwrap_or_default();
    (offset, row.get::<Vec<u8>, _>(1).into())
}

fn arrived(topic: &str, offset: u64, bytes: &Bytes) -> Arrived {
    let message = Message::decode(bytes).map_err(|told| (bytes.clone(), told.to_string()));
    Arrived { topic: topic.into(), offset, message }
}
