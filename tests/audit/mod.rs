//! The auditor of the shop: it finds nothing where nothing is wrong, and names whatever is.
//!
//! Goal: no invariant holds because nobody looks. Method: a small mix of purchases, played by both
//! casts; books that balance; then, for every invariant, copies of the books in which one row or
//! one message was changed.

mod cases;
mod forger;

use cases::{CASES, Case};
use shop::audit::{Books, Breach, INVARIANTS, audit};
use shop::cast::Cast;
use shop::contracts::Status;
use shop::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};

/// A purchase of each kind, by customers of the same names as their orders.
async fn books(cast: Cast) -> Books {
    let mut stage = Stage::open(cast).await;
    stage.stock("ipad", 3).await;
    for (customer, country) in [
        ("happy", "AT"),
        ("declined", "AT"),
        ("greedy", "AT"),
        ("far", "AQ"),
        ("fickle", "AT"),
        ("expired", "AT"),
    ] {
        stage.customer(customer, country).await;
    }
    stage.provider().decline("declined").await;
    stage.provider().expire("expired").await;
    for customer in ["happy", "declined", "far", "expired", "nobody"] {
        stage.buy(customer, customer, 1).await;
        stage.end_of(customer).await;
    }
    stage.place("greedy", Stage::basket("greedy", 1, "iphone")).await;
    stage.end_of("greedy").await;
    stage.provider().hang().await;
    stage.buy("fickle", "fickle", 1).await;
    stage.seconds(5).await;
    stage.cancel("fickle").await;
    // For so long that operators are called.
    stage.pass(stage.settings().reservation_ttl() * 2).await;
    stage.provider().mend().await;
    stage.quiet().await;
    stage.books().await
}

fn told(breaches: &[Breach]) -> String {
    breaches.iter().map(|breach| format!("  {breach}\n")).collect()
}

/// The books of an undisturbed run are in order, and then each forgery is named.
async fn every_forgery_is_named(cast: Cast) {
    let books = books(cast).await;
    let ends: BTreeMap<&str, Status> =
        books.orders.iter().map(|(order_id, row)| (&**order_id, row.order.status)).collect();
    let cancelled = ["declined", "expired", "far", "fickle", "nobody"];
    let mut expected = BTreeMap::from(cancelled.map(|order_id| (order_id, Status::Cancelled)));
    expected.extend([("happy", Status::Shipped), ("greedy", Status::Invalid)]);
    assert_eq!(ends, expected);
    let breaches = audit(&books);
    assert!(breaches.is_empty(), "nothing was forged, and the auditor says:\n{}", told(&breaches));
    for Case { invariant, about, also, forge } in CASES {
        let mut forged = books.clone();
        forge(&mut forged);
        let breaches = audit(&forged);
        let named: BTreeSet<&str> = breaches.iter().map(|breach| breach.invariant).collect();
        let wanted: BTreeSet<&str> = also.iter().copied().chain([*invariant]).collect();
        assert_eq!(named, wanted, "`{invariant}` was broken at {about}:\n{}", told(&breaches));
        let is_there =
            |breach: &Breach| breach.invariant == *invariant && breach.what.contains(about);
        assert!(breaches.iter().any(is_there), "no `{about}` in:\n{}", told(&breaches));
    }
}

#[tokio::test(start_paused = true)]
async fn every_forgery_is_named_with_a_coordinator() {
    every_forgery_is_named(orchestrated::CAST).await;
}

#[tokio::test(start_paused = true)]
async fn every_forgery_is_named_without_one() {
    every_forgery_is_named(choreographed::CAST).await;
}

#[test]
fn every_invariant_has_a_case() {
    let forged: BTreeSet<&str> = CASES.iter().map(|case| case.invariant).collect();
    let known: BTreeSet<&str> = INVARIANTS.iter().map(|invariant| invariant.name).collect();
    assert_eq!(forged, known);
    assert_eq!(known.len(), INVARIANTS.len(), "two invariants have one name");
}

#[test]
fn a_breach_is_one_line() {
    let breach = Breach { invariant: "stock", what: "ipad: 1 on hand and 1 sold are not 3".into() };
    assert_eq!(breach.to_string(), "stock: ipad: 1 on hand and 1 sold are not 3");
}
