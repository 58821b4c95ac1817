//! Reading one partition of every topic of a group: from memory what was appended here, and the rest from
//! the database.

use super::append::messages;
use super::tail::{Known, Tails};
use crate::broker::waiting::Waiting;
use crate::broker::{Arrived, Reader, beyond};
use crate::error::Error;
use crate::message::Message;
use crate::postgres::pool::Pool;
use crate::postgres::read::count;
use crate::postgres::trouble::store;
use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many rows of a topic are read at once: a row holds what a batch has said in its partition.
const ROWS: i64 = 16;

pub(super) struct LaneReader {
    pool: Arc<Pool>,
    tails: Arc<Tails>,
    waiting: Arc<Waiting>,
    topics: Vec<String>,
    lane: u32,
    positions: BTreeMap<String, u64>,
    /// What was read and is not handed over: rows are read whole.
    ahead: VecDeque<Arrived>,
    /// Whether the database has been asked since it is known where to begin.
    is_settled: bool,
    /// The topic that is asked first next time, so that none waits for ever behind another.
    first: usize,
}

impl LaneReader {
    pub(super) fn new(
        pool: &Arc<Pool>,
        tails: &Arc<Tails>,
        topics: &BTreeSet<String>,
        lane: u32,
    ) -> Self {
        Self {
            pool: Arc::clone(pool),
            waiting: tails.wait_for(topics, lane),
            tails: Arc::clone(tails),
            topics: topics.iter().cloned().collect(),
            lane,
            positions: BTreeMap::new(),
            ahead: VecDeque::new(),
            is_settled: false,
            first: 0,
        }
    }

    fn position(&self, topic: &str) -> u64 {
        self.positions.get(topic).copied().unwrap_or_default()
    }

    /// Looks for what is there and was not handed over. Nothing is lost if nobody waits for the end of it.
    async fn look(&mut self, most: usize) -> Result<(), Error> {
        let turn = (0..self.topics.len()).map(|turn| (self.first + turn) % self.topics.len());
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for topic in turn.map(|at| &self.topics[at]) {
            let from = self.position(topic);
            match self.tails.from(topic, self.lane, from, most) {
                Known::Here(arrived) => here.extend(arrived),
                Known::There => there.push((topic.clone(), from)),
                Known::Nothing if !self.is_settled => there.push((topic.clone(), from)),
                Known::Nothing => {}
            }
        }
        if !there.is_empty() {
            let lane = self.lane;
            let read = self.pool.run(move |db| Box::pin(read(db, there, lane)));
            here.extend(read.await?);
        }
        self.is_settled = true;
        self.first = self.first.wrapping_add(1);
        self.ahead.extend(here);
        Ok(())
    }
}

#[async_trait]
impl Reader for LaneReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        self.positions.clone_from(positions);
        self.ahead.clear();
        self.is_settled = false;
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        loop {
            if self.ahead.is_empty() {
                self.look(most).await?;
            }
            if !self.ahead.is_empty() {
                let all: Vec<_> = self.ahead.drain(..most.min(self.ahead.len())).collect();
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

/// Reads one partition of these topics, each from an offset on, as it is committed.
async fn read(
    db: &mut PgConnection,
    topics: Vec<(String, u64)>,
    partition: u32,
) -> Result<Vec<Arrived>, Error> {
    let names: Vec<&str> = topics.iter().map(|(name, _)| name.as_str()).collect();
    let froms: Vec<i64> =
        topics.iter().map(|(_, from)| i64::try_from(*from).unwrap_or(i64::MAX)).collect();
    let rows = sqlx::query(
        "SELECT w.name, w.start, e.next, l.first, l.messages, l.last
         FROM unnest($1, $2) WITH ORDINALITY AS w (name, start, nth)
         JOIN topics t ON t.name = w.name
         JOIN ends e ON e.topic = t.number AND e.partition = $3
         LEFT JOIN LATERAL
             (SELECT first, last, messages FROM log
              WHERE topic = t.number AND partition = $3 AND last >= w.start
              ORDER BY last LIMIT $4) l ON true
         ORDER BY w.nth, l.last",
    );
    let rows = rows.bind(names).bind(froms).bind(i32::try_from(partition).unwrap_or(i32::MAX));
    let rows = rows.bind(ROWS).fetch_all(db).await.map_err(store)?;
    let mut all = Vec::new();
    for row in &rows {
        let (topic, from, end) = (row.get::<&str, _>(0), count(row, 1), count(row, 2));
        if from > end {
            return Err(beyond(topic, partition, from, end));
        }
        let Some(blob) = row.get::<Option<&[u8]>, _>(4) else { continue };
        let mut found = messages(Bytes::copy_from_slice(blob));
        // A row that is damaged may hold fewer messages than it says, and none is passed over.
        let numbered = (count(row, 3)..=count(row, 5)).map(|offset| (offset, found.next()));
        let wanted = numbered.skip_while(|(offset, _)| *offset < from);
        all.extend(
            wanted.map(|(offset, bytes)| arrived(topic, offset, &bytes.unwrap_or_default())),
        );
    }
    Ok(all)
}

fn arrived(topic: &str, offset: u64, bytes: &Bytes) -> Arrived {
    let message = Message::decode(bytes).map_err(|told| (bytes.clone(), told.to_string()));
    Arrived { topic: topic.into(), offset, message }
}
