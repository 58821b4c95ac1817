//! Members of a group, and who reads which lane.
//!
//! Partition *p* of every topic must go to one member. So what the members of a group subscribe to is no
//! topic of theirs but `<group>.lanes`, which has a partition for each lane and no messages. Whoever is
//! assigned its partition *p* reads partition *p* of all topics. Lanes move one by one when members come
//! and go, and nobody stops for it who keeps its lanes.

use crate::broker::{Arrived, Member, Reader};
use crate::error::{Error, ErrorKind};
use crate::kafka::admin::Admin;
use crate::kafka::away::{made, thread};
use crate::kafka::config::Config;
use crate::kafka::fetch::{Fetcher, Order, ended};
use crate::kafka::queue::Queue;
use crate::kafka::trouble::{Context, Wish, is_final, is_passing, told};
use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::watch;

/// How long the thread of a member waits for news before it looks whether it is to leave.
const POLL: Duration = Duration::from_millis(100);

/// How long a member that leaves waits until the server knows. If it does not answer, nobody is told anyway.
const FAREWELL: Duration = Duration::from_secs(3);

/// The topic whose partitions are the lanes of a group. What a group may be called and a topic may not, as
/// `view.addresses~2`, is written with a dot.
pub(super) fn lanes_of(group: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = group.chars().map(|c| if is_legal(c) { c } else { '.' }).collect();
    format!("{name}.lanes")
}

/// What a member is told of its lanes: `None` before the group has met.
type Lanes = Option<Result<BTreeSet<u32>, String>>;

/// A seat in a group. It is left when the member and all its readers are gone, so that a process that
/// ends hands a lane over when the lane has come to rest.
struct Seat {
    orders: mpsc::Sender<Order>,
    is_left: Arc<AtomicBool>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.is_left.store(true, Ordering::SeqCst);
    }
}

/// A member of a group.
pub(super) struct Membership {
    seat: Arc<Seat>,
    lanes: watch::Receiver<Lanes>,
    last: Option<BTreeSet<u32>>,
}

impl Membership {
    /// Takes a seat.
    pub(super) fn join(
        admin: &Arc<Admin>,
        group: &str,
        topics: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let config = &admin.config;
        let (orders, received) = mpsc::channel();
        let fetcher = Fetcher::new(Arc::clone(admin), group, received, topics.clone())?;
        thread(&format!("{group}-fetch"), move || fetcher.run())?;
        let is_left = Arc::new(AtomicBool::new(false));
        let seat = Arc::new(Seat { orders, is_left: Arc::clone(&is_left) });
        let (tell, lanes) = watch::channel(None);
        let consumer: BaseConsumer<Context> = made(&config.member(group))?;
        let (group, config) = (group.to_owned(), Arc::clone(config));
        let sitting = Sitting { config, group: group.clone(), consumer, tell };
        thread(&format!("{group}-lanes"), move || sitting.run(&is_left))?;
        Ok(Self { seat, lanes, last: None })
    }
}

/// The thread that keeps a seat.
struct Sitting {
    config: Arc<Config>,
    group: String,
    consumer: BaseConsumer<Context>,
    tell: watch::Sender<Lanes>,
}

