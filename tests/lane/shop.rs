//! The smallest shop: stock and money. The saga asks two participants; the choreography has two reactors.

use ballet::memory::{Fate, Node, Point, World};
use ballet::{
    And, App, Fault, Plan, Reactions, Reactor, Running, Saga, StepError, Table, Tx, Verdict,
    answer, ask, react, refuse,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

macro_rules! record {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $(pub $field: $type),* })*
    };
}

record! {
    Order { id: String, cents: u64 }
    Held { shelf: u64 }
    Receipt { cents: u64 }
    Reserve { id: String }
    Release { id: String }
    Charge { id: String, cents: u64 }
    Placed { id: String, cents: u64 }
    Reserved { id: String, cents: u64 }
    SoldOut { id: String }
    Paid { id: String }
    Declined { id: String }
}

ballet::topic! { pub ORDERS = "t.orders", key id { Placed = "order.placed" } }
ballet::topic! { pub STOCK = "t.stock", key id { Reserved = "stock.reserved", SoldOut = "stock.sold-out" } }
ballet::topic! { pub MONEY = "t.money", key id { Paid = "money.paid", Declined = "money.declined" } }
ballet::service! { pub INVENTORY = "inventory" {
    Reserve = "stock.reserve" -> Held, Release = "stock.release" -> (),
} }
ballet::service! { pub TILL = "till" { Charge = "money.charge" -> Receipt } }
ballet::service! { pub DESK = "desk" { Order = "order.place" -> () } }

pub const SHELF: Table<String, u64> = Table::new("shelf");
pub const HOLDS: Table<String, u64> = Table::new("holds");
pub const CHARGES: Table<String, u64> = Table::new("charges");

/// Nobody pays as much.
pub const TOO_MUCH: u64 = 1_000;
/// What lies on the shelf at first.
pub const STOCKED: u64 = 100;

pub struct Buy;

impl Saga for Buy {
    const NAME: &'static str = "buy";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("reserve", ask(Self::reserve).compensate(Self::release))
            .step("charge", ask(Self::charge).pivot())
            .end()
    }
}

impl Buy {
    fn reserve(order: &Order) -> Reserve {
        Reserve { id: order.id.clone() }
    }
    fn release(order: &Order) -> Release {
        Release { id: order.id.clone() }
    }
    fn charge(order: &Order, _held: &Held) -> Charge {
        Charge { id: order.id.clone(), cents: order.cents }
    }
}

async fn take(tx: &mut Tx, id: &String) -> Result<Option<u64>, Fault> {
    let left = tx.get(SHELF, &"ipad".to_owned()).await?.unwrap_or(STOCKED);
    let holds = tx.get(HOLDS, id).await?.unwrap_or(0);
    if left == 0 {
        return Ok(None);
    }
    tx.put(SHELF, &"ipad".to_owned(), &(left - 1))?;
    // Not `1`: a hold taken twice must be seen.
    tx.put(HOLDS, id, &(holds + 1))?;
    Ok(Some(left - 1))
}

async fn give_back(tx: &mut Tx, id: &String) -> Result<(), Fault> {
    let left = tx.get(SHELF, &"ipad".to_owned()).await?.unwrap_or(STOCKED);
    let holds = tx.get(HOLDS, id).await?.unwrap_or(0);
    tx.put(SHELF, &"ipad".to_owned(), &(left + 1))?;
    tx.put(HOLDS, id, &(holds - 1))
}

async fn charge(tx: &mut Tx, id: &String, cents: u64) -> Result<bool, Fault> {
    let before = tx.get(CHARGES, id).await?.unwrap_or(0);
    if cents > TOO_MUCH {
        return Ok(false);
    }
    tx.put(CHARGES, id, &(before + cents))?;
    Ok(true)
}

pub struct Inventory;
impl Reactor for Inventory {
    const NAME: &'static str = "inventory";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<Reserve>(answer(Self::reserve).compensate_by::<Release>(Self::release))
    }
}
impl Inventory {
    async fn reserve(&self, tx: &mut Tx, c: &Reserve) -> Result<Held, StepError> {
        match take(tx, &c.id).await? {
            Some(shelf) => Ok(Held { shelf }),
            None => Err(refuse("sold_out", &c.id)),
        }
    }
    async fn release(&self, tx: &mut Tx, c: &Release, _: &Held) -> Result<(), Fault> {
        give_back(tx, &c.id).await
    }
}

