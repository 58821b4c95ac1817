//! What can be said of the plan and of the participants before anything runs.

use crate::{
    Alerts, Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments, Purchase,
    ShadowFraud, Shipping,
};
use ballet::saga::{Back, Head};
use ballet::{Choreography, Reactor, Saga};
use expect_test::expect;
use shop::contracts::{
    CustomerErased, CustomerUpserted, NotificationSent, OrderCancelRefused, OrderCancelRequested,
    OrderCreated, OrderPaid, OrderValidated, OrderValidation, PaymentAuthorized,
    PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentVoided, ShipmentCancelled,
    ShipmentDispatched, ShipmentPrepared, ShipmentRejected, StockLevel, StockRejected,
    StockReserved,
};
use std::collections::BTreeSet;

fn participants() -> Choreography {
    Choreography::new()
        .with::<Orders>()
        .with::<Details>()
        .with::<Fraud>()
        .with::<Limits>()
        .with::<Inventory>()
        .with::<Payments>()
        .with::<Shipping>()
}

#[test]
fn the_plan_keeps_the_rules() {
    Purchase::plan().check().unwrap();
}

#[test]
fn the_plan_is_drawn() {
    expect![[r#"
        flowchart TD
            s0["begin<br/>begun"]
            subgraph together1[together]
                s1["check-details<br/>ask details: details.check"]
                s2["assess-fraud<br/>ask fraud: fraud.assess"]
                s3["check-limit<br/>ask limits: limit.check when needed"]
                s4["reserve-stock<br/>ask inventory: stock.reserve"]
            end
            s5["note-valid<br/>tell orders: order.note_valid"]
            s6["authorize<br/>ask payments: payment.authorize"]
            s7["prepare-shipment<br/>ask shipping: shipment.prepare"]
            s8{{"capture<br/>ask payments: payment.capture"}}
            s9["note-paid<br/>tell orders: order.note_paid"]
            subgraph together7[together]
                s10["dispatch<br/>ask shipping: shipment.dispatch"]
                s11["commit-stock<br/>ask inventory: stock.commit"]
            end
            s12["complete-order<br/>ask orders: order.complete"]
            s0 --> s1
            s0 --> s2
            s0 --> s3
            s0 --> s4
            s1 --> s5
            s2 --> s5
            s3 --> s5
            s4 --> s5
            s5 --> s6
            s6 --> s7
            s7 --> s8
            s8 --> s9
            s9 --> s10
            s9 --> s11
            s10 --> s12
            s11 --> s12
            s0 -.-> u0("ask orders: order.close")
            s4 -.-> u4("ask inventory: stock.release")
            s6 -.-> u6("ask payments: payment.void")
            s7 -.-> u7("ask shipping: shipment.cancel")
    "#]]
    .assert_eq(&Purchase::plan().draw());
}

#[test]
fn participants_are_asked_and_say_what_came_of_it() {
    expect![[r#"
        orders
            order.place -> perhaps order.created
            order.cancel -> perhaps order.cancel_requested
            rule.set -> nothing
            order.note_valid -> perhaps order.validated
            order.note_paid -> perhaps order.paid, order.cancel_refused
            order.complete -> perhaps order.shipped
            order.close -> perhaps order.invalidated, order.cancelled
            reservation.expired -> perhaps order.cancel_requested

        details
            details.check -> order.checked; no: order.checked

        fraud
            fraud.assess -> order.checked; no: order.checked

        limits
            limit.check -> order.checked; no: order.checked

        inventory
            stock.receive -> stock.counted
            stock.reserve -> stock.reserved, order.checked, stock.counted; no: stock.rejected, order.checked
              stock.release takes back stock.reserve -> perhaps stock.released, stock.counted
            stock.commit -> perhaps stock.committed, stock.counted
            wait `settlement`: after stock.reserved until stock.released or stock.committed, or else -> reservation.expired

        payments
            payment.authorize -> payment.authorized; no: payment.declined
              payment.void takes back payment.authorize -> perhaps payment.voided
            payment.capture -> payment.captured; no: payment.capture_failed

        shipping
            shipment.prepare -> shipment.prepared; no: shipment.rejected
              shipment.cancel takes back shipment.prepare -> shipment.cancelled
            shipment.dispatch -> shipment.dispatched
    "#]].assert_eq(&participants().table());
}

#[test]
fn every_command_of_the_plan_is_answered_by_its_addressee() {
    fn answers<R: Reactor>() -> impl Iterator<Item = (&'static str, &'static str)> {
        let lines = R::reactions().outline().into_iter();
        lines.filter(|line| line.topic.is_none()).map(|line| (line.hears, R::NAME))
    }
    let answered: BTreeSet<_> = answers::<Orders>()
        .chain(answers::<Details>())
        .chain(answers::<Fraud>())
        .chain(answers::<Limits>())
        .chain(answers::<Inventory>())
        .chain(answers::<Payments>())
        .chain(answers::<Shipping>())
        .collect();
    for step in &Purchase::plan().shape().steps {
        if let Head::Ask { command, to } | Head::Tell { command, to } = step.head {
            assert!(answered.contains(&(command, to)), "{command} to {to}");
        }
        if let Back::Ask { command, to } = step.back {
            assert!(answered.contains(&(command, to)), "{command} to {to}");
        }
    }
}

/// The coordinator hears two of the facts; the rest is for whoever wants to know.
#[test]
fn everything_that_is_heard_is_said_by_somebody() {
    let whole = participants()
        .with::<ShadowFraud>()
        .with::<Notification>()
        .with::<Customers>()
        .with::<Alerts>();
    let whole = whole.published::<OrderCreated>().published::<OrderCancelRequested>();
    let whole = whole
        .published::<OrderValidated>()
        .published::<OrderPaid>()
        .published::<OrderCancelRefused>()
        .published::<OrderValidation>()
        .published::<StockReserved>()
        .published::<StockRejected>()
        .published::<StockLevel>()
        .published::<PaymentAuthorized>()
        .published::<PaymentDeclined>()
        .published::<PaymentCaptured>()
        .published::<PaymentCaptureFailed>()
        .published::<PaymentVoided>()
        .published::<ShipmentPrepared>()
        .published::<ShipmentRejected>()
        .published::<ShipmentDispatched>()
        .published::<ShipmentCancelled>()
        .published::<CustomerUpserted>()
        .published::<CustomerErased>()
        .published::<NotificationSent>();
    assert_eq!(whole.mistakes(), [""; 0]);
}
