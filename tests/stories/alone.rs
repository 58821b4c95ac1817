//! Services alone.
//!
//! G4: asked to take back what they have not been asked to do yet. "Release acknowledged, later reserve
//! refused, stock unchanged. Same for void/authorize". X20: told that stock is kept for too long.

use ballet::clock::Time;
use ballet::message::Reply;
use ballet::story::ServiceStory;
use shop::contracts::{
    AuthorizePayment, Bill, OrderCancelRequested, OrderCancelled, OrderCreated, OrderValidated,
    PaymentVoided, PlaceOrder, Reason, ReleaseStock, ReservationExpired, ReserveStock, Status,
    StockReserved, VoidPayment,
};
use shop::fakes::Provider;
use shop::inventory::{SHELVES, Shelf};
use shop::orders::{Moment, ORDERS, Row, USUAL_CHECKS};
use shop::stage::Stage;
use std::sync::Arc;
use std::time::Duration;

const FULL: Shelf = Shelf { on_hand: 5, reserved: 0, version: 1 };
const NOW: Moment = Moment { at: Time::from_micros(7), cause: "test.ran", actor: "test" };

fn ipad() -> String {
    "ipad".to_owned()
}

fn placed() -> (Row, OrderCreated) {
    let placed = PlaceOrder { order_id: "1".to_owned(), order: Stage::basket("eva", 1, "ipad") };
    let checks = USUAL_CHECKS.map(str::to_owned).into();
    Row::open(&placed, checks, Duration::from_secs(600), NOW)
}

/// An order that is valid, and that somebody wants cancelled.
fn unwanted() -> (OrderValidated, OrderCancelRequested) {
    let (mut row, _) = placed();
    let valid = row.validate(NOW).unwrap();
    (valid, row.request_cancel(Reason::CustomerCancelled, NOW).unwrap())
}

#[test]
fn stock_that_was_released_first_is_not_reserved_for_the_coordinator() {
    let inventory = orchestrated::Inventory;
    let mut story = ServiceStory::of(inventory).given(SHELVES, &ipad(), &FULL);
    let (_, created) = placed();
    let order_id = created.order_id.clone();
    let release = ReleaseStock { order_id: order_id.clone(), reason: Status::Cancelled };
    let released = story.ask_back("1", &release).unwrap();
    assert!(!matches!(released, Reply::Refused(_)), "{released:?}");
    let reserved = story.ask("1", &ReserveStock { order_id, lines: created.lines.clone() });
    assert!(matches!(reserved, Ok(Reply::Refused(_))), "{reserved:?}");
    assert_eq!(story.row(SHELVES, &ipad()), Some(FULL));
}

#[test]
fn stock_of_an_order_that_was_cancelled_first_is_not_reserved() {
    let inventory = choreographed::Inventory;
    let mut story = ServiceStory::of(inventory).given(SHELVES, &ipad(), &FULL);
    let (mut row, created) = placed();
    let cancelled: OrderCancelled = row.cancel(Reason::CustomerCancelled, NOW).unwrap();
    story.hear("1", &cancelled).unwrap();
    story.hear("1", &created).unwrap();
    assert_eq!(story.said::<StockReserved>(), []);
    assert_eq!(story.row(SHELVES, &ipad()), Some(FULL));
}

#[test]
fn money_that_was_let_go_first_is_not_kept_ready_for_the_coordinator() {
    let provider = Arc::<Provider>::default();
    let mut story = ServiceStory::of(orchestrated::Payments { provider: Arc::clone(&provider) });
    let (valid, _) = unwanted();
    let order_id = valid.order_id.clone();
    let voided = story.ask_back("1", &VoidPayment { order_id }).unwrap();
    assert!(!matches!(voided, Reply::Refused(_)), "{voided:?}");
    let kept = story.ask("1", &AuthorizePayment { bill: Bill::from(&valid.order) });
    assert!(matches!(kept, Ok(Reply::Refused(_))), "{kept:?}");
    assert_eq!(provider.wire.calls(), 0);
}

#[test]
fn money_of_an_order_that_was_to_be_cancelled_first_is_not_kept_ready() {
    let provider = Arc::<Provider>::default();
    let mut story = ServiceStory::of(choreographed::Payments { provider: Arc::clone(&provider) });
    let (valid, wish) = unwanted();
    story.hear("1", &wish).unwrap();
    assert_eq!(story.said::<PaymentVoided>().len(), 1, "Orders waits for that word");
    story.hear("1", &valid).unwrap();
    assert_eq!(story.names(), ["payment.voided"]);
    assert_eq!(provider.wire.calls(), 0);
}

fn expired() -> ReservationExpired {
    ReservationExpired { order_id: "1".to_owned(), expires_at: NOW.at }
}

/// Until an order is valid nobody but Orders is concerned.
#[test]
fn an_order_that_is_not_valid_is_cancelled_when_its_stock_is_kept_for_too_long() {
    let (row, _) = placed();
    let orders = choreographed::Orders;
    let mut story = ServiceStory::of(orders).given(ORDERS, &"1".to_owned(), &row);
    story.hear("1", &expired()).unwrap();
    assert_eq!(story.said::<OrderCancelled>()[0].reason, Reason::Deadline);
    story.hear("1", &expired()).unwrap();
    assert_eq!(story.names(), ["order.cancelled"]);
}

#[test]
fn others_are_asked_whether_a_valid_order_can_be_cancelled_whose_stock_is_kept_for_too_long() {
    let (mut row, _) = placed();
    row.validate(NOW).unwrap();
    let key = "1".to_owned();
    let mut story = ServiceStory::of(choreographed::Orders).given(ORDERS, &key, &row);
    story.hear("1", &expired()).unwrap();
    assert_eq!(story.names(), ["order.cancel_requested"]);
    let mut story = ServiceStory::of(orchestrated::Orders).given(ORDERS, &key, &row);
    story.hear("1", &expired()).unwrap();
    assert_eq!(story.names(), ["order.cancel_requested"]);
}
