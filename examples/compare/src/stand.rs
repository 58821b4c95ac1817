//! One way of doing it, at work: every process of its cast over one SQLite file.

use crate::orders::{IPHONES, Wanted};
use ballet::broker::{Broker, Range};
use ballet::message::{commands_of, replies_of};
use ballet::sqlite::Sqlite;
use ballet::store::Store;
use ballet::{App, Command, Key, Message, Reactions, Reactor, Running, Topic};
use shop::audit::{Books, Expected};
use shop::cast::Cast;
use shop::contracts::{
    Address, CUSTOMER_FACTS, CUSTOMERS, Customer, DETAILS, FRAUD, INVENTORY, LIMITS, Level,
    NOTIFICATION, NOTIFICATIONS, ORDER_FACTS, ORDERS, PAYMENT_FACTS, PAYMENTS, PlaceOrder,
    RESERVATIONS, ReceiveStock, SHIPMENT_FACTS, SHIPPING, STOCK_LEVELS, SaveCustomer, VALIDATIONS,
};
use shop::fakes::World;
use shop::orders::{ORDERS as ROWS, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Names the service of the orders, to look into its table.
struct Orders;
impl Reactor for Orders {
    const NAME: &'static str = ORDERS;
    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// Everybody who may be sent a command.
const SERVICES: [&str; 9] =
    [ORDERS, DETAILS, FRAUD, LIMITS, INVENTORY, PAYMENTS, SHIPPING, CUSTOMERS, NOTIFICATION];
/// Every topic of facts.
const FACTS: [Topic; 8] = [
    ORDER_FACTS,
    VALIDATIONS,
    STOCK_LEVELS,
    RESERVATIONS,
    PAYMENT_FACTS,
    SHIPMENT_FACTS,
    CUSTOMER_FACTS,
    NOTIFICATIONS,
];

/// Longer than anything may take.
const LONG: Duration = Duration::from_secs(120);

/// How many lanes each group has.
const LANES: u32 = 2;

/// The shop at work.
pub struct Stand {
    store: Arc<Sqlite>,
    apps: BTreeMap<&'static str, Running>,
    world: World,
    stock: BTreeMap<String, i64>,
}

impl Stand {
    /// Opens the shop: everybody in their places, shelves stocked.
    pub async fn open(cast: Cast, file: &Path, orders: &[Wanted]) -> Result<Self, Failed> {
        let store = Sqlite::open(file).await?;
        let world = World::default();
        let mut apps = BTreeMap::new();
        for player in cast {
            let app = App::new(Arc::clone(&store) as Arc<dyn Store>).lanes(LANES);
            apps.insert(player.name, (player.start)(app, &world).await?);
        }
        let ipads = i64::try_from(orders.len())? * 2 + 10;
        let stock = BTreeMap::from([("ipad".to_owned(), ipads), ("iphone".to_owned(), IPHONES)]);
        let stand = Self { store, apps, world, stock };
        for (sku, qty) in &stand.stock {
            let receive = ReceiveStock { sku: sku.clone(), qty: *qty };
            stand.ask(&format!("stock-{sku}"), sku, &receive).await?;
        }
        Ok(stand)
    }

    async fn ask<C: Command>(&self, key: &str, about: &str, command: &C) -> Result<(), Failed> {
        let app = self.apps.get(C::TO).ok_or_else(|| format!("nobody plays `{}`", C::TO))?;
        let asked = app.request(key, &Key::new(about), command).await?;
        match asked.reply(LONG).await? {
            Some(Ok(_)) => Ok(()),
            Some(Err(no)) => Err(no.to_string().into()),
            None => Err(format!("`{}` was not answered", C::NAME).into()),
        }
    }

    /// Makes the customer known, and the card as good as it is.
    pub async fn admit(&self, wanted: &Wanted) -> Result<(), Failed> {
        let id = &wanted.order.customer_id;
        if wanted.declined {
            self.world.provider.decline(id);
        }
        let address = Address {
            line1: "Ring 1".to_owned(),
            city: "Graz".to_owned(),
            postcode: "8010".to_owned(),
            country: wanted.country.to_owned(),
        };
        let customer = Customer {
            customer_id: id.clone(),
            name: format!("Customer {id}"),
            email: format!("{id}@shop.example"),
            address,
            level: Level::Silver,
        };
        self.ask(&format!("save-{id}"), id, &SaveCustomer { customer }).await
    }

    /// Places an order.
    pub async fn place(&self, wanted: &Wanted) -> Result<(), Failed> {
        let (order_id, order) = (wanted.order_id.clone(), wanted.order.clone());
        let place = PlaceOrder { order_id, order };
        self.ask(&wanted.order_id, &wanted.order_id, &place).await
    }

    /// Waits until an order has come to its end.
    pub async fn end_of(&self, order_id: &String) -> Result<Row, Failed> {
        let app = &self.apps[ORDERS];
        let ended = |row: &Row| row.order.status.is_end();
        let row = app.watch::<Orders, _, _>(ROWS, order_id, LONG, ended).await?;
        Ok(row.ok_or_else(|| format!("order `{order_id}` does not come to its end"))?)
    }

    /// How many batches all lanes have committed.
    pub fn batches(&self) -> u64 {
        let lanes = self.apps.values().flat_map(|app| app.health().into_values());
        lanes.map(|health| health.batches).sum()
    }

    /// Waits until nobody says anything any more, and collects the books.
    pub async fn books(&self) -> Result<Books, Failed> {
        let mut messages = self.messages().await?;
        loop {
            ballet::clock::rest(Duration::from_millis(300)).await;
            let again = self.messages().await?;
            if again.len() == messages.len() {
                break;
            }
            messages = again;
        }
        let expected = Expected { stock: self.stock.clone(), dead_letters: 0 };
        Ok(shop::audit::read(&self.apps[ORDERS], messages, &self.world, expected).await?)
    }

    /// Every message of every topic, as it stands in the log.
    async fn messages(&self) -> Result<Vec<Message>, Failed> {
        let private = SERVICES.into_iter().map(commands_of);
        let facts = FACTS.into_iter().map(|topic| topic.name.to_owned());
        let mut all = Vec::new();
        for topic in private.chain([replies_of("purchase")]).chain(facts) {
            if self.store.partitions(&topic).await.is_ok() {
                all.extend(self.topic(&topic).await?);
            }
        }
        Ok(all)
    }

    async fn topic(&self, topic: &str) -> Result<Vec<Message>, Failed> {
        let mut all = Vec::new();
        let topics = BTreeSet::from([topic.to_owned()]);
        let member = self.store.join("reader of the comparison", &topics, LANES).await?;
        for lane in 0..LANES {
            let Range { start, end } = self.store.range(topic, lane).await?;
            let mut reader = member.reader(lane);
            reader.seek(&BTreeMap::from([(topic.to_owned(), start)]));
            let mut next = start;
            while next < end {
                for arrived in reader.next(500).await? {
                    next = arrived.offset + 1;
                    all.extend(arrived.message.ok());
                }
            }
        }
        Ok(all)
    }

    /// Sends everybody home.
    pub async fn close(self) {
        for app in self.apps.into_values() {
            app.stop().await;
        }
        self.store.close().await;
    }
}
