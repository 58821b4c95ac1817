//! What others were told: verdicts to Orders, letters to customers.

use crate::alerts::Alert;
use crate::audit::Books;
use crate::audit::said::{ends, fact, facts, once};
use crate::contracts::{
    CustomerErased, CustomerId, CustomerUpserted, Finding, Kind, Mode, NotificationSent, OrderId,
    OrderInvalidated, OrderValidated, OrderValidation, ReservationExpired, Status, Trouble,
};
use ballet::clock::Time;
use std::collections::{BTreeMap, BTreeSet};

/// `order.checked` was said once by each validator of each check of an order, and one validator at
/// most counts.
pub(super) fn each_check_is_made_once(books: &Books) -> Vec<String> {
    let mut said: BTreeMap<_, usize> = BTreeMap::new();
    let mut gates: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (_, OrderValidation { order_id, check, validator, mode, .. }) in facts(books) {
        if mode == Mode::Gating {
            gates.entry((order_id.clone(), check.clone())).or_default().insert(validator.clone());
        }
        *said.entry((order_id, check, validator)).or_default() += 1;
    }
    let twice = said.into_iter().filter(|(_, times)| *times != 1);
    let twice = twice.map(|((order_id, check, validator), times)| {
        format!("order {order_id}: `{validator}` has checked {check} {times} times")
    });
    let many = gates.into_iter().filter(|(_, validators)| validators.len() != 1);
    let many = many.map(|((order_id, check), validators)| {
        format!("order {order_id}: {check} counts by {validators:?}")
    });
    twice.chain(many).collect()
}

/// An order is valid if every required check has passed, and invalid for checks that have failed.
pub(super) fn verdicts_count(books: &Books) -> Vec<String> {
    let mut verdicts: BTreeMap<(OrderId, String), (Finding, Vec<String>)> = BTreeMap::new();
    for (_, OrderValidation { order_id, check, verdict, reasons, mode, .. }) in facts(books) {
        if mode == Mode::Gating {
            verdicts.insert((order_id, check), (verdict, reasons));
        }
    }
    let verdict = |order_id: &OrderId, check: &String| {
        verdicts.get(&(order_id.clone(), check.clone())).cloned()
    };
    let mut found = Vec::new();
    for (_, said) in facts::<OrderValidated>(books) {
        let order_id = &said.order_id;
        for check in &said.required_checks {
            match verdict(order_id, check) {
                Some((Finding::Pass, _)) => {}
                other => found.push(format!("order {order_id} is valid, and {check} is {other:?}")),
            }
        }
    }
    for (_, said) in facts::<OrderInvalidated>(books) {
        let order_id = &said.order_id;
        if said.failed_checks.is_empty() {
            found.push(format!("order {order_id} is invalid, and no check has failed"));
        }
        for failed in &said.failed_checks {
            match verdict(order_id, &failed.check) {
                Some((Finding::Fail, reasons)) if reasons == failed.reasons => {}
                other => {
                    let (check, reasons) = (&failed.check, &failed.reasons);
                    found.push(format!(
                        "order {order_id} is invalid for {check} {reasons:?}, which is {other:?}"
                    ));
                }
            }
        }
    }
    found
}

/// What was ever said of a customer.
#[derive(Default)]
struct Customer {
    emails: BTreeSet<String>,
    known_since: Option<Time>,
    was_erased: bool,
}

fn customers(books: &Books) -> BTreeMap<CustomerId, Customer> {
    let mut customers: BTreeMap<CustomerId, Customer> = BTreeMap::new();
    // Whoever says it: the copies of the customers are folded from strangers' words as well.
    for message in once(books) {
        if let Some(said) = fact::<CustomerUpserted>(message) {
            let customer = customers.entry(said.customer_id).or_default();
            customer.emails.insert(said.email);
            let at = message.envelope.occurred_at;
            customer.known_since = Some(customer.known_since.map_or(at, |known| known.min(at)));
        } else if let Some(said) = fact::<CustomerErased>(message) {
            customers.entry(said.customer_id).or_default().was_erased = true;
        }
    }
    customers
}

/// How often there is a letter: at the post, in `sent`, and in what was said.
type Copies = BTreeMap<(OrderId, String), [usize; 3]>;

