//! What a shop of processes stands on: a copy of a database in which everything is made and nothing has
//! happened, and, unless Postgres is alone, a Kafka that it has for itself as long as it plays.
//!
//! A new server takes seconds, and so does `ballet migrate` for twelve services; to take topics away and to
//! copy a database takes a fraction of one.

use containers::servers::{Database, Kafka, Postgres, postgres, runtime};
use containers::shop::{Part, Shop, log_in, migrated, services};
use shop::settings::Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// Over what the services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Topics of a Kafka.
    Kafka,
    /// A log in the Postgres that keeps everything else.
    PostgresAlone,
}

/// Kafkas on which nobody plays.
static FREE: Mutex<Vec<Arc<Kafka>>> = Mutex::new(Vec::new());
/// By example, and over what it plays.
static WHOLE: [[OnceCell<Database>; 2]; 2] = [const { [const { OnceCell::const_new() }; 2] }; 2];

/// After how much silence a process loses its lanes, in milliseconds: those who are killed are to be
/// missed soon. A log in Postgres has a session of its own.
const SESSION: u32 = 3_000;

/// The ground of one shop.
pub struct Ground {
    kafka: Option<Arc<Kafka>>,
    /// The Postgres, if it is nobody else's.
    own: Option<Postgres>,
    shop: Option<Shop>,
    copy: Option<Database>,
    is_legible: bool,
}

impl Ground {
    /// One whose broker may go away if it `goes`.
    pub async fn of(example: &'static str, settings: &Settings, over: Over, goes: bool) -> Self {
        let ground = match over {
            Over::Kafka => Self::over_kafka(example).await,
            Over::PostgresAlone if goes => Self::over_its_own_postgres(example).await,
            Over::PostgresAlone => Self::over_everybodys_postgres(example).await,
        };
        let mut shop = ground.shop.expect("it was made").with("SHOP_SEED", "no");
        for (name, value) in variables(settings) {
            shop = shop.with(&format!("SHOP_{name}_MS"), value);
        }
        Self { shop: Some(shop), ..ground }
    }

    async fn over_kafka(example: &'static str) -> Self {
        let free = FREE.lock().unwrap().pop();
        let kafka = match free {
            Some(kafka) => kafka,
            None => Arc::new(Kafka::patient().await),
        };
        let broker = format!("kafka://{}?session-ms={SESSION}", kafka.bootstrap());
        let (copy, again) = copied(example, Over::Kafka).await;
        let shop = Shop::within(example, copy, Some(kafka.clone())).with("SHOP_BROKER", broker);
        let (kafka, copy) = (Some(kafka), Some(again));
        Self { kafka, own: None, shop: Some(shop), copy, is_legible: true }
    }

    async fn over_everybodys_postgres(example: &'static str) -> Self {
        let (copy, again) = copied(example, Over::PostgresAlone).await;
        let shop = Some(Shop::within(example, copy, None));
        Self { kafka: None, own: None, shop, copy: Some(again), is_legible: true }
    }

    async fn over_its_own_postgres(example: &'static str) -> Self {
        let own = Postgres::alone().await;
        let shop = Some(Shop::without_kafka(example, &own).await);
        Self { kafka: None, own: Some(own), shop, copy: None, is_legible: true }
    }

    pub fn shop(&self) -> &Shop {
        self.shop.as_ref().expect("it is there until it is left")
    }

    /// Whether what services keep can be read now.
    pub fn is_legible(&self) -> bool {
        self.is_legible
    }

    /// The server of the broker is killed, or is there again.
    pub async fn broker_goes(&mut self, away: bool) {
        match (&self.kafka, &self.own) {
            (Some(kafka), _) if away => kafka.kill().await,
            (Some(kafka), _) => kafka.start().await,
            (None, Some(own)) if away => own.kill().await,
            (None, Some(own)) => own.start().await,
            (None, None) => {
                panic!("everybody's Postgres stays: say in the list that the broker goes")
            }
        }
        self.is_legible = self.kafka.is_some() || !away;
    }

    /// Those who have played there are sent away, and all that is left is taken away; then somebody else
    /// may play there. Where something went wrong nobody plays again.
    pub fn is_left_by(&mut self, parts: Vec<Part>) {
        if std::thread::panicking() {
            return;
        }
        let (kafka, own) = (self.kafka.take(), self.own.take());
        let (copy, shop) = (self.copy.take(), self.shop.take());
        runtime().spawn(async move {
            // Kafka remembers who was in a group and did not leave it, and a database that goes does not.
            gone(parts, kafka.is_some()).await;
            drop((shop, own));
            if let Some(copy) = copy {
                copy.removed().await;
            }
            if let Some(kafka) = kafka {
                kafka.emptied().await;
                FREE.lock().unwrap().push(kafka);
            }
        });
    }
}

/// A copy of what was made for an example, and the same once more, to remove it.
async fn copied(example: &'static str, over: Over) -> (Database, Database) {
    let cell = &WHOLE[usize::from(example == "orchestrated")][usize::from(over == Over::Kafka)];
    let all = services(example);
    let made = async {
        let database = migrated(postgres().await, &all).await;
        if over == Over::PostgresAlone {
            log_in(&database, &all).await;
        }
        database
    };
    let copy = cell.get_or_init(|| made).await.copied().await;
    let again = copy.through(postgres().await.address());
    (copy, again)
}

/// Waits until all are gone, told to end or killed.
async fn gone(parts: Vec<Part>, are_told: bool) {
    let mut going = JoinSet::new();
    for mut part in parts {
        going.spawn(async move {
            match are_told {
                true => drop(part.process.end().await),
                false => part.process.kill().await,
            }
        });
    }
    going.join_all().await;
}

/// What the processes are told of the settings.
fn variables(settings: &Settings) -> BTreeMap<&'static str, u128> {
    [
        ("VALIDATION_WAIT", settings.validation_wait),
        ("PAYMENT_WAIT", settings.payment_wait),
        ("CUSTOMER_WAIT", settings.customer_wait),
        ("FRAUD_WINDOW", settings.fraud_window),
        ("ATTEMPT_REST", settings.attempt_rest),
        ("REQUEST_LOOK", settings.request_look),
    ]
    .map(|(name, length)| (name, length.as_millis()))
    .into()
}
