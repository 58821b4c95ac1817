//! A log in the same database: outbox and log are one.
//!
//! A batch appends its messages in its own transaction, so there is nothing to publish. The log is in a
//! schema of its own, and each service has its store in another one of the same database: so all of them
//! speak over one log, each in as many processes as there are, and none sees what is another's.
//!
//! ```text
//! append   what a batch says, and the offsets it gets     reader   one lane of all topics of a group
//! tail     the newest messages, in memory                 member   who reads which lanes
//! watch    what other processes append, and who is there
//! prune    what is old goes
//! ```

mod append;
mod member;
mod prune;
mod reader;
mod tail;
mod watch;

pub(super) use append::{Append, Appended, Pieces, learn};
pub(super) use prune::{Hand, forget, reads};
pub(super) use tail::Tails;

use crate::broker::{Broker, Member, Range, TopicSpec, no_topic};
use crate::error::{Error, ErrorKind};
use crate::message::Outgoing;
use crate::postgres::pool::Pool;
use crate::postgres::read::{count, number};
use crate::postgres::trouble::store;
use crate::postgres::{Config, Postgres, whole};
use append::known;
use async_trait::async_trait;
use member::Membership;
use sqlx::{PgConnection, Row};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use watch::Watch;

/// The log of a schema, as one process has it open.
pub(super) struct Log {
    pub(super) tails: Arc<Tails>,
    /// One connection, to look at what others do.
    looks: Arc<Pool>,
    watch: OnceLock<Arc<Watch>>,
}

impl Log {
    pub(super) fn new(config: &Config) -> Self {
        let tails = config.tails.clone().unwrap_or_default();
        Self { tails, looks: Pool::new(config.clone(), 1), watch: OnceLock::new() }
    }

    /// Nobody watches before somebody reads.
    fn watch(&self) -> &Arc<Watch> {
        self.watch.get_or_init(|| Watch::new(Arc::clone(&self.looks), Arc::clone(&self.tails)))
    }

    pub(super) fn close(&self) {
        self.looks.close();
    }
}

/// What is told of a log that cannot be reached.
fn broker(told: Error) -> Error {
    match told.kind() {
        ErrorKind::Store => Error::new(ErrorKind::Broker, told.to_string()).because(told),
        _ => told,
    }
}

/// A store that has its log in the same database, as a broker.
pub(super) struct Logged(pub(super) Postgres, pub(super) Arc<Log>);

#[async_trait]
impl Broker for Logged {
    fn fused(&self) -> Option<String> {
        let config = &self.0.config;
        Some(format!(
            "schema `{}` of {}",
            config.log.as_deref().unwrap_or_default(),
            config.place()
        ))
    }

    async fn ensure(&self, topic: &TopicSpec) -> Result<(), Error> {
        let topic = topic.clone();
        let made = self.0.run(move |db| {
            Box::pin(whole(db, move |db| Box::pin(async move { ensure(db, &topic).await })))
        });
        made.await.map_err(broker)
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let (topic, tails) = (topic.to_owned(), Arc::clone(&self.1.tails));
        let asked = self.0.run(move |db| {
            Box::pin(async move {
                let topics = known(db, &tails, &BTreeSet::from([&*topic])).await?;
                topics.get(&topic).map(|topic| topic.partitions).ok_or_else(|| no_topic(&topic))
            })
        });
        asked.await.map_err(broker)
    }

    async fn range(&self, topic: &str, partition: u32) -> Result<Range, Error> {
        let topic = topic.to_owned();
        let asked =
            self.0.run(move |db| Box::pin(async move { range(db, &topic, partition).await }));
        asked.await.map_err(broker)
    }

    async fn produce(&self, batches: &[&[Outgoing]]) -> Result<(), Error> {
        let messages = batches.concat();
        if messages.is_empty() {
            return Ok(());
        }
        let tails = Arc::clone(&self.1.tails);
        let append = Append { tails, at: self.0.now(), messages };
        let produced = self.0.run_for_lane(move |db| {
            Box::pin(async move {
                // One statement is a transaction.
                append.write(db).await?.committed();
                Ok(())
            })
        });
        produced.await.map_err(broker)
    }

    async fn join(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
        lanes: u32,
    ) -> Result<Box<dyn Member>, Error> {
        let (tails, names) = (Arc::clone(&self.1.tails), topics.clone());
        let learnt = self.0.run(move |db| {
            Box::pin(async move {
                let names = names.iter().map(String::as_str).collect();
                known(db, &tails, &names).await.map(drop)
            })
        });
        learnt.await.map_err(broker)?;
        let (watch, id) = (Arc::clone(self.1.watch()), crate::id::fresh());
        let met = watch.met();
        watch.join(group, id).await.map_err(broker)?;
        Ok(Box::new(Membership {
            watch,
            pool: Arc::clone(&self.0.lanes),
            tails: Arc::clone(&self.1.tails),
            id,
            group: group.to_owned(),
            topics: topics.clone(),
            lanes,
            last: None,
            met,
            has_left: false,
        }))
    }
}

/// Makes a topic, if it is not there.
async fn ensure(db: &mut PgConnection, topic: &TopicSpec) -> Result<(), Error> {
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let made = sqlx::query(
        "INSERT INTO topics (name, partitions, compacted) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO NOTHING",
    );
    let made = made.bind(&topic.name).bind(partitions).bind(topic.compacted);
    made.execute(&mut *db).await.map_err(store)?;
    let found = sqlx::query("SELECT number, partitions FROM topics WHERE name = $1");
    let found = found.bind(&topic.name).fetch_one(&mut *db).await.map_err(store)?;
    topic.pinned(number(&found, 1))?;
    let ends = sqlx::query(
        "INSERT INTO ends (topic, partition, next)
         SELECT $1, partition, 0 FROM generate_series(0, $2 - 1) AS partition ON CONFLICT DO NOTHING",
    );
    let ends = ends.bind(found.get::<i32, _>(0)).bind(partitions);
    ends.execute(db).await.map(drop).map_err(store)
}

/// What a partition holds.
async fn range(db: &mut PgConnection, topic: &str, partition: u32) -> Result<Range, Error> {
    let asked = sqlx::query(
        "SELECT e.next, (SELECT l.first FROM log l WHERE l.topic = e.topic AND l.partition = e.partition
                         ORDER BY l.last LIMIT 1)
         FROM topics t JOIN ends e ON e.topic = t.number WHERE t.name = $1 AND e.partition = $2",
    );
    let asked = asked.bind(topic).bind(i32::try_from(partition).unwrap_or(i32::MAX));
    let row = asked.fetch_optional(db).await.map_err(store)?.ok_or_else(|| no_topic(topic))?;
    let end = count(&row, 0);
    let start = row.get::<Option<i64>, _>(1).map_or(end, |first| first as u64);
    Ok(Range { start, end })
}
