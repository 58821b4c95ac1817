//! Effects: each row of a service stands where its facts have left it, and none was said twice.

use crate::audit::Books;
use crate::audit::said::counts;
use crate::contracts::{
    OrderId, PAYMENT_FACTS, PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured,
    PaymentDeclined, PaymentVoided, RESERVATIONS, ReservationExpired, SHIPMENT_FACTS,
    ShipmentCancelled, ShipmentDispatched, ShipmentPrepared, ShipmentRejected, StockCommitted,
    StockRejected, StockReleased, StockReserved,
};
use crate::{inventory::Kept, payments, shipping};
use ballet::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// How often a fact may have been said.
type Times = (&'static str, RangeInclusive<usize>);

/// Exactly once if `is`, and otherwise never.
fn when<E: Event>(is: bool) -> Times {
    let times = usize::from(is);
    (E::NAME, times..=times)
}

/// Once at most, and never unless `may`.
fn perhaps<E: Event>(may: bool) -> Times {
    (E::NAME, 0..=usize::from(may))
}

/// Each row of `reservations`, `payments` and `shipments` stands where its facts have left it.
pub(super) fn rows_are_what_was_said(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let kept = books.reservations.iter().map(|(order_id, row)| (order_id, row.status)).collect();
    found.extend(compare("reservation", &kept, &counts(books, RESERVATIONS.name), of_stock));
    let paid = books.payments.iter().map(|(order_id, row)| (order_id, row.stage)).collect();
    found.extend(compare("payment", &paid, &counts(books, PAYMENT_FACTS.name), of_payment));
    let sent = books.shipments.iter().map(|(order_id, row)| (order_id, row.stage)).collect();
    found.extend(compare("shipment", &sent, &counts(books, SHIPMENT_FACTS.name), of_shipment));
    found
}

fn compare<S: Copy + Debug, const N: usize>(
    what: &str,
    rows: &BTreeMap<&OrderId, S>,
    said: &BTreeMap<OrderId, BTreeMap<String, usize>>,
    times: fn(Option<S>) -> [Times; N],
) -> Vec<String> {
    let none = BTreeMap::new();
    let orders: BTreeSet<&OrderId> = rows.keys().copied().chain(said.keys()).collect();
    let told = |order_id: &OrderId| {
        let (row, said) = (rows.get(order_id).copied(), said.get(order_id).unwrap_or(&none));
        let is_right = |(name, times): &Times| times.contains(said.get(*name).unwrap_or(&0));
        let stands = row.map_or_else(|| "not there".to_owned(), |row| format!("{row:?}"));
        (!times(row).iter().all(is_right))
            .then(|| format!("order {order_id}: its {what} is {stands}, and said was {said:?}"))
    };
    orders.into_iter().filter_map(told).collect()
}

fn of_stock(row: Option<Kept>) -> [Times; 5] {
    [
        when::<StockReserved>(row.is_some()),
        perhaps::<StockRejected>(row.is_none()),
        when::<StockReleased>(row == Some(Kept::Released)),
        when::<StockCommitted>(row == Some(Kept::Committed)),
        perhaps::<ReservationExpired>(row.is_some()),
    ]
}

/// That nothing is kept ready may be said where nothing was: then nothing ever will be.
fn of_payment(row: Option<payments::Stage>) -> [Times; 5] {
    use payments::Stage;
    let was_approved = row.is_some_and(|stage| stage != Stage::Declined);
    let voided = match row {
        None | Some(Stage::Declined) => perhaps::<PaymentVoided>(true),
        Some(stage) => when::<PaymentVoided>(stage == Stage::Voided),
    };
    [
        when::<PaymentAuthorized>(was_approved),
        when::<PaymentDeclined>(row == Some(Stage::Declined)),
        when::<PaymentCaptured>(row == Some(Stage::Captured)),
        perhaps::<PaymentCaptureFailed>(row == Some(Stage::Voided)),
        voided,
    ]
}

fn of_shipment(row: Option<shipping::Stage>) -> [Times; 4] {
    use shipping::Stage;
    [
        when::<ShipmentPrepared>(row.is_some()),
        perhaps::<ShipmentRejected>(row.is_none()),
        when::<ShipmentDispatched>(row == Some(Stage::Dispatched)),
        when::<ShipmentCancelled>(row == Some(Stage::Cancelled)),
    ]
}
