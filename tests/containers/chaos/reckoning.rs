//! The reckoning: what was acknowledged is there and has ended as it was told, and everything has been read.

use super::crowd::{Cancelled, Crowd, Known};
use super::fleet::Fleet;
use super::harm::Harm;
use super::tell::Tell;
use crate::books::{Office, log};
use crate::history::is_read;
use ballet::clock::{Stopwatch, Time, rest};
use serde_json::{Value, json};
use shop::audit::{Books, Expected, audit};
use shop::contracts::{Ending, Reason, Status};
use shop::orders::Row;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How long purchases may take to come to their ends when nobody does harm any more, and how long
/// whatever follows them may take: longer than their deadlines, and than any alert.
const PATIENCE: Duration = Duration::from_secs(300);
const QUIET: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_secs(2);

/// Waits until every purchase has come to its end, and names those that have not.
pub(super) async fn settle(crowd: &Crowd, tell: &Tell) -> Vec<String> {
    let watch = Stopwatch::start();
    loop {
        let ended = crowd.until(|known| known.open.is_empty());
        if tokio::time::timeout(BETWEEN * 3, ended).await.is_ok() {
            return Vec::new();
        }
        let open = crowd.open();
        if watch.elapsed() > PATIENCE {
            return open.iter().map(|order| format!("order {order} has not ended")).collect();
        }
        tell.say(format!("{} purchases have not ended yet", open.len()));
    }
}

/// The books, when the auditor has nothing to say about them and every lane has read everything, or both were
/// waited for long enough.
pub(super) async fn books(fleet: &Fleet, office: &Office, expected: Expected) -> Books {
    let watch = Stopwatch::start();
    loop {
        let log = log(&fleet.shop).await;
        let books = office.books_of(&fleet.shop, expected.clone(), &log).await;
        let is_quiet = audit(&books).is_empty() && is_read(&fleet.shop, office, &log).await;
        if is_quiet || watch.elapsed() > QUIET {
            return books;
        }
        rest(BETWEEN).await;
    }
}

/// When an order came to its end.
pub(super) fn ended(row: &Row) -> Option<Time> {
    let is_end = row.order.status.is_end();
    row.history.last().filter(|_| is_end).map(|last| last.at)
}

/// What customers were told, compared with what is in the books.
pub(super) fn compare(known: &Known, books: &Books) -> Vec<String> {
    let mut wrong = known.complaints.clone();
    let acknowledged: BTreeSet<&String> = known.bought.keys().collect();
    let there: BTreeSet<&String> = books.orders.keys().collect();
    let lost = acknowledged.difference(&there);
    wrong.extend(lost.map(|order| format!("order {order} was acknowledged and is not there")));
    let strange = there.difference(&acknowledged);
    wrong.extend(strange.map(|order| format!("order {order} is there and was not acknowledged")));
    for (order, bought) in &known.bought {
        let Some(row) = books.orders.get(order) else { continue };
        let status = row.order.status;
        let is_called_off =
            matches!(row.ending, Some(Ending::Cancelled { reason: Reason::CustomerCancelled }));
        if let Some((_, told)) = &bought.end
            && told != status.name()
        {
            wrong.push(format!("order {order} was told to be {told}, and is {}", status.name()));
        }
        if !bought.kind.may_ship() && status == Status::Shipped {
            wrong.push(format!("order {order} is {}, and was shipped", bought.kind.name()));
        }
        match bought.cancelled {
            Some(Cancelled::Yes) if status != Status::Cancelled => {
                let status = status.name();
                wrong.push(format!("order {order} was told to be cancelled, and is {status}"));
            }
            Some(Cancelled::TooLate) if is_called_off => {
                wrong.push(format!("it was told to be too late for {order}, which was called off"));
            }
            _ => {}
        }
    }
    wrong
}

/// Kills that found nothing under way, by the books.
pub(super) fn idle_kills(harms: &[Harm], flights: &[usize]) -> Vec<String> {
    let idle =
        harms.iter().zip(flights).filter(|(harm, found)| harm.fault.is_kill() && **found == 0);
    idle.map(|(harm, _)| format!("{} at {} found no purchase in flight", harm.told, harm.at))
        .collect()
}

/// Keeps all that helps to look into what is wrong: of each order that is named its row and its
/// messages, and all the rest of the books.
pub(super) fn keep(folder: &Path, wrong: &[String], books: &Books) -> std::io::Result<()> {
    std::fs::write(folder.join("violations"), wrong.join("\n") + "\n")?;
    let orders = folder.join("orders");
    std::fs::create_dir_all(&orders)?;
    let is_named = |order: &&String| wrong.iter().any(|wrong| wrong.contains(order.as_str()));
    for order in books.orders.keys().filter(is_named) {
        let is_its = |message: &&ballet::Message| {
            message.envelope.key.to_string() == *order
                || String::from_utf8_lossy(&message.body).contains(order.as_str())
        };
        let messages: Vec<Value> = books.messages.iter().filter(is_its).map(shown).collect();
        let its = json!({
            "row": books.orders.get(order),
            "reservation": books.reservations.get(order),
            "payment": books.payments.get(order),
            "shipment": books.shipments.get(order),
            "messages": messages,
        });
        std::fs::write(orders.join(order), format!("{its:#}\n"))?;
    }
    std::fs::write(folder.join("books"), format!("{books:#?}\n"))
}

