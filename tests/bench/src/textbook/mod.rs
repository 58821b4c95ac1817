//! The baseline: what textbooks write down, and what many have built.
//!
//! ```text
//! a transaction for each message:
//!   coordinator   inbox row, SELECT … FOR UPDATE of the saga, UPDATE, outbox row
//!   participant   inbox row, effect, outbox row
//! relay           looks into the outbox, SKIP LOCKED, hands over, deletes
//! ```
//!
//! Sixteen workers a side with a connection each, and two relays. Nothing is tuned, and nothing is done worse than it
//! is commonly done: statements are prepared, rows are found by their keys, and whoever waits for a saga is told by the
//! worker that ended it. Handing over is free, within this process; or it goes through Kafka.

mod coordinator;
mod kafka;
mod message;
mod participant;
mod relay;

use crate::Failed;
use crate::backend::Backend;
use crate::five::saga::{Effect, Order, Orders};
use crate::servers::{Servers, drop_schemas, own_name};
use crate::stand::{Counts, Stand};
use async_trait::async_trait;
use kafka::Bus;
use message::{Message, Said};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeMap;
use std::future::Future;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How many work at a time, on each side.
const WORKERS: usize = 16;
/// How many look into each outbox.
const RELAYS: usize = 2;

const TABLES: &str = "
    CREATE TABLE saga (id bigint PRIMARY KEY, status text NOT NULL, version bigint NOT NULL, state jsonb NOT NULL);
    CREATE TABLE effect (saga bigint, step integer, amount bigint NOT NULL, PRIMARY KEY (saga, step));
    CREATE TABLE coordinator_inbox (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE coordinator_outbox (id bigserial PRIMARY KEY, message text NOT NULL);
    CREATE TABLE worker_inbox (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE worker_outbox (id bigserial PRIMARY KEY, message text NOT NULL);";

/// A side: who takes messages, and where it keeps what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Coordinator,
    Worker,
}

impl Side {
    const fn inbox(self) -> &'static str {
        match self {
            Self::Coordinator => {
                "INSERT INTO coordinator_inbox (id) VALUES ($1) ON CONFLICT DO NOTHING"
            }
            Self::Worker => "INSERT INTO worker_inbox (id) VALUES ($1) ON CONFLICT DO NOTHING",
        }
    }

    const fn outbox(self) -> &'static str {
        match self {
            Self::Coordinator => "INSERT INTO coordinator_outbox (message) VALUES ($1)",
            Self::Worker => "INSERT INTO worker_outbox (message) VALUES ($1)",
        }
    }

    /// Says something, when this transaction is committed.
    async fn say(self, db: &mut PgConnection, message: &Message) -> Result<(), Failed> {
        let text = serde_json::to_string(message)?;
        sqlx::query(self.outbox()).bind(text).execute(db).await?;
        Ok(())
    }

    /// Whether a message comes for the first time; from now on, it does not.
    async fn is_new(self, db: &mut PgConnection, message: &Message) -> Result<bool, Failed> {
        let noted = sqlx::query(self.inbox()).bind(&message.id).execute(db).await?;
        Ok(noted.rows_affected() == 1)
    }
}

