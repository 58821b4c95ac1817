//! What can be said of the choreography before anything runs.

use crate::choreography;
use ballet::Reactor;
use expect_test::expect;
use shop::timeline::Timeline;
use std::collections::BTreeSet;

#[test]
fn the_choreography_is_whole() {
    choreography().check().unwrap();
}

#[test]
fn every_reactor_says_what_it_hears_and_what_it_says() {
    expect![[r#"
        orders
            order.place -> perhaps order.created
            order.cancel -> perhaps order.cancelled, order.cancel_requested
            rule.set -> nothing
            order.checked -> order.validated; no: order.invalidated
            payment.captured -> perhaps order.paid
            shipment.dispatched -> perhaps order.shipped
            payment.declined -> perhaps order.cancelled
            payment.capture_failed -> perhaps order.cancelled
            shipment.rejected -> perhaps order.cancel_requested
            payment.voided -> perhaps order.cancelled
            payment.cancel_too_late -> perhaps order.cancel_refused
            reservation.expired -> perhaps order.cancelled, order.cancel_requested
            wait `validation`: after order.created until order.validated or order.invalidated or order.cancelled, or else -> perhaps order.invalidated, order.cancelled
            wait `payment`: after order.validated until payment.captured or order.cancelled, or else -> perhaps order.cancel_requested

        details
            order.created -> order.checked

        fraud
            order.created -> order.checked

        fraud-v2
            order.created -> order.checked

        limits
            order.created -> perhaps order.checked

        inventory
            stock.receive -> stock.counted
            order.created -> stock.reserved, order.checked, stock.counted; no: stock.rejected, order.checked
              order.invalidated takes back order.created -> perhaps stock.released, stock.counted
              order.cancelled takes back order.created -> perhaps stock.released, stock.counted
            payment.captured -> perhaps stock.committed, stock.counted
            wait `settlement`: after stock.reserved until stock.released or stock.committed, or else -> reservation.expired

        payments
            order.validated -> payment.authorized; no: payment.declined
              order.cancel_requested takes back order.validated -> perhaps payment.voided; too late: payment.cancel_too_late
            shipment.prepared (pivot) -> payment.captured; no: payment.capture_failed, payment.voided

        shipping
            payment.authorized -> shipment.prepared; no: shipment.rejected
              order.cancelled takes back payment.authorized -> perhaps shipment.cancelled
            payment.captured -> shipment.dispatched

        notification
            order.shipped -> notification.sent
            order.invalidated -> notification.sent
            order.cancelled -> notification.sent

        customers
            customer.save -> customer.upserted
            customer.erase -> customer.erased

        alerts
            order.shipped -> nothing
            order.invalidated -> nothing
            order.cancelled -> nothing
            reservation.expired -> nothing
            stock.released -> nothing
            stock.committed -> nothing
            wait `end`: after order.created until order.shipped or order.invalidated or order.cancelled, or else -> nothing
    "#]].assert_eq(&choreography().table());
}

#[test]
fn the_choreography_is_drawn() {
    expect![[r#"
        flowchart LR
            _orders["orders<br/>⏱ validation<br/>⏱ payment"]
            _details["details"]
            _fraud["fraud"]
            _fraud_v2["fraud-v2"]
            _limits["limits"]
            _inventory["inventory<br/>⏱ settlement"]
            _payments["payments"]
            _shipping["shipping"]
            _notification["notification"]
            _customers["customers"]
            _alerts["alerts<br/>⏱ end"]
            outside([outside])
            readers([readers])
            outside -->|"order.cancel<br/>order.place<br/>rule.set"| _orders
            outside -->|"stock.receive"| _inventory
            outside -->|"customer.erase<br/>customer.save"| _customers
            _orders -->|"order.created"| _details
            _orders -->|"order.created"| _fraud
            _orders -->|"order.created"| _fraud_v2
            _orders -->|"order.created"| _limits
            _orders -->|"order.cancelled ↩<br/>order.created"| _inventory
            _orders -.->|"order.invalidated ↩"| _inventory
            _orders -->|"order.cancel_requested ↩<br/>order.validated"| _payments
            _orders -->|"order.cancelled ↩"| _shipping
            _orders -->|"order.cancelled<br/>order.shipped"| _notification
            _orders -.->|"order.invalidated"| _notification
            _orders -->|"order.cancelled<br/>order.created ⏱<br/>order.shipped"| _alerts
            _orders -.->|"order.invalidated"| _alerts
            _orders -->|"order.cancel_refused<br/>order.paid"| readers
            _details -->|"order.checked"| _orders
            _fraud -->|"order.checked"| _orders
            _fraud_v2 -->|"order.checked"| _orders
            _limits -->|"order.checked"| _orders
            _inventory -->|"order.checked"| _orders
            _inventory -.->|"reservation.expired"| _orders
            _inventory -->|"stock.committed"| _alerts
            _inventory -.->|"reservation.expired<br/>stock.released"| _alerts
            _inventory -->|"stock.counted<br/>stock.reserved"| readers
            _inventory -.->|"stock.rejected"| readers
            _payments ==>|"payment.captured"| _orders
            _payments -.->|"payment.cancel_too_late<br/>payment.capture_failed<br/>payment.declined<br/>payment.voided"| _orders
            _payments ==>|"payment.captured"| _inventory
            _payments ==>|"payment.captured"| _shipping
            _payments -->|"payment.authorized"| _shipping
            _shipping -->|"shipment.dispatched"| _orders
            _shipping -.->|"shipment.rejected"| _orders
            _shipping -->|"shipment.prepared"| _payments
            _shipping -.->|"shipment.cancelled"| readers
            _notification -->|"notification.sent"| readers
            _customers -->|"customer.erased<br/>customer.upserted"| readers
    "#]].assert_eq(&choreography().draw());
}

/// An operator who looks at an order is told everything: whatever is said of one is heard.
#[test]
fn the_timeline_hears_whatever_is_said_of_an_order() {
    let heard: BTreeSet<&str> =
        Timeline::reactions().outline().into_iter().map(|line| line.hears).collect();
    let table = choreography().table();
    let said = table.lines().filter_map(|line| line.split_once("-> ")).flat_map(|(_, said)| {
        let words = said.split([' ', ',', ';', ':']);
        words.filter(|word| word.contains('.')).collect::<Vec<_>>()
    });
    let of_no_order = ["stock.counted", "customer.upserted", "customer.erased"];
    let said: BTreeSet<&str> = said.filter(|name| !of_no_order.contains(name)).collect();
    assert!(said.len() > 20, "{said:?}");
    assert_eq!(heard, said);
}
