//! Inventory: the shelves, and what on them is kept for whom.
//!
//! An order gets all of its lines or none. Shelves are locked together, in the order of their SKUs.

use crate::contracts::{
    Line, OrderId, OrderValidation, ReservationExpired, Sku, Status, StockCommitted, StockLevel,
    StockRejected, StockReleased, StockReserved,
};
use crate::settings::settings;
use ballet::clock::Time;
use ballet::{Fault, Table, Tx, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the check that is made by reserving.
pub const CHECK: &str = "inventory";
/// What is on the shelves.
pub const SHELVES: Table<Sku, Shelf> = Table::new("shelves");
/// What is kept for whom.
pub const RESERVATIONS: Table<OrderId, Reservation> = Table::new("reservations");

/// A shelf.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// How many are there.
    pub on_hand: i64,
    /// How many of them are kept for somebody.
    pub reserved: i64,
    /// Counts the changes.
    pub version: u64,
}

impl Shelf {
    /// How many may still be ordered.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is kept.
    Reserved,
    /// It was given back.
    Released,
    /// It was sold.
    Committed,
}

/// What is kept for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Where it stands.
    pub status: Kept,
    /// How many of what.
    pub needs: Needs,
    /// When somebody should look why it is still kept. It is never given back for its age alone.
    pub expires_at: Time,
}

/// How many of each thing; its order is that in which shelves are locked.
pub type Needs = BTreeMap<Sku, i64>;
/// Those shelves, as they are.
type Shelves = BTreeMap<Sku, Shelf>;

/// What is said when all lines are kept.
pub type Reserved = (StockReserved, OrderValidation, Vec<StockLevel>);
/// What is said when they are not.
pub type Rejected = (StockRejected, OrderValidation);
/// What is said when they are given back.
pub type Released = (StockReleased, Vec<StockLevel>);
/// What is said when they are sold.
pub type Committed = (StockCommitted, Vec<StockLevel>);

/// Keeps all lines for an order, or none.
///
/// # Errors
///
/// A fault if the tables cannot be read.
pub async fn reserve(
    tx: &mut Tx,
    order_id: &OrderId,
    lines: &[Line],
) -> Result<Verdict<Reserved, Rejected>, Fault> {
    let needs = needs(lines);
    let mut shelves = shelves(tx, &needs).await?;
    if let Err(short) = keep(&mut shelves, &needs) {
        let reasons = short.iter().map(|sku| format!("out_of_stock: {sku}")).collect();
        let said = OrderValidation::new(order_id, CHECK, reasons);
        return Ok(Verdict::No((StockRejected { order_id: order_id.clone(), short }, said)));
    }
    let levels = put(tx, &shelves)?;
    let expires_at = tx.now().after(settings().reservation_ttl());
    let reservation = Reservation { status: Kept::Reserved, needs, expires_at };
    tx.put(RESERVATIONS, order_id, &reservation)?;
    let (order_id, lines) = (order_id.clone(), lines.to_vec());
    let said = OrderValidation::new(&order_id, CHECK, Vec::new());
    Ok(Verdict::Yes((StockReserved { order_id, lines, expires_at }, said, levels)))
}

/// Gives back what is kept for an order that came to `reason`; nothing if nothing is.
///
/// # Errors
///
/// A fault if the tables cannot be read.
pub async fn release(
    tx: &mut Tx,
    order_id: &OrderId,
    reason: Status,
) -> Result<Option<Released>, Fault> {
    let levels = settle(tx, order_id, Kept::Released, |shelf, qty| shelf.reserved -= qty).await?;
    let order_id = order_id.clone();
    Ok(levels.map(|levels| (StockReleased { order_id, reason }, levels)))
}

/// Takes what is kept for an order off the shelves.
///
/// # Errors
///
/// A fault if nothing is kept, or the tables cannot be read.
pub async fn commit(tx: &mut Tx, order_id: &OrderId) -> Result<Committed, Fault> {
    let sell = |shelf: &mut Shelf, qty| {
        shelf.reserved -= qty;
        shelf.on_hand -= qty;
    };
    let levels = settle(tx, order_id, Kept::Committed, sell).await?;
    let levels = levels.ok_or_else(|| Fault::new(format!("nothing is kept for {order_id}")))?;
    Ok((StockCommitted { order_id: order_id.clone() }, levels))
}

/// What is said of stock that is kept for longer than any order may take. It stays where it is: to
/// give it back for its age could sell it twice.
#[must_use]
pub fn expired(kept: &StockReserved) -> ReservationExpired {
    ReservationExpired { order_id: kept.order_id.clone(), expires_at: kept.expires_at }
}

/// Puts something on a shelf.
///
/// # Errors
///
/// A fault if the table cannot be read.
pub async fn receive(tx: &mut Tx, sku: &Sku, qty: i64) -> Result<StockLevel, Fault> {
    let mut shelf = tx.get(SHELVES, sku).await?.unwrap_or_default();
    shelf.on_hand += qty;
    shelf.version += 1;
    tx.put(SHELVES, sku, &shelf)?;
    Ok(level(sku, &shelf))
}