/// What all tasks share.
#[derive(Default)]
struct Shared {
    /// Who waits for the end of a saga, and is told whether it was completed.
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<bool>>>,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Shared {
    fn ended(&self, saga: u64, is_completed: bool) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&saga);
        if let Some(waiting) = waiting {
            // Whoever has gone away wants to know nothing.
            let _ = waiting.send(is_completed);
        }
    }

    fn count(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What workers take from, one at a time.
type Queue = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>>;

/// Everybody at work, over a schema that nobody else uses.
pub struct Textbook {
    options: PgConnectOptions,
    url: String,
    schema: String,
    orders: Orders,
    shared: Arc<Shared>,
    to_coordinator: mpsc::UnboundedSender<String>,
    /// Why somebody has stopped working, if anybody has.
    failed: watch::Receiver<Option<String>>,
    /// Ends the tasks when it is dropped.
    tasks: JoinSet<()>,
    bus: Bus,
}

impl Textbook {
    pub async fn open(on: Backend, servers: &Servers, orders: Orders) -> Result<Self, Failed> {
        let (url, schema) = (servers.store.clone(), own_name("textbook"));
        let options = PgConnectOptions::from_str(&url)?.options([("search_path", &*schema)]);
        let mut db = options.connect().await?;
        db.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
        db.execute(TABLES).await?;
        db.close().await?;
        let (to_coordinator, of_coordinator) = mpsc::unbounded_channel();
        let (to_worker, of_worker) = mpsc::unbounded_channel();
        let (fail, failed) = watch::channel(None);
        let bus = Bus::open(on, servers, [to_coordinator.clone(), to_worker]).await?;
        let mut tasks = Tasks { all: JoinSet::new(), fail, options: options.clone() };
        let shared = Arc::new(Shared::default());
        let queues =
            [of_coordinator, of_worker].map(|queue| Arc::new(tokio::sync::Mutex::new(queue)));
        for (side, queue) in [Side::Coordinator, Side::Worker].into_iter().zip(queues) {
            for _ in 0..WORKERS {
                let (queue, shared) = (Arc::clone(&queue), Arc::clone(&shared));
                tasks.spawn(move |db| work(side, db, queue, shared));
            }
            for _ in 0..RELAYS {
                let (bus, shared) = (bus.from(side), Arc::clone(&shared));
                tasks.spawn(move |db| relay::run(side, db, bus, shared));
            }
        }
        let tasks = tasks.all;
        Ok(Self { options, url, schema, orders, shared, to_coordinator, failed, tasks, bus })
    }
}

/// Tasks with a connection each.
struct Tasks {
    all: JoinSet<()>,
    fail: watch::Sender<Option<String>>,
    options: PgConnectOptions,
}

impl Tasks {
    /// Starts one. It runs until it fails, and then everybody hears why.
    fn spawn<F>(&mut self, task: impl FnOnce(PgConnection) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Failed>> + Send,
    {
        let (options, fail) = (self.options.clone(), self.fail.clone());
        self.all.spawn(async move {
            let ended = match options.connect().await {
                Ok(db) => task(db).await,
                Err(why) => Err(why.into()),
            };
            fail.send_replace(ended.err().map(|why| why.to_string()));
        });
    }
}

/// Takes messages, one at a time, each in a transaction.
async fn work(
    side: Side,
    mut db: PgConnection,
    queue: Queue,
    shared: Arc<Shared>,
) -> Result<(), Failed> {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(text) = next else { return Ok(()) };
        let message: Message = serde_json::from_str(&text)?;
        match side {
            Side::Coordinator => {
                if let Some(is_completed) = coordinator::take(&mut db, &message).await? {
                    shared.ended(message.saga, is_completed);
                }
            }
            Side::Worker => participant::take(&mut db, &message).await?,
        }
    }
}

#[async_trait]
impl Stand for Textbook {
    async fn one(&self, number: u64) -> Result<(), Failed> {
        let order: Order = self.orders.of(number);
        let (told, tells) = oneshot::channel();
        let waiting = &self.shared.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, told);
        let begin = serde_json::to_string(&Message::new(number, Said::Begin(order)))?;
        self.shared.count(begin.len());
        self.to_coordinator.send(begin)?;
        let mut failed = self.failed.clone();
        let is_completed = tokio::select! {
            is_completed = tells => is_completed?,
            _ = failed.changed() => {
                let why = failed.borrow().clone().unwrap_or_default();
                return Err(format!("the textbook has stopped: {why}").into());
            }
        };
        match is_completed != order.fails {
            true => Ok(()),
            false => Err(format!("saga {number} ended otherwise").into()),
        }
    }

    async fn counts(&self) -> Result<Counts, Failed> {
        let messages = self.shared.messages.load(Ordering::Relaxed);
        Ok(Counts { messages, batches: messages })
    }

    fn messages_of(&self, first: u64, count: u64) -> Option<u64> {
        Some(self.orders.messages_of(first, count))
    }

    async fn bytes(&self) -> Result<Option<u64>, Failed> {
        Ok(Some(self.shared.bytes.load(Ordering::Relaxed)))
    }

    async fn check(&self, count: u64) -> Result<(), Failed> {
        let mut db = self.options.connect().await?;
        let rows = db.fetch_all("SELECT saga, step, amount FROM effect").await?;
        db.close().await?;
        let effect = |row: &sqlx::postgres::PgRow| {
            let key = (u64::try_from(row.get::<i64, _>(0))?, u32::try_from(row.get::<i32, _>(1))?);
            Ok((key, Effect { amount: u64::try_from(row.get::<i64, _>(2))? }))
        };
        let found: Result<BTreeMap<_, _>, Failed> = rows.iter().map(effect).collect();
        self.orders.check(count, &found?)
    }

    async fn close(self: Arc<Self>) -> Result<(), Failed> {
        let Some(mut this) = Arc::into_inner(self) else {
            return Err("somebody still works here".into());
        };
        this.tasks.shutdown().await;
        this.bus.close().await?;
        drop_schemas(&this.url, &[this.schema]).await
    }
}
