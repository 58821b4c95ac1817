//! Orders: how each came to its end, and that it did.

use crate::audit::Books;
use crate::audit::said::{ENDS, ends, facts, sent, topic_of};
use crate::contracts::{
    ORDER_FACTS, Order, OrderCancelRefused, OrderCancelRequested, OrderCreated, OrderId, OrderPaid,
    OrderValidated, Status,
};
use crate::inventory::Kept;
use crate::orders::Row;
use crate::{payments, shipping};
use ballet::Event;
use std::collections::{BTreeMap, BTreeSet};

/// The history of each row of `orders` is a lawful way to its status, one version a fact.
pub(super) fn histories_are_lawful(books: &Books) -> Vec<String> {
    let told = |(order_id, row): (&OrderId, &Row)| {
        let why = fault(row)?;
        let facts: Vec<&str> = row.history.iter().map(|entry| entry.fact.as_str()).collect();
        Some(format!("order {order_id}: {why} in {}", facts.join(", ")))
    };
    books.orders.iter().filter_map(told).collect()
}

/// What is wrong with a history.
fn fault(row: &Row) -> Option<String> {
    let (mut status, mut pending) = (None, false);
    for entry in &row.history {
        let fact = entry.fact.as_str();
        let may_cancel = status.is_some_and(|status: Status| status.may_become(Status::Cancelled));
        let lawful = match (stands(fact), status) {
            (Some(next), None) => next == Status::Created,
            (Some(next), Some(status)) => status.may_become(next),
            (None, _) if fact == OrderCancelRequested::NAME => may_cancel && !pending,
            (None, _) => fact == OrderCancelRefused::NAME && pending,
        };
        if !lawful {
            return Some(format!("`{fact}` must not follow"));
        }
        status = stands(fact).or(status);
        pending = match stands(fact) {
            // Only a parcel may be faster than the word that it was too late to cancel.
            Some(status) => pending && !matches!(status, Status::Invalid | Status::Cancelled),
            None => fact == OrderCancelRequested::NAME,
        };
    }
    let (version, known) = (row.order.version, row.history.len() as u64);
    if version != known {
        return Some(format!("version {version} and {known} facts"));
    }
    (status != Some(row.order.status)).then(|| format!("{:?} is not the end", row.order.status))
}

/// Where an order stands after a fact; `None` if that changes nothing.
fn stands(fact: &str) -> Option<Status> {
    let on_the_way = [
        (OrderCreated::NAME, Status::Created),
        (OrderValidated::NAME, Status::Valid),
        (OrderPaid::NAME, Status::Paid),
    ];
    let all = on_the_way.into_iter().chain(ENDS);
    all.into_iter().find(|(name, _)| *name == fact).map(|(_, status)| status)
}

/// What was said of each order, by version, is the history of its row, and the last is the row.
pub(super) fn what_is_said_is_history(books: &Books) -> Vec<String> {
    let mut said: BTreeMap<OrderId, Vec<(Order, String)>> = BTreeMap::new();
    for (message, _) in sent(books) {
        let name = &message.envelope.name;
        if topic_of(&message.envelope).as_deref() == Some(ORDER_FACTS.name)
            && let Ok(order) = serde_json::from_slice::<Order>(&message.body)
        {
            said.entry(order.order_id.clone()).or_default().push((order, name.to_string()));
        }
    }
    said.values_mut().for_each(|facts| facts.sort_by_key(|(order, _)| order.version));
    let orders: BTreeSet<&OrderId> = books.orders.keys().chain(said.keys()).collect();
    let told = |order_id: &OrderId| {
        let facts = said.get(order_id).map_or(&[][..], Vec::as_slice);
        let names: Vec<_> = facts.iter().map(|(order, name)| (order.version, &**name)).collect();
        let row = books.orders.get(order_id);
        let history = row.map_or(&[][..], |row| &row.history);
        let wanted: Vec<_> = (1_u64..).zip(history).map(|(at, entry)| (at, &*entry.fact)).collect();
        let is_last = facts.last().map(|(order, _)| order) == row.map(|row| &row.order);
        match names == wanted {
            false => Some(format!("order {order_id}: said was {names:?}, and its row {wanted:?}")),
            true if !is_last => Some(format!("order {order_id}: the last said is not its row")),
            true => None,
        }
    };
    orders.into_iter().filter_map(told).collect()
}