/// Ends a reservation that is still kept.
async fn settle(
    tx: &mut Tx,
    order_id: &OrderId,
    status: Kept,
    change: fn(&mut Shelf, i64),
) -> Result<Option<Vec<StockLevel>>, Fault> {
    let found = tx.get(RESERVATIONS, order_id).await?;
    let Some(kept) = found.filter(|found| found.status == Kept::Reserved) else { return Ok(None) };
    let mut shelves = shelves(tx, &kept.needs).await?;
    for (sku, shelf) in &mut shelves {
        change(shelf, kept.needs[sku]);
        shelf.version += 1;
    }
    let levels = put(tx, &shelves)?;
    tx.put(RESERVATIONS, order_id, &Reservation { status, ..kept })?;
    Ok(Some(levels))
}

fn needs(lines: &[Line]) -> Needs {
    let mut needs = Needs::new();
    for line in lines {
        let all = needs.entry(line.sku.clone()).or_insert(0_i64);
        // Whoever orders minus five pieces is not helped by what another line asks for.
        *all = if line.qty < 1 || *all < 0 { -1 } else { all.saturating_add(line.qty) };
    }
    needs
}

/// Keeps all that is needed, or says what is missing and changes nothing.
fn keep(shelves: &mut Shelves, needs: &Needs) -> Result<(), Vec<Sku>> {
    let fits = |sku, qty: i64| {
        qty > 0 && shelves.get(sku).is_some_and(|shelf: &Shelf| shelf.available() >= qty)
    };
    let short: Vec<Sku> =
        needs.iter().filter(|(sku, qty)| !fits(*sku, **qty)).map(|(sku, _)| sku.clone()).collect();
    if !short.is_empty() {
        return Err(short);
    }
    for (sku, shelf) in shelves.iter_mut().filter(|(sku, _)| needs.contains_key(*sku)) {
        shelf.reserved += needs[sku];
        shelf.version += 1;
    }
    Ok(())
}

async fn shelves(tx: &mut Tx, needs: &Needs) -> Result<Shelves, Fault> {
    let skus: Vec<Sku> = needs.keys().cloned().collect();
    let found = tx.get_all(SHELVES, &skus).await?;
    Ok(skus.into_iter().zip(found).filter_map(|(sku, shelf)| Some((sku, shelf?))).collect())
}

fn put(tx: &mut Tx, shelves: &Shelves) -> Result<Vec<StockLevel>, Fault> {
    for (sku, shelf) in shelves {
        tx.put(SHELVES, sku, shelf)?;
    }
    Ok(shelves.iter().map(|(sku, shelf)| level(sku, shelf)).collect())
}

fn level(sku: &str, shelf: &Shelf) -> StockLevel {
    let Shelf { on_hand, reserved, version } = *shelf;
    StockLevel { sku: sku.to_owned(), on_hand, reserved, available: shelf.available(), version }
}

#[cfg(test)]
mod tests {
    use super::{Shelf, Shelves, keep, needs};
    use crate::testing::line;

    fn stocked() -> Shelves {
        let shelf = |on_hand| Shelf { on_hand, ..Shelf::default() };
        [("jumper".to_owned(), shelf(1)), ("underpants".to_owned(), shelf(75))].into()
    }

    #[track_caller]
    fn reserve(shelves: &mut Shelves, sku: &str, qty: i64) -> bool {
        keep(shelves, &needs(&[line(sku, qty, 0)])).is_ok()
    }

    #[test]
    fn what_is_kept_for_one_is_not_there_for_another() {
        let mut shelves = stocked();
        assert!(reserve(&mut shelves, "underpants", 3));
        assert!(reserve(&mut shelves, "jumper", 1));
        assert!(!reserve(&mut shelves, "jumper", 1));
        assert_eq!((shelves["underpants"].reserved, shelves["jumper"].reserved), (3, 1));
    }

    #[test]
    fn all_lines_are_kept_or_none() {
        let mut shelves = stocked();
        let lines = [line("underpants", 1, 0), line("jumper", 2, 0), line("ipda", 1, 0)];
        let short = keep(&mut shelves, &needs(&lines)).unwrap_err();
        assert_eq!(short, ["ipda", "jumper"]);
        assert_eq!(shelves, stocked());
    }

    #[test]
    fn lines_of_the_same_thing_are_one_need() {
        let mut shelves = stocked();
        assert!(keep(&mut shelves, &needs(&[line("jumper", 1, 0), line("jumper", 1, 0)])).is_err());
    }

    #[test]
    fn nothing_is_kept_for_a_quantity_that_is_none() {
        let mut shelves = stocked();
        assert!(!reserve(&mut shelves, "underpants", 0));
        assert!(!reserve(&mut shelves, "underpants", -1));
        let mixed = [line("underpants", -1, 0), line("underpants", 5, 0)];
        assert!(keep(&mut shelves, &needs(&mixed)).is_err());
        assert_eq!(shelves, stocked());
    }
}
