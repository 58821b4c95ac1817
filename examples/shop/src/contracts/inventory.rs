//! Inventory: what is on the shelves, and for whom it is kept.

use crate::contracts::{Line, OrderId, Sku, Status};
use ballet::clock::Time;
use ballet::{service, topic};
use serde::{Deserialize, Serialize};

/// A shelf was touched: this is on it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// Of what.
    pub sku: Sku,
    /// How many are there.
    pub on_hand: i64,
    /// How many of them are kept for somebody.
    pub reserved: i64,
    /// How many may still be ordered.
    pub available: i64,
    /// Counts the changes; a reader keeps the highest.
    pub version: u64,
}

topic! {
    /// How many there are of each thing: the newest counts.
    pub STOCK_LEVELS = "shop.stock.v1" compacted, key sku { StockLevel = "stock.counted" }
}

/// All lines are kept for the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// What is kept.
    pub lines: Vec<Line>,
    /// When somebody should look why it is still kept.
    pub expires_at: Time,
}

/// There is not enough, and nothing is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    /// The order.
    pub order_id: OrderId,
    /// What is missing.
    pub short: Vec<Sku>,
}

/// It is not kept any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// What became of the order.
    pub reason: Status,
}

/// It has left the shelves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCommitted {
    /// The order.
    pub order_id: OrderId,
}

/// It is kept for longer than any order may take. It still is: only the end of its order gives it
/// back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationExpired {
    /// The order.
    pub order_id: OrderId,
    /// When somebody should have looked.
    pub expires_at: Time,
}

topic! {
    /// What Inventory says.
    pub RESERVATIONS = "shop.reservations.v1", key order_id {
        StockReserved = "stock.reserved",
        StockRejected = "stock.rejected",
        StockReleased = "stock.released",
        StockCommitted = "stock.committed",
        ReservationExpired = "reservation.expired",
    }
}

/// Put these on the shelf. By a request, in both modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveStock {
    /// What has come.
    pub sku: Sku,
    /// How many.
    pub qty: i64,
}

/// Keep all of this for the order, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveStock {
    /// The order.
    pub order_id: OrderId,
    /// What is to be kept.
    pub lines: Vec<Line>,
}

/// It is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockHeld {
    /// When somebody should look why it is still kept.
    pub expires_at: Time,
}

/// Keep it no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseStock {
    /// The order.
    pub order_id: OrderId,
    /// What becomes of the order.
    pub reason: Status,
}

/// Take it off the shelves: it is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStock {
    /// The order.
    pub order_id: OrderId,
}

service! {
    /// What Inventory may be asked.
    pub INVENTORY = "inventory" {
        ReceiveStock = "stock.receive" -> (),
        ReserveStock = "stock.reserve" -> StockHeld,
        ReleaseStock = "stock.release" -> (),
        CommitStock = "stock.commit" -> (),
    }
}
