//! A shop whose processes die, freeze and come back.

use ballet::clock::rest;
use containers::books;
use containers::process::Process;
use containers::servers::{self, Kafka, Postgres, free_port};
use containers::shop::{Part, Said, Shop, ask, services, store};
use futures::future::join_all;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes that comes to an end at all.
pub const LONG: Duration = Duration::from_secs(120);
/// Between two looks.
pub const A_MOMENT: Duration = Duration::from_millis(100);
/// After so much silence a process loses its lanes. It is short, for tests wait until it is over.
pub const SESSION: Duration = Duration::from_secs(3);
/// The same where nobody waits for it, for each process has its seat: then nobody is missed who is only slow.
const SEATED: Duration = Duration::from_secs(30);
/// How long a statement may take. It is short, for the same reason.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// How long a process may take to end. What is not done then is done by the next one.
pub const DRAIN: Duration = Duration::from_secs(6);

/// A shop, and where each service listens, whichever process that is.
pub struct House {
    pub shop: Shop,
    ports: BTreeMap<&'static str, u16>,
    /// Whether a process that is started again sits down where the one before it sat, so that nobody waits
    /// until that is missed.
    has_seats: bool,
}

/// What a second process of a service is told.
pub const COPY: [(&str, &str); 3] =
    [("SHOP_LISTEN", "127.0.0.1:0"), ("BALLET_DIES_AT", ""), ("BALLET_FREEZES_AT", "")];

/// The signal that ends a process at once.
const SIGKILL: i32 = 9;

impl House {
    /// A new one, on the Postgres of all tests.
    pub async fn of(example: &'static str) -> Arc<Self> {
        let kafka = Arc::new(Kafka::alone().await);
        Arc::new(Self::on(example, servers::postgres().await, kafka).await)
    }

    /// The same, where each service has its seat in its groups, whoever sits there.
    pub async fn with_seats(example: &'static str) -> Arc<Self> {
        let kafka = Arc::new(Kafka::alone().await);
        let house = Self::on(example, servers::postgres().await, kafka).await;
        Arc::new(Self { has_seats: true, ..house })
    }

    /// A new one in a new database of this Postgres, on this Kafka.
    pub async fn on(example: &'static str, postgres: &Postgres, kafka: Arc<Kafka>) -> Self {
        let ports = services(example).into_iter().map(|service| (service, free_port())).collect();
        // Whoever buys again and again is no fraud here; who is unknown stays so.
        let shop = Shop::on(example, postgres, kafka)
            .await
            .with("SHOP_FRAUD_LIMIT_MINOR", 1_000_000_000_000_u64)
            .with("SHOP_FRAUD_SHADOW_LIMIT_MINOR", 1_000_000_000_000_u64)
            .with("SHOP_IPADS_A_DAY", 1_000_000)
            .with("SHOP_CUSTOMER_WAIT_MS", 2_000)
            .with("SHOP_DRAIN_MS", DRAIN.as_millis());
        Self { shop, ports, has_seats: false }
    }