/// Exactly one of `order.shipped`, `order.invalidated`, `order.cancelled` was said of each order
/// that was ever created, and its row stands there.
pub(super) fn each_order_has_one_end(books: &Books) -> Vec<String> {
    let ends = ends(books);
    let created = facts::<OrderCreated>(books).into_iter().map(|(_, said)| said.order.order_id);
    let known = books.orders.keys().chain(ends.keys()).cloned();
    let orders: BTreeSet<OrderId> = known.chain(created).collect();
    let told = |order_id: &OrderId| {
        let said = ends.get(order_id).map_or(&[][..], Vec::as_slice);
        let said: Vec<Status> = said.iter().map(|(status, _)| *status).collect();
        let row = books.orders.get(order_id).map(|row| row.order.status);
        (said.len() != 1 || row != Some(said[0]))
            .then(|| format!("order {order_id}: ends said {said:?}, its row is {row:?}"))
    };
    orders.iter().filter_map(told).collect()
}

/// No order left traces of having been shipped beside traces of having been taken back, in the
/// facts, in `reservations`, `payments` and `shipments`.
pub(super) fn no_order_is_both(books: &Books) -> Vec<String> {
    let ends = ends(books);
    let touched = books.reservations.keys().chain(books.payments.keys());
    let touched = touched.chain(books.shipments.keys()).chain(ends.keys());
    let orders: BTreeSet<&OrderId> = touched.collect();
    let told = |order_id: &OrderId| {
        let said = ends.get(order_id).map_or(&[][..], Vec::as_slice);
        let says = |shipped: bool| said.iter().any(|(to, _)| (*to == Status::Shipped) == shipped);
        let kept = books.reservations.get(order_id).map(|row| row.status);
        let payment = books.payments.get(order_id).map(|row| row.stage);
        let shipment = books.shipments.get(order_id).map(|row| row.stage);
        let shipped = traces([
            (says(true), "said to be shipped"),
            (kept == Some(Kept::Committed), "stock committed"),
            (payment == Some(payments::Stage::Captured), "payment captured"),
            (shipment == Some(shipping::Stage::Dispatched), "parcel dispatched"),
        ]);
        let back = traces([
            (says(false), "said to be taken back"),
            (kept == Some(Kept::Released), "stock released"),
            (payment == Some(payments::Stage::Voided), "payment voided"),
            (shipment == Some(shipping::Stage::Cancelled), "parcel unpacked"),
        ]);
        (!shipped.is_empty() && !back.is_empty())
            .then(|| format!("order {order_id}: {shipped}, and {back}"))
    };
    orders.into_iter().filter_map(told).collect()
}

fn traces<const N: usize>(all: [(bool, &str); N]) -> String {
    let found: Vec<&str> = all.into_iter().filter(|(is, _)| *is).map(|(_, trace)| trace).collect();
    found.join(", ")
}

/// An order that has ended has no open reservation, no open authorisation, no parcel that waits,
/// and no wish to cancel that is not decided.
pub(super) fn nothing_stays_open(books: &Books) -> Vec<String> {
    let told = |(order_id, row): (&OrderId, &Row)| {
        let kept = books.reservations.get(order_id).map(|row| row.status);
        let payment = books.payments.get(order_id).map(|row| row.stage);
        let shipment = books.shipments.get(order_id).map(|row| row.stage);
        let open = traces([
            (kept == Some(Kept::Reserved), "stock reserved"),
            (payment == Some(payments::Stage::Authorized), "payment authorized"),
            (shipment == Some(shipping::Stage::Prepared), "parcel prepared"),
            (row.pending_cancel.is_some(), "a wish to cancel"),
        ]);
        let status = row.order.status;
        (status.is_end() && !open.is_empty())
            .then(|| format!("order {order_id} is {status:?}, and open is: {open}"))
    };
    books.orders.iter().filter_map(told).collect()
}
