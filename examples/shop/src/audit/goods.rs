//! Goods: what is on the shelves, what is kept, and what has left the house.

use crate::audit::Books;
use crate::audit::said::facts;
use crate::contracts::{OrderId, Sku, StockLevel};
use crate::inventory::{Kept, Shelf};
use crate::payments;
use crate::shipping::Stage;
use std::collections::{BTreeMap, BTreeSet};

/// How many pieces of each thing stand in reservations of this kind.
fn pieces(books: &Books, status: Kept) -> BTreeMap<Sku, i64> {
    let mut pieces = BTreeMap::new();
    let kept = books.reservations.values().filter(|kept| kept.status == status);
    for (sku, qty) in kept.flat_map(|kept| &kept.needs) {
        *pieces.entry(sku.clone()).or_insert(0) += qty;
    }
    pieces
}

/// Everything that ever had a shelf, or should have.
fn skus(books: &Books) -> BTreeSet<&Sku> {
    let needed = books.reservations.values().flat_map(|kept| kept.needs.keys());
    books.shelves.keys().chain(books.expected.stock.keys()).chain(needed).collect()
}

fn shelf(books: &Books, sku: &str) -> Shelf {
    books.shelves.get(sku).copied().unwrap_or_default()
}

/// `on_hand` of `shelves` + the committed ones of `reservations` = `expected.stock`.
pub(super) fn nothing_is_lost(books: &Books) -> Vec<String> {
    let sold = pieces(books, Kept::Committed);
    let count = |sku: &&Sku| {
        let (initial, sold) = (of(&books.expected.stock, sku), of(&sold, sku));
        let on_hand = shelf(books, sku).on_hand;
        (on_hand + sold != initial)
            .then(|| format!("{sku}: {on_hand} on hand and {sold} sold are not {initial}"))
    };
    skus(books).iter().filter_map(count).collect()
}

/// `reserved` of `shelves` = the open ones of `reservations`, and no more than `on_hand`.
pub(super) fn shelves_keep_what_is_reserved(books: &Books) -> Vec<String> {
    let kept = pieces(books, Kept::Reserved);
    let count = |sku: &&Sku| {
        let (Shelf { on_hand, reserved, .. }, kept) = (shelf(books, sku), of(&kept, sku));
        (reserved != kept || reserved > on_hand).then(|| {
            format!("{sku}: {reserved} reserved of {on_hand}, and reservations keep {kept}")
        })
    };
    skus(books).iter().filter_map(count).collect()
}

/// The highest version of `stock.counted` is the row of `shelves`.
pub(super) fn the_last_count_is_right(books: &Books) -> Vec<String> {
    let mut last: BTreeMap<Sku, StockLevel> = BTreeMap::new();
    for (_, level) in facts::<StockLevel>(books) {
        let known = last.get(&level.sku).map_or(0, |known| known.version);
        if known < level.version {
            last.insert(level.sku.clone(), level);
        }
    }
    let count = |sku: &&Sku| {
        let row = shelf(books, sku);
        let row = (row.on_hand, row.reserved, row.available(), row.version);
        let level = last.get(*sku).map_or((0, 0, 0, 0), |level| {
            (level.on_hand, level.reserved, level.available, level.version)
        });
        (row != level).then(|| {
            format!(
                "{sku}: the shelf is {row:?} and was counted as {level:?} (on hand, reserved, \
                 available, version)"
            )
        })
    };
    let all: BTreeSet<&Sku> = skus(books).into_iter().chain(last.keys()).collect();
    all.iter().filter_map(count).collect()
}

fn of(pieces: &BTreeMap<Sku, i64>, sku: &str) -> i64 {
    pieces.get(sku).copied().unwrap_or(0)
}

/// `payments` captured ⇔ `shipments` dispatched ⇔ one parcel at the carrier, of that number.
pub(super) fn what_is_paid_is_dispatched(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let orders: BTreeSet<&OrderId> = books.payments.keys().chain(books.shipments.keys()).collect();
    for order_id in orders {
        let stage = books.payments.get(order_id).map(|payment| payment.stage);
        let captured = stage == Some(payments::Stage::Captured);
        let shipment = books.shipments.get(order_id);
        let dispatched = shipment.is_some_and(|row| row.stage == Stage::Dispatched);
        let given = books
            .parcels
            .iter()
            .filter(|parcel| shipment.is_some_and(|row| row.shipment_id == parcel.shipment_id));
        let parcels = given.count();
        if captured != dispatched || parcels != usize::from(dispatched) {
            found.push(format!(
                "order {order_id}: captured {captured}, dispatched {dispatched}, parcels {parcels}"
            ));
        }
    }
    let ours = |parcel: &&crate::fakes::Parcel| {
        books.shipments.values().any(|row| {
            row.shipment_id == parcel.shipment_id
                && row.tracking_no.as_ref() == Some(&parcel.tracking_no)
        })
    };
    let strays = books.parcels.iter().filter(|parcel| !ours(parcel));
    found.extend(strays.map(|parcel| {
        format!("the carrier has {} as {}, and no row does", parcel.shipment_id, parcel.tracking_no)
    }));
    found
}
