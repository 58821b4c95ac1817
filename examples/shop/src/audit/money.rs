//! Money: what was taken, and what the provider says to that.

use crate::audit::Books;
use crate::audit::said::facts;
use crate::contracts::{OrderId, OrderShipped};
use crate::fakes::Held;
use crate::payments::{Payment, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// Σ `payments` captured = Σ `total_minor` of `order.shipped` = Σ that the provider took. The shop
/// gives no money back, so there is nothing to subtract.
pub(super) fn what_was_taken_was_shipped(books: &Books) -> Vec<String> {
    let rows = books.payments.values().filter(|row| row.stage == Stage::Captured);
    let captured: i64 = rows.map(|row| row.bill.amount_minor).sum();
    // Each order counts once, however often its end was said.
    let shipped: BTreeMap<OrderId, i64> = facts::<OrderShipped>(books)
        .into_iter()
        .map(|(_, said)| (said.order_id.clone(), said.total_minor))
        .collect();
    let shipped: i64 = shipped.values().sum();
    let taken = books.authorizations.values().filter(|known| known.held == Held::Captured);
    let taken: i64 = taken.map(|known| known.amount_minor).sum();
    let is_balanced = captured == shipped && captured == taken;
    let told = format!("captured {captured}, shipped {shipped}, taken by the provider {taken}");
    (!is_balanced).then_some(told).into_iter().collect()
}

/// Each authorisation of the provider is the one of one row of `payments`, and they agree.
pub(super) fn the_provider_agrees(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: BTreeSet<&String> = BTreeSet::new();
    for (order_id, row) in &books.payments {
        if let Some(why) = disagreement(books, row) {
            found.push(format!("order {order_id}: {why}"));
        }
        if let Some(auth_ref) = row.auth_ref.as_ref().filter(|auth_ref| !known.insert(auth_ref)) {
            found.push(format!("order {order_id}: {auth_ref} is that of another order"));
        }
    }
    let strays = books.authorizations.iter().filter(|(auth_ref, _)| !known.contains(auth_ref));
    found.extend(strays.map(|(auth_ref, stray)| {
        let (payer, held) = (&stray.payer, stray.held);
        format!("{auth_ref} of {payer} is {held:?} at the provider, and no payment has it")
    }));
    found
}

/// Where a payment and its authorisation do not agree.
fn disagreement(books: &Books, row: &Payment) -> Option<String> {
    let authorization =
        row.auth_ref.as_ref().and_then(|auth_ref| books.authorizations.get(auth_ref));
    let theirs = authorization.map(|known| (known.held, &*known.payer, known.amount_minor));
    let (payer, minor) = (&*row.bill.customer_id, row.bill.amount_minor);
    let ours = match row.stage {
        Stage::Declined => None,
        Stage::Authorized => Some((Held::Open, payer, minor)),
        Stage::Captured => Some((Held::Captured, payer, minor)),
        Stage::Voided => Some((Held::Voided, payer, minor)),
    };
    (ours != theirs).then(|| {
        format!("it is {:?} of {minor} for {payer}, and at the provider {theirs:?}", row.stage)
    })
}

/// Each authorisation was captured or voided under one key at most, and is open without one.
pub(super) fn money_is_settled_once(books: &Books) -> Vec<String> {
    let wrong = books
        .authorizations
        .iter()
        .filter(|(_, known)| known.settled_by.len() != usize::from(known.held != Held::Open));
    let told = wrong.map(|(auth_ref, known)| {
        format!("{auth_ref} is {:?}, settled by [{}]", known.held, known.settled_by.join(", "))
    });
    told.collect()
}