fn shown(message: &ballet::Message) -> Value {
    let body = String::from_utf8_lossy(&message.body).into_owned();
    json!({"envelope": format!("{:?}", message.envelope), "body": body})
}

#[cfg(test)]
mod tests {
    use super::super::crowd::{Bought, Cancelled, Known};
    use super::super::harm::Harm;
    use super::super::plan::{Fault, Server};
    use super::super::wishes::Kind;
    use super::{compare, idle_kills};
    use ballet::clock::Time;
    use serde_json::json;
    use shop::audit::{Books, Expected};
    use shop::orders::Row;
    use std::collections::BTreeMap;

    fn row(status: &str) -> Row {
        let order = json!({
            "order_id": "1", "customer_id": "c4", "lines": [], "total_minor": 0, "currency": "USD",
            "status": status, "required_checks": [], "version": 1, "created_at": 0, "deadline_at": 0,
        });
        let ending = match status {
            "cancelled" => json!({"status": "cancelled", "reason": "customer_cancelled"}),
            _ => json!(null),
        };
        let row = json!({
            "order": order, "pending_cancel": null, "verdicts": {}, "ending": ending,
            "tracking_no": null, "history": [],
        });
        serde_json::from_value(row).unwrap()
    }

    fn books(orders: &[(&str, &str)]) -> Books {
        let rows = orders.iter().map(|(order, status)| ((*order).to_owned(), row(status)));
        Books {
            expected: Expected::default(),
            orders: rows.collect(),
            shelves: BTreeMap::new(),
            reservations: BTreeMap::new(),
            payments: BTreeMap::new(),
            shipments: BTreeMap::new(),
            sent: BTreeMap::new(),
            alerts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            contacts: BTreeMap::new(),
            messages: Vec::new(),
            authorizations: BTreeMap::new(),
            parcels: Vec::new(),
            posted: BTreeMap::new(),
            dead_letters: Vec::new(),
        }
    }

    /// An order of this kind that was acknowledged, of which its customer was told this.
    fn finds(kind: Kind, cancelled: Option<Cancelled>, end: &str, is: &str) -> Vec<String> {
        let end = Some((Time::default(), end.to_owned()));
        let bought = Bought { kind, at: Time::default(), cancelled, end };
        let bought = BTreeMap::from([("1".to_owned(), bought)]);
        compare(&Known { bought, ..Known::default() }, &books(&[("1", is)]))
    }

    #[test]
    fn what_is_as_it_was_told_is_right() {
        for (kind, cancelled, end) in [
            (Kind::Plain, None, "shipped"),
            (Kind::Mispriced, None, "invalid"),
            (Kind::CalledOff, Some(Cancelled::Yes), "cancelled"),
            (Kind::CalledOff, Some(Cancelled::TooLate), "shipped"),
        ] {
            assert_eq!(finds(kind, cancelled, end, end), [""; 0]);
        }
    }

    #[test]
    fn what_is_not_as_it_was_told_is_named() {
        for (kind, cancelled, end, is, wrong) in [
            (
                Kind::Plain,
                None,
                "shipped",
                "invalid",
                "order 1 was told to be shipped, and is invalid",
            ),
            (Kind::SoldOut, None, "shipped", "shipped", "order 1 is sold out, and was shipped"),
            (
                Kind::CalledOff,
                Some(Cancelled::Yes),
                "shipped",
                "shipped",
                "order 1 was told to be cancelled, and is shipped",
            ),
            (
                Kind::CalledOff,
                Some(Cancelled::TooLate),
                "cancelled",
                "cancelled",
                "it was told to be too late for 1, which was called off",
            ),
        ] {
            assert_eq!(finds(kind, cancelled, end, is), [wrong]);
        }
    }

    #[test]
    fn what_was_acknowledged_and_what_is_there_are_the_same_orders() {
        let end = Some((Time::default(), "shipped".to_owned()));
        let bought = Bought { kind: Kind::Plain, at: Time::default(), cancelled: None, end };
        let bought = BTreeMap::from([("1".to_owned(), bought)]);
        let known = Known { bought, ..Known::default() };
        assert_eq!(
            compare(&known, &books(&[("2", "shipped")])),
            [
                "order 1 was acknowledged and is not there",
                "order 2 is there and was not acknowledged",
            ]
        );
    }

    #[test]
    fn a_kill_that_has_found_nothing_under_way_is_named() {
        let harm = |fault| Harm {
            fault,
            told: format!("{fault:?}"),
            at: Time::default(),
            mended: Time::default(),
            is_hurried: false,
        };
        let harms = [harm(Fault::Kill(1)), harm(Fault::Server(Server::Kafka)), harm(Fault::End(1))];
        assert_eq!(idle_kills(&harms, &[1, 1, 0]), [""; 0]);
        let idle = idle_kills(&harms, &[0, 1, 0]);
        assert_eq!(idle, ["Kill(1) at 1970-01-01T00:00:00.000000Z found no purchase in flight"]);
    }
}