fn copies(books: &Books) -> Copies {
    let mut copies = Copies::new();
    for key in books.posted.keys() {
        let (order_id, kind) = key.rsplit_once(':').unwrap_or((key, ""));
        copies.entry((order_id.to_owned(), kind.to_owned())).or_default()[0] += 1;
    }
    for key in books.sent.keys() {
        copies.entry(key.clone()).or_default()[1] += 1;
    }
    for (_, NotificationSent { order_id, kind, .. }) in facts(books) {
        copies.entry((order_id, kind.name().to_owned())).or_default()[2] += 1;
    }
    copies
}

/// Each end of an order is one letter: posted once, written down once, said once, to its customer.
///
/// Orders of customers whom nobody knows have no address to write to: there is no letter. Where a
/// customer became known only after the end, or was forgotten, there may be one or not, for
/// Notification waits for a customer, but not for ever.
pub(super) fn each_end_is_one_letter(books: &Books) -> Vec<String> {
    let (customers, mut copies) = (customers(books), copies(books));
    let mut found = Vec::new();
    for (order_id, ends) in ends(books) {
        let customer = books.orders.get(&order_id).map(|row| &row.order.customer_id);
        let customer = customer.and_then(|customer| customers.get(customer));
        for (status, envelope) in ends {
            let kind = kind(status).name();
            let made = copies.remove(&(order_id.clone(), kind.to_owned())).unwrap_or_default();
            let since = customer.and_then(|customer| customer.known_since);
            let was_known = since.is_some_and(|since| since <= envelope.occurred_at);
            let may_lack = !was_known || customer.is_some_and(|customer| customer.was_erased);
            let is_right = match made {
                [1, 1, 1] => since.is_some(),
                [0, 0, 0] => may_lack,
                _ => false,
            };
            if !is_right {
                let [posted, sent, said] = made;
                found.push(format!(
                    "order {order_id}: letters that it is {kind}: {posted} posted, {sent} written \
                     down, {said} said"
                ));
            }
            let to = books.posted.get(&format!("{order_id}:{kind}")).map(|posted| &posted.to);
            let is_theirs =
                |to: &String| customer.is_some_and(|customer| customer.emails.contains(to));
            if let Some(to) = to.filter(|to| !is_theirs(to)) {
                found.push(format!("order {order_id}: its letter went to {to}"));
            }
        }
    }
    found.extend(copies.into_keys().map(|(order_id, kind)| {
        format!("order {order_id}: a letter that it is `{kind}`, and that was never said")
    }));
    found
}

fn kind(status: Status) -> Kind {
    match status {
        Status::Shipped => Kind::Shipped,
        Status::Invalid => Kind::Invalid,
        _ => Kind::Cancelled,
    }
}

/// Each row of `alerts` is settled. Those of stock are the ones of which `reservation.expired` was
/// said; those of orders were raised when the order was overdue, and nobody could know that it has ended.
pub(super) fn alerts_are_settled(books: &Books) -> Vec<String> {
    let expired = facts::<ReservationExpired>(books).into_iter().map(|(_, said)| said.order_id);
    let expired: BTreeSet<OrderId> = expired.collect();
    let is_right = |order_id: &OrderId, trouble: &String, alert: &Alert| {
        let is_due = match trouble == Trouble::ReservationExpired.name() {
            true => expired.contains(order_id),
            false => books.orders.get(order_id).is_some_and(|row| {
                let ended = row.history.last().map(|last| last.at);
                alert.raised_at.since(row.order.created_at) >= books.expected.settings.overdue()
                    && ended.is_some_and(|ended| alert.raised_at.since(ended) <= books.expected.lag)
            }),
        };
        is_due && alert.settled_at.is_some()
    };
    let wrong = books.alerts.iter().filter(|((of, trouble), alert)| !is_right(of, trouble, alert));
    let mut found: Vec<String> = wrong
        .map(|((order_id, trouble), alert)| format!("order {order_id}: {trouble} is {alert:?}"))
        .collect();
    let name = Trouble::ReservationExpired.name();
    let is_missing =
        |order: &&OrderId| !books.alerts.contains_key(&((*order).clone(), name.into()));
    let missing = expired.iter().filter(is_missing);
    found.extend(missing.map(|order_id| format!("order {order_id}: {name} was not raised")));
    found
}