pub struct Till;
impl Reactor for Till {
    const NAME: &'static str = "till";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Charge>(answer(Self::charge).leaves_nothing())
    }
}
impl Till {
    async fn charge(&self, tx: &mut Tx, c: &Charge) -> Result<Receipt, StepError> {
        match charge(tx, &c.id, c.cents).await? {
            true => Ok(Receipt { cents: c.cents }),
            false => {
                // An error that refuses discards what was written: nobody may ever see this.
                tx.put(CHARGES, &c.id, &c.cents)?;
                Err(refuse("declined", "too much"))
            }
        }
    }
}

pub struct Desk;
impl Reactor for Desk {
    const NAME: &'static str = "desk";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Order>(answer(Self::place).leaves_nothing())
    }
}
impl Desk {
    async fn place(&self, _: &mut Tx, c: &Order) -> Result<And<(), Placed>, StepError> {
        Ok(And((), Placed { id: c.id.clone(), cents: c.cents }))
    }
}

/// The stock of the choreography.
pub struct Shelves;
impl Reactor for Shelves {
    const NAME: &'static str = "shelves";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Placed>(react(Self::reserve).compensate_on::<Declined>(Self::release))
    }
}
impl Shelves {
    async fn reserve(&self, tx: &mut Tx, e: &Placed) -> Result<Verdict<Reserved, SoldOut>, Fault> {
        Ok(match take(tx, &e.id).await? {
            Some(_) => Verdict::Yes(Reserved { id: e.id.clone(), cents: e.cents }),
            None => Verdict::No(SoldOut { id: e.id.clone() }),
        })
    }
    async fn release(
        &self,
        tx: &mut Tx,
        e: &Declined,
        made: &Option<Reserved>,
    ) -> Result<(), Fault> {
        if made.is_some() {
            give_back(tx, &e.id).await?;
        }
        Ok(())
    }
}

/// The money of the choreography.
pub struct Cashier;
impl Reactor for Cashier {
    const NAME: &'static str = "cashier";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Reserved>(react(Self::charge).pivot())
    }
}
impl Cashier {
    async fn charge(&self, tx: &mut Tx, e: &Reserved) -> Result<Verdict<Paid, Declined>, Fault> {
        Ok(match charge(tx, &e.id, e.cents).await? {
            true => Verdict::Yes(Paid { id: e.id.clone() }),
            false => Verdict::No(Declined { id: e.id.clone() }),
        })
    }
}

/// A world whose clock is the runtime's.
pub fn world() -> World {
    World::new(Arc::new(ballet::clock::RuntimeClock::starting_at(
        ballet::clock::Time::from_micros(1_700_000_000_000_000),
    )))
}

pub async fn orchestrated(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.saga(Buy).reactor(Inventory).reactor(Till).start().await.expect("the app starts")
}

pub async fn choreographed(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.reactor(Desk).reactor(Shelves).reactor(Cashier).start().await.expect("the app starts")
}

/// Both ways in one app.
pub async fn both(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    let app = app.saga(Buy).reactor(Inventory).reactor(Till);
    app.reactor(Desk).reactor(Shelves).reactor(Cashier).start().await.expect("the app starts")
}

/// A node that dies at the `at`-th point that `which` picks.
pub fn dying(world: &World, at: usize, which: impl Fn(&Point) -> bool + Send + 'static) -> Node {
    let mut seen = 0;
    world.node_with(move |point| {
        seen += usize::from(which(point));
        if which(point) && seen == at { Fate::Die } else { Fate::Go }
    })
}

pub fn order(id: &str, cents: u64) -> Order {
    Order { id: id.to_owned(), cents }
}

/// How a run ends. Virtual time passes fast: one that has not ended after a day never will.
pub async fn ended<S: Saga>(run: &ballet::Run<'_, S>) -> ballet::Outcome {
    let a_day = std::time::Duration::from_secs(86_400);
    let outcome = run.outcome_within(a_day).await.expect("the store is readable");
    outcome.unwrap_or_else(|| panic!("{run:?} does not end"))
}
