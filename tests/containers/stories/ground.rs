//! What a shop of processes stands on: a Kafka that it has for itself as long as it plays, and a copy of a
//! database in which everything is made and nothing has happened.
//!
//! A new Kafka takes seconds, and so does `ballet migrate` for twelve services; to take topics away and to
//! copy a database takes a fraction of one.

use containers::servers::{Database, Kafka, postgres, runtime};
use containers::shop::{Part, Shop, migrated, services};
use shop::settings::Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// Kafkas on which nobody plays.
static FREE: Mutex<Vec<Arc<Kafka>>> = Mutex::new(Vec::new());
static ORCHESTRATED: OnceCell<Database> = OnceCell::const_new();
static CHOREOGRAPHED: OnceCell<Database> = OnceCell::const_new();

/// After how much silence a process loses its lanes, in milliseconds: those who are killed are to be
/// missed soon.
const SESSION: u32 = 3_000;

/// The ground of one shop.
pub struct Ground {
    kafka: Arc<Kafka>,
    shop: Option<Shop>,
    copy: Option<Database>,
}

impl Ground {
    pub async fn of(example: &'static str, settings: &Settings) -> Self {
        let free = FREE.lock().unwrap().pop();
        let kafka = match free {
            Some(kafka) => kafka,
            None => Arc::new(Kafka::patient().await),
        };
        let cell = if example == "orchestrated" { &ORCHESTRATED } else { &CHOREOGRAPHED };
        let all = services(example);
        let whole = cell.get_or_init(async || migrated(postgres().await, &all).await).await;
        let copy = whole.copied().await;
        let again = copy.through(postgres().await.address());
        let broker = format!("kafka://{}?session-ms={SESSION}", kafka.bootstrap());
        let mut shop = Shop::within(example, copy, kafka.clone());
        shop = shop.with("SHOP_SEED", "no").with("SHOP_BROKER", broker);
        for (name, value) in variables(settings) {
            shop = shop.with(&format!("SHOP_{name}_MS"), value);
        }
        Self { kafka, shop: Some(shop), copy: Some(again) }
    }

    pub fn shop(&self) -> &Shop {
        self.shop.as_ref().expect("it is there until it is left")
    }

    /// Those who have played there are told to end, and all that is left is taken away; then somebody else
    /// may play there. Where something went wrong nobody plays again.
    pub fn is_left_by(&mut self, parts: Vec<Part>) {
        if std::thread::panicking() {
            return;
        }
        let (kafka, copy, shop) = (self.kafka.clone(), self.copy.take(), self.shop.take());
        runtime().spawn(async move {
            let mut ending = JoinSet::new();
            for mut part in parts {
                ending.spawn_on(async move { part.process.end().await }, runtime().handle());
            }
            ending.join_all().await;
            drop(shop);
            if let Some(copy) = copy {
                copy.removed().await;
            }
            kafka.emptied().await;
            FREE.lock().unwrap().push(kafka);
        });
    }
}

/// What the processes are told of the settings.
fn variables(settings: &Settings) -> BTreeMap<&'static str, u128> {
    [
        ("VALIDATION_WAIT", settings.validation_wait),
        ("PAYMENT_WAIT", settings.payment_wait),
        ("CUSTOMER_WAIT", settings.customer_wait),
        ("FRAUD_WINDOW", settings.fraud_window),
        ("ATTEMPT_REST", settings.attempt_rest),
    ]
    .map(|(name, length)| (name, length.as_millis()))
    .into()
}