impl Sitting {
    fn run(self, is_left: &AtomicBool) {
        if let Err(trouble) = self.consumer.subscribe(&[&lanes_of(&self.group)]) {
            return self.fail(&trouble);
        }
        while !is_left.load(Ordering::SeqCst) {
            match self.consumer.poll(POLL) {
                Some(Err(trouble)) if ends(&trouble) => return self.fail(&trouble),
                // Whoever reads for the group says so already.
                Some(Err(trouble)) if passes(&trouble) => {
                    tracing::debug!(group = self.group, %trouble, "the group waits");
                }
                Some(Err(trouble)) => {
                    tracing::warn!(group = self.group, %trouble, "the group waits");
                }
                Some(Ok(_)) | None => {}
            }
            if self.consumer.context().is_lost() {
                // The group is joined again, with a new client.
                return self.fail(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown));
            }
            self.look();
        }
    }

    /// Tells which lanes are ours now. What the client tells of changes is not enough to know it.
    fn look(&self) {
        if !self.consumer.context().has_met() {
            return;
        }
        let assigned = match self.consumer.assignment() {
            Ok(assigned) => assigned,
            Err(trouble) => {
                return tracing::warn!(group = self.group, %trouble, "no lanes are told");
            }
        };
        let lanes: BTreeSet<u32> = assigned
            .elements()
            .iter()
            .filter_map(|it| u32::try_from(it.partition()).ok())
            .collect();
        let is_news = self.tell.send_if_modified(|told| {
            let is_news = !matches!(told, Some(Ok(known)) if *known == lanes);
            *told = Some(Ok(lanes));
            is_news
        });
        // Nothing is ever written there, so nothing is to be fetched.
        if is_news && let Err(trouble) = self.consumer.pause(&assigned) {
            tracing::debug!(group = self.group, %trouble, "an empty topic is read");
        }
    }

    fn fail(&self, trouble: &KafkaError) {
        let (code, reason) = self.consumer.context().reason(trouble);
        let lanes = lanes_of(&self.group);
        let wish = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => Wish::Read(&lanes),
            _ => Wish::Join(&self.group),
        };
        let error = told(&self.config, wish, code, &reason);
        self.tell.send_replace(Some(Err(error.to_string())));
    }
}

/// Whether a member cannot go on after this. The client mends all the rest by itself.
fn ends(trouble: &KafkaError) -> bool {
    let code = trouble.rdkafka_error_code();
    matches!(trouble, KafkaError::MessageConsumptionFatal(_)) || code.is_some_and(is_final)
}

/// Whether Kafka is only away.
fn passes(trouble: &KafkaError) -> bool {
    trouble.rdkafka_error_code().is_some_and(is_passing)
}

#[async_trait]
impl Member for Membership {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        loop {
            let told = self.lanes.borrow_and_update().clone();
            match told {
                Some(Err(text)) => return Err(Error::new(ErrorKind::Broker, text)),
                Some(Ok(lanes)) if self.last.as_ref() != Some(&lanes) => {
                    self.last = Some(lanes.clone());
                    return Ok(lanes);
                }
                Some(Ok(_)) | None => {}
            }
            if self.lanes.changed().await.is_err() {
                let text = "the thread that keeps our seat in the group has ended";
                return Err(Error::new(ErrorKind::Broker, text));
            }
        }
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        let (seat, queue) = (Arc::clone(&self.seat), Arc::default());
        Box::new(LaneReader { seat, lane, queue, is_placed: false })
    }

    async fn leave(self: Box<Self>) {
        let Self { seat, mut lanes, .. } = *self;
        drop(seat);
        // The thread lets go of this when its client has said good-bye.
        let left = async { while lanes.changed().await.is_ok() {} };
        if tokio::time::timeout(FAREWELL, left).await.is_err() {
            tracing::warn!("nobody may know that we have left: our lanes wait until we are missed");
        }
    }
}

/// Reads a lane.
struct LaneReader {
    seat: Arc<Seat>,
    lane: u32,
    queue: Arc<Queue>,
    is_placed: bool,
}

impl Drop for LaneReader {
    fn drop(&mut self) {
        // Without the thread nobody reads it any more.
        let _ = self.seat.orders.send(Order::Leave(self.lane, Arc::clone(&self.queue)));
    }
}

#[async_trait]
impl Reader for LaneReader {
    fn seek(&mut self, positions: &BTreeMap<String, u64>) {
        self.queue = Arc::default();
        self.is_placed = true;
        let order = Order::Read(self.lane, positions.clone(), Arc::clone(&self.queue));
        if self.seat.orders.send(order).is_err() {
            self.queue.fail(ended());
        }
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Arrived>, Error> {
        if !self.is_placed {
            self.seek(&BTreeMap::new());
        }
        self.queue.take(most).await
    }
}
