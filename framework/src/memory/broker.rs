//! The broker: groups whose lanes are dealt out to their living members.

use crate::broker::{Arrived, Broker, Member, Range, Reader, TopicSpec, no_topic};
use crate::clock::{Time, rest};
use crate::error::{Error, ErrorKind};
use crate::memory::bell::Listener;
use crate::memory::log::{Entry, Partition};
use crate::memory::{Node, Point};
use crate::message::Message;
use crate::message::Outgoing;
use crate::store::LaneId;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

#[async_trait]
impl Broker for Node {
    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        self.breathe().await;
        let mut log = self.world.log();
        if topic.compacted {
            log.compacted.insert(topic.name.clone());
        }
        let parts = log
            .topics
            .entry(topic.name.clone())
            .or_insert_with(|| vec![Partition::default(); topic.partitions as usize]);
        topic.pinned(u32::try_from(parts.len()).unwrap_or(u32::MAX))
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.breathe().await;
        let count = self.world.log().topics.get(topic).map(Vec::len);
        count.and_then(|count| u32::try_from(count).ok()).ok_or_else(|| no_topic(topic))
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        self.breathe().await;
        let log = self.world.log();
        let part = log.partition(topic, partition).ok_or_else(|| no_topic(topic))?;
        Ok(Range {
            start: part.entries.first().map_or(part.next, |entry| entry.offset),
            end: part.next,
        })
    }

    fn largest(&self) -> usize {
        self.world.log().largest.unwrap_or(usize::MAX)
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        for out in batches.iter().flat_map(|batch| batch.iter()) {
            self.pass(Point::Produce(out.topic.to_string()), ErrorKind::Broker).await?;
            {
                let (mut log, now) = (self.world.log(), self.world.clock.now());
                for _ in 0..=log.repeats {
                    log.append(&out.topic, out.partition, out.message.encode(), now)
                        .ok_or_else(|| no_topic(&out.topic))?;
                }
            }
            self.world.bell.ring();
            self.pass(Point::Produced(out.topic.to_string()), ErrorKind::Broker).await?;
        }
        Ok(())
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        self.breathe().await;
        let me = {
            let mut log = self.world.log();
            log.joined += 1;
            let me = log.joined;
            log.groups.entry(group.to_owned()).or_default().insert(me, self.clone());
            for topic in topics {
                log.readers.entry(topic.clone()).or_default().insert(group.to_owned());
            }
            me
        };
        self.world.bell.ring();
        Ok(Box::new(Membership {
            node: self.clone(),
            me,
            group: group.to_owned(),
            topics: topics.clone(),
            lanes,
            last: None,
            changed: self.world.bell.listen(),
        }))
    }
}

struct Membership {
    node: Node,
    me: u64,
    group: String,
    topics: BTreeSet<String>,
    lanes: u32,
    last: Option<BTreeSet<u32>>,
    changed: Listener,
}

impl Membership {
    /// Lanes are dealt out to the members that live, in the order they joined.
    fn deal(&self) -> BTreeSet<u32> {
        let mut log = self.node.world.log();
        let members = log.groups.entry(self.group.clone()).or_default();
        members.retain(|_, node| node.is_alive());
        let awake: Vec<u64> = members
            .iter()
            .filter(|(_, node)| !node.is_frozen())
            .map(|(member, _)| *member)
            .collect();
        let me = awake.iter().position(|member| *member == self.me);
        let Some(me) = me else { return BTreeSet::new() };
        (0..self.lanes).filter(|lane| *lane as usize % awake.len() == me).collect()
    }
}

impl Drop for Membership {
    /// Whoever goes leaves the group; the others are dealt its lanes.
    fn drop(&mut self) {
        if let Some(members) = self.node.world.log().groups.get_mut(&self.group) {
            members.remove(&self.me);
        }
        self.node.world.bell.ring();
    }
}

#[async_trait]
impl Member for Membership {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        loop {
            self.node.breathe().await;
            let lanes = self.deal();
            if self.last.as_ref() != Some(&lanes) {
                self.last = Some(lanes.clone());
                return Ok(lanes);
            }
            let slow = crate::clock::rest(std::time::Duration::from_millis(500));
            tokio::select! {
                biased;
                () = self.changed.hear() => {}
                () = slow => {}
            }
        }
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        Box::new(LaneReader {
            node: self.node.clone(),
            topics: self.topics.clone(),
            lane: LaneId::new(self.group.clone(), lane),
            positions: BTreeMap::new(),
            appended: self.node.world.bell.listen(),
        })
    }

    /// Being dropped is all there is to it.
    async fn leave(self: Box<Self>) {}
}

struct LaneReader {
    node: Node,
    topics: BTreeSet<String>,
    lane: LaneId,
    positions: BTreeMap<String, u64>,
    appended: Listener,
}

impl LaneReader {
    /// What is to be seen by now, and when there will be more.
    fn ready(&mut self, most: usize) -> (Vec<Arrived>, Option<Time>) {
        let (log, now) = (self.node.world.log(), self.node.world.clock.now());
        let (mut arrived, mut later) = (Vec::new(), None);
        for topic in &self.topics {
            let Some(part) = log.partition(topic, self.lane.lane) else { continue };
            let from = self.positions.entry(topic.clone()).or_default();
            for Entry { offset, bytes, seen_from, .. } in part.from(*from) {
                if arrived.len() == most {
                    return (arrived, None);
                }
                if *seen_from > now {
                    later = Some(later.map_or(*seen_from, |other: Time| other.min(*seen_from)));
                    break;
                }
                let message =
                    Message::decode(bytes).map_err(|told| (bytes.clone(), told.to_string()));
                arrived.push(Arrived { topic: topic.clone().into(), offset: *offset, message });
                *from = offset + 1;
            }
        }
        (arrived, later)
    }
}

#[async_trait]
impl Reader for LaneReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        self.positions.clone_from(positions);
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        loop {
            self.node.breathe().await;
            self.appended.mark();
            let before = self.positions.clone();
            let (arrived, later) = self.ready(most);
            if !arrived.is_empty() {
                // Whoever fails here, or is not waited for, has received nothing.
                let after = std::mem::replace(&mut self.positions, before);
                self.node.pass(Point::Receive(self.lane.clone()), ErrorKind::Broker).await?;
                self.positions = after;
                return Ok(arrived);
            }
            let more = async {
                match later {
                    Some(later) => rest(later.since(self.node.world.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.appended.hear() => {}
                () = more => {}
            }
        }
    }
}
