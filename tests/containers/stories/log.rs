//! The log of a shop that has a Postgres alone, as somebody needs it who listens to all topics and says
//! things again: as a lane reads it, and as a service writes it.

use crate::looks::Looks;
use crate::topics::{Ear, POLL, Place, Record, Wire};
use ballet::broker::{Broker, Member, Reader};
use ballet::clock::rest;
use ballet::message::Outgoing;
use ballet::postgres::Postgres;
use ballet::store::Store;
use containers::servers::runtime;
use containers::shop::{LOG, Shop, services};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many messages are read at once.
const MOST: usize = 500;
/// How long to leave a server alone that does not answer.
const A_WHILE: Duration = Duration::from_millis(100);
/// What is no message.
const PIECES: [&[u8]; 3] = [b"this is no message", b"\xff\x00\x1b[2J\r\n", b"{}"];

/// Who says things, and asks where everything ends.
pub struct Log {
    broker: Arc<dyn Broker>,
    looks: Looks,
}

/// Who listens, with a task for each lane.
pub struct Listener {
    come: Receiver<Vec<Record>>,
    _lanes: JoinSet<()>,
    _member: Box<dyn Member>,
}

impl Log {
    /// The topics that are there, and who listens to them from their beginning.
    pub async fn of(shop: &Shop) -> (Self, Listener) {
        let looks = Looks::at(shop.database().superuser_url());
        let config = shop.schema(services(shop.example())[0]).connections(2, 2);
        let lanes = shop.lanes();
        let opened = runtime().spawn(async move {
            let topics = looks.all(&format!("SELECT name FROM {LOG}.topics")).await;
            let topics: BTreeSet<String> = topics.iter().map(|row| row.get(0)).collect();
            let broker = Postgres::connect(config).await.unwrap().log().unwrap();
            let member = broker.join("listener", &topics, lanes).await.unwrap();
            let ((said, come), mut tasks) = (channel(), JoinSet::new());
            for lane in 0..lanes {
                let mut reader = member.reader(lane);
                reader.seek(&topics.iter().map(|topic| (topic.clone(), 0)).collect());
                tasks.spawn(listen(reader, lane, said.clone()));
            }
            (Self { broker, looks }, Listener { come, _lanes: tasks, _member: member })
        });
        opened.await.expect("it does not panic")
    }

    async fn put(&self, (topic, partition): &Place, piece: &[u8]) {
        let length = u32::try_from(piece.len()).unwrap().to_le_bytes();
        let bytes: String = length.iter().chain(piece).map(|byte| format!("{byte:02x}")).collect();
        let put = format!(
            "WITH held AS (
                 UPDATE {LOG}.ends e SET next = e.next + 1 FROM {LOG}.topics t
                 WHERE t.number = e.topic AND t.name = '{topic}' AND e.partition = {partition}
                 RETURNING e.topic, e.partition, e.next - 1 AS first, t.compacted)
             INSERT INTO {LOG}.log (topic, partition, first, last, at, key, messages)
             SELECT topic, partition, first, first, 0, CASE WHEN compacted THEN '\\x00'::bytea END,
                    '\\x{bytes}'::bytea
             FROM held"
        );
        self.looks.all(&put).await;
    }
}

impl Wire for Log {
    fn ends(&self) -> BTreeMap<Place, i64> {
        let asked = format!(
            "SELECT t.name, e.partition, e.next FROM {LOG}.ends e JOIN {LOG}.topics t ON t.number = e.topic"
        );
        let rows = runtime().block_on(self.looks.all(&asked));
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
    }

    fn say(&self, records: &[Record]) {
        let outgoing = |Record { place: (topic, partition), message }: &Record| {
            let partition = u32::try_from(*partition).unwrap();
            Some(Outgoing { topic: topic.clone().into(), partition, message: message.clone()? })
        };
        let all: Vec<Outgoing> = records.iter().filter_map(outgoing).collect();
        runtime().block_on(self.broker.produce(&[&all])).unwrap();
    }

    fn garble(&self, places: &[Place]) -> usize {
        runtime().block_on(async {
            for place in places {
                for piece in PIECES {
                    self.put(place, piece).await;
                }
            }
        });
        PIECES.len()
    }
}

impl Ear for Listener {
    fn hear(&mut self) -> Vec<Record> {
        let first = self.come.recv_timeout(POLL).unwrap_or_default();
        first.into_iter().chain(self.come.try_iter().flatten()).collect()
    }
}

/// Reads a lane to its end, and goes on as long as somebody listens.
async fn listen(mut reader: Box<dyn Reader>, lane: u32, said: Sender<Vec<Record>>) {
    let lane = i32::try_from(lane).unwrap();
    loop {
        let Ok(arrived) = reader.next(MOST).await else {
            rest(A_WHILE).await;
            continue;
        };
        let records = arrived.into_iter().map(|arrived| Record {
            place: (arrived.topic.to_string(), lane),
            message: arrived.message.ok(),
        });
        if said.send(records.collect()).is_err() {
            return;
        }
    }
}
