//! The shop in which the cases of `examples/` make their mistakes.

use ballet::{
    Fault, Plan, Reactions, Reactor, Saga, StepError, Tx, act, ask, react, refuse, service, topic,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Order {
    pub order_id: String,
}

#[derive(Serialize, Deserialize)]
pub struct ReserveStock {
    pub order_id: String,
}

#[derive(Serialize, Deserialize)]
pub struct StockHeld {
    pub hold: String,
}

#[derive(Serialize, Deserialize)]
pub struct ReleaseStock {
    pub order_id: String,
}

#[derive(Serialize, Deserialize)]
pub struct Paid {
    pub receipt: String,
}

#[derive(Serialize, Deserialize)]
pub struct OrderCreated {
    pub order_id: String,
}

#[derive(Serialize, Deserialize)]
pub struct OrderCancelled {
    pub order_id: String,
}

#[derive(Serialize, Deserialize)]
pub struct StockReserved {
    pub order_id: String,
}

service! {
    pub INVENTORY = "inventory" {
        ReserveStock = "stock.reserve" -> StockHeld,
        ReleaseStock = "stock.release" -> (),
    }
}

topic! {
    pub ORDERS = "orders", key order_id {
        OrderCreated = "order.created",
        OrderCancelled = "order.cancelled",
    }
}

topic! {
    pub STOCK = "stock", key order_id { StockReserved = "stock.reserved" }
}

/// A saga whose plan is right; each case makes another one, with a mistake in it.
pub struct Purchase;

impl Saga for Purchase {
    const NAME: &'static str = "purchase";
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("reserve", ask(Self::reserve).compensate(Self::release))
            .step("pay", act(Self::pay).pivot())
            .step("ship", act(Self::ship))
            .end()
    }
}

impl Purchase {
    pub fn reserve(order: &Order) -> ReserveStock {
        ReserveStock { order_id: order.order_id.clone() }
    }

    pub fn release(order: &Order) -> ReleaseStock {
        ReleaseStock { order_id: order.order_id.clone() }
    }

    pub async fn pay(&self, held: &StockHeld) -> Result<Paid, StepError> {
        match held.hold.is_empty() {
            true => Err(refuse("nothing_held", "there is nothing to pay for")),
            false => Ok(Paid { receipt: held.hold.clone() }),
        }
    }

    pub async fn refund(&self, _paid: &Paid) -> Result<(), Fault> {
        Ok(())
    }

    pub async fn ship(&self, _paid: &Paid) -> Result<(), Fault> {
        Ok(())
    }
}

/// A reactor whose reactions are right; each case has others, with a mistake in one.
pub struct Inventory;

impl Reactor for Inventory {
    const NAME: &'static str = "inventory";

    fn reactions() -> Reactions<Self> {
        let reserve = react(Self::reserve).compensate_on::<OrderCancelled>(Self::release);
        Reactions::new().on::<OrderCreated>(reserve)
    }
}

impl Inventory {
    pub async fn reserve(
        &self,
        _: &mut Tx,
        created: &OrderCreated,
    ) -> Result<StockReserved, Fault> {
        Ok(StockReserved { order_id: created.order_id.clone() })
    }

    pub async fn release(
        &self,
        _: &mut Tx,
        _why: &OrderCancelled,
        _made: &Option<StockReserved>,
    ) -> Result<(), Fault> {
        Ok(())
    }
}
