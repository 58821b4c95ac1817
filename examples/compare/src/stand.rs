//! One way of doing it, at work: every process of its cast, over one SQLite file or on servers.

use crate::Failed;
use crate::ground::{Ground, Place};
use crate::orders::{IPHONES, Wanted};
use ballet::{Command, Key, Reactions, Reactor, Running};
use shop::audit::{self, Books, Ends, Expected, Offices};
use shop::cast::Cast;
use shop::contracts::{Address, Customer, Level, ORDERS, PlaceOrder, ReceiveStock, SaveCustomer};
use shop::fakes::World;
use shop::orders::{ORDERS as ROWS, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// Names the service of the orders, to look into its table.
struct Orders;
impl Reactor for Orders {
    const NAME: &'static str = ORDERS;
    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// Longer than anything may take.
const LONG: Duration = Duration::from_secs(120);

/// How many lanes each group has.
pub const LANES: u32 = 2;

/// The shop at work.
pub struct Stand {
    place: Place,
    apps: BTreeMap<String, Running>,
    /// Where the topics ended when it was opened: what others have said there is nothing to us.
    since: Ends,
    world: World,
    stock: BTreeMap<String, i64>,
}

impl Stand {
    /// Opens the shop: everybody in their places, shelves stocked for so many orders.
    pub async fn open(cast: Cast, ground: &Ground, orders: usize) -> Result<Self, Failed> {
        Self::at(Place::take(ground, cast).await?, cast, orders).await
    }

    /// The same in a place that was taken before.
    pub async fn at(place: Place, cast: Cast, orders: usize) -> Result<Self, Failed> {
        let since = audit::ends(&*place.broker()).await?;
        let world = World::default();
        let mut apps = BTreeMap::new();
        for player in cast {
            let app = place.app(player.name)?.lanes(LANES);
            apps.insert(player.name.to_owned(), (player.start)(app, &world).await?);
        }
        let ipads = i64::try_from(orders)? * 2 + 10;
        let stock = BTreeMap::from([("ipad".to_owned(), ipads), ("iphone".to_owned(), IPHONES)]);
        let stand = Self { place, apps, since, world, stock };
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

    /// How many messages were said since it was opened.
    pub async fn messages(&self) -> Result<u64, Failed> {
        let ends = audit::ends(&*self.place.broker()).await?;
        let since = |at: &(String, u32)| self.since.get(at).copied().unwrap_or_default();
        Ok(ends.iter().map(|(at, end)| end - since(at)).sum())
    }

    /// How many transactions all lanes have committed: each batch is one. In one file several lanes
    /// share what goes to the disk; services apart would not.
    pub fn commits(&self) -> u64 {
        let lanes = self.apps.values().flat_map(|app| app.health().into_values());
        lanes.map(|health| health.batches).sum()
    }

    /// Waits until nobody says anything any more, and nobody writes.
    pub async fn quiet(&self) -> Result<(), Failed> {
        let mut last = None;
        loop {
            let now = Some((audit::ends(&*self.place.broker()).await?, self.commits()));
            if last == now {
                return Ok(());
            }
            last = now;
            ballet::clock::rest(Duration::from_millis(300)).await;
        }
    }

    /// Waits until all is quiet, and collects the books.
    pub async fn books(&self) -> Result<Books, Failed> {
        self.quiet().await?;
        let messages = audit::messages(&*self.place.broker(), &self.since).await?;
        let expected = Expected { stock: self.stock.clone(), ..Expected::default() };
        Ok(audit::read(Offices::Each(&self.apps), messages, &self.world, expected).await?)
    }

    /// Sends everybody home, and takes away what they have left.
    pub async fn close(self) -> Result<(), Failed> {
        for app in self.apps.into_values() {
            app.stop().await;
        }
        self.place.leave().await
    }
}