    /// Everybody who plays.
    pub fn services(&self) -> Vec<&'static str> {
        services(self.shop.example())
    }

    /// Who knows what becomes of orders: the coordinator, if there is one.
    pub fn keeps_runs(&self) -> &'static str {
        if self.shop.example() == "orchestrated" { "purchase" } else { "timeline" }
    }

    /// Where a service listens.
    pub fn at(&self, service: &str) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[service]).into()
    }

    /// The Kafka at this address, as services are told of it that are missed after so short a time.
    pub fn broker(at: impl Display) -> String {
        format!("kafka://{at}?session-ms={}", SESSION.as_millis())
    }

    /// The Kafka of the house, as a service is told of it.
    fn broker_of(&self, service: &str) -> String {
        let at = self.shop.kafka().bootstrap();
        match self.has_seats {
            true => {
                let session = SEATED.as_millis();
                format!("kafka://{at}?session-ms={session}&group.instance.id={service}")
            }
            false => Self::broker(at),
        }
    }

    /// The Postgres at this address, as services are told of it that are patient for so short a time.
    pub fn store(&self, at: SocketAddr) -> String {
        let store = store(&self.shop.database().through(at));
        format!("{store}?patience-ms={}", PATIENCE.as_millis())
    }

    /// Starts the process of a service, without waiting for it, at the place of that service.
    pub fn begin(&self, service: &str) -> Process {
        self.begin_with(service, &[])
    }

    /// The same with variables of its own.
    pub fn begin_with(&self, service: &str, more: &[(&str, &str)]) -> Process {
        let listen = self.at(service).to_string();
        let broker = self.broker_of(service);
        let store = format!("{}?patience-ms={}", store(self.shop.database()), PATIENCE.as_millis());
        let [dies, freezes] =
            ["dies", "freezes"].map(|end| format!("@{}", self.doom_of(service, end)));
        let usual = [
            ("SHOP_LISTEN", &*listen),
            ("SHOP_STORE", &*store),
            ("SHOP_BROKER", &*broker),
            ("BALLET_DIES_AT", &*dies),
            ("BALLET_FREEZES_AT", &*freezes),
        ];
        let variables: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
        self.shop.begin_with(service, &variables)
    }

    /// Starts another process of a service, which listens somewhere else.
    pub fn begin_copy(&self, service: &str) -> Process {
        let own =
            [("SHOP_LISTEN", "127.0.0.1:0"), ("BALLET_DIES_AT", ""), ("BALLET_FREEZES_AT", "")];
        self.begin_with(service, &own)
    }

    /// Starts the process of a service, and waits until it listens. One that finds its servers away for
    /// longer than it waits for them says so and ends, and is started again.
    pub async fn listening(&self, service: &str, more: &[(&str, &str)]) -> Part {
        let starting = async {
            let mut process = self.begin_with(service, more);
            while !process.said().contains(": http://") {
                if has_ended(&mut process).await {
                    process = self.begin_with(service, more);
                }
            }
            Part::of(service, process).await
        };
        let started = tokio::time::timeout(LONG, starting).await;
        started.unwrap_or_else(|_| panic!("`{service}` never listens"))
    }

    /// Starts the process of a service, and waits until it is ready.
    pub async fn start(&self, service: &str) -> Part {
        let part = self.listening(service, &[]).await;
        ready(&part).await;
        part
    }

    /// Starts another process of a service, which listens somewhere else, and waits until it is ready.
    pub async fn start_copy(&self, service: &str) -> Part {
        let part = self.listening(service, &COPY).await;
        ready(&part).await;
        part
    }

    /// Starts every service as a process, and waits until all are ready.
    pub async fn all(&self) -> Parts {
        self.all_with(|_| Vec::new()).await
    }

    /// The same; each with variables of its own.
    pub async fn all_with(&self, more: impl Fn(&str) -> Vec<(&'static str, String)>) -> Parts {
        let starting = self.services().into_iter().map(async |service| {
            let more = more(service);
            let more: Vec<_> = more.iter().map(|(name, value)| (*name, &**value)).collect();
            (service, self.listening(service, &more).await)
        });
        let parts: BTreeMap<_, _> = join_all(starting).await.into_iter().collect();
        for part in parts.values() {
            ready(part).await;
        }
        Parts(parts)
    }

    /// What a service answers; an error if it is not there, or dies meanwhile.
    pub async fn try_ask(
        &self,
        service: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Said> {
        ask(self.at(service), method, path, headers, body).await
    }

    fn doom_of(&self, service: &str, end: &str) -> String {
        self.shop.folder().join(format!("{service}-{end}")).display().to_string()
    }

    /// From now on the process of a service is to die at a point, after it was spared so often.
    pub fn doom(&self, service: &str, point: &str, spared: usize) {
        self.ask_for("dies", service, point, spared);
    }

    /// The same, but it is to freeze there.
    pub fn freeze(&self, service: &str, point: &str) {
        self.ask_for("freezes", service, point, 0);
    }

    fn ask_for(&self, end: &str, service: &str, point: &str, spared: usize) {
        let file = self.doom_of(service, end);
        let new = format!("{file}.new");
        std::fs::write(&new, format!("{service}:{point}:{spared}")).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Nothing is asked of a service any more; whether something still was.
    pub fn spare(&self, service: &str) -> bool {
        std::fs::remove_file(self.doom_of(service, "dies")).is_ok()
    }

    /// Waits until a process has died at a point by its own signal, and has said so.
    pub async fn has_died(&self, service: &str, point: &str, process: &mut Process) {
        let dying = async { while !has_ended(process).await {} };
        if tokio::time::timeout(LONG, dying).await.is_err() {
            let health = self.try_ask(service, ("GET", "/health"), &[], "").await;
            panic!("{service} never comes to {point}: {health:?}");
        }
        let ended = process.ended().await;
        let said = process.heard().await;
        assert!(said.contains(&format!("{service} dies at {point}")), "{ended:?}: {said}");
        assert_eq!(ended.signal(), Some(SIGKILL), "{service} at {point}: {said}");
    }

    /// How often each lane of a group was taken, as its store has it.
    pub async fn epochs(&self, service: &str) -> Vec<i64> {
        let url = self.shop.database().superuser_url();
        let mut db = PgConnection::connect(&url).await.unwrap();
        let schema = service.replace('-', "_");
        let text = format!("SELECT epoch FROM {schema}.lanes WHERE group_name = $1 ORDER BY lane");
        let rows = sqlx::query(AssertSqlSafe(text)).bind(service).fetch_all(&mut db).await;
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Waits until all is quiet and the auditor has nothing to say.
    pub async fn is_sound(&self) {
        let mut breaches = Vec::new();
        let looking = async {
            loop {
                breaches = books::breaches(&self.shop, 0).await;
                if breaches.is_empty() {
                    return;
                }
                rest(10 * A_MOMENT).await;
            }
        };
        if tokio::time::timeout(LONG, looking).await.is_err() {
            panic!("{}", breaches.join("\n"));
        }
    }
}

/// Whether a process has ended; if not, some time has passed.
pub async fn has_ended(process: &mut Process) -> bool {
    tokio::time::timeout(A_MOMENT, process.ended()).await.is_ok()
}

/// Waits until a process is ready for work.
pub async fn ready(part: &Part) {
    let what = format!("`{}` is ready", part.service);
    until(&what, async || part.get("/ready").await.status == 200).await;
}

/// The processes of a shop, by their services.
pub struct Parts(pub BTreeMap<&'static str, Part>);

impl Parts {
    pub fn of(&self, service: &str) -> &Part {
        &self.0[service]
    }

    pub fn process(&mut self, service: &str) -> &mut Process {
        &mut self.0.get_mut(service).unwrap().process
    }

    /// Ends a process, as `kill -9`.
    pub async fn kill(&mut self, service: &str) {
        self.process(service).kill().await;
    }

    /// Starts a service again whose process is gone, and waits until it is ready.
    pub async fn restart(&mut self, house: &House, service: &'static str) {
        let part = house.start(service).await;
        self.0.insert(service, part);
    }
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let looking = async {
        while !is_so().await {
            rest(A_MOMENT).await;
        }
    };
    let looked = tokio::time::timeout(LONG, looking).await;
    assert!(looked.is_ok(), "it is never so that {what}");
}
