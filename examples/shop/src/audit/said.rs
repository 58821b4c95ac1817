//! What is in the messages: each once, by what it says.

use crate::audit::Books;
use crate::contracts::{
    AssessFraud, AuthorizePayment, CUSTOMER_FACTS, CUSTOMERS, CancelOrder, CancelShipment,
    CancelTooLate, CapturePayment, CheckDetails, CheckLimit, CloseOrder, CommitStock,
    CompleteOrder, CustomerErased, CustomerUpserted, DispatchShipment, EraseCustomer, INVENTORY,
    NOTIFICATION, NOTIFICATIONS, NotePaid, NoteValid, NotificationSent, ORDER_FACTS, ORDERS,
    OrderCancelRefused, OrderCancelRequested, OrderCancelled, OrderCreated, OrderId,
    OrderInvalidated, OrderPaid, OrderShipped, OrderValidated, OrderValidation, PAYMENT_FACTS,
    PAYMENTS, PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined,
    PaymentVoided, PlaceOrder, PrepareShipment, RESERVATIONS, ReceiveStock, ReleaseStock,
    ReservationExpired, ReserveStock, SHIPMENT_FACTS, SHIPPING, STOCK_LEVELS, SaveCustomer,
    SetRule, ShipmentCancelled, ShipmentDispatched, ShipmentPrepared, ShipmentRejected, Status,
    StockCommitted, StockLevel, StockRejected, StockReleased, StockReserved, VoidPayment,
};
use ballet::message::{Kind, Stamp, commands_of};
use ballet::{Command, Envelope, Event, Message};
use std::collections::{BTreeMap, BTreeSet};

/// The topic of everything that is said, or the service of everything that is asked, by name.
macro_rules! words {
    ($vis:vis const $table:ident = $of:ident: $($message:ident)+) => {
        $vis const $table: &[(&str, &str)] = &[$(($message::NAME, words!(@ $of $message))),+];
    };
    (@ topic $message:ident) => { $message::TOPIC.name };
    (@ service $message:ident) => { $message::TO };
}

words! {
    const EVENTS = topic:
        OrderCreated OrderValidated OrderInvalidated OrderPaid OrderShipped OrderCancelRequested
        OrderCancelRefused OrderCancelled OrderValidation StockLevel StockReserved StockRejected
        StockReleased StockCommitted PaymentAuthorized PaymentDeclined PaymentCaptured
        PaymentCaptureFailed PaymentVoided CancelTooLate ShipmentPrepared ShipmentRejected
        ShipmentDispatched ShipmentCancelled NotificationSent CustomerUpserted CustomerErased
        ReservationExpired
}
words! {
    const COMMANDS = service:
        PlaceOrder CancelOrder SetRule NoteValid NotePaid CompleteOrder CloseOrder CheckDetails
        AssessFraud CheckLimit ReceiveStock ReserveStock ReleaseStock CommitStock AuthorizePayment
        VoidPayment CapturePayment PrepareShipment CancelShipment DispatchShipment SaveCustomer
        EraseCustomer
}

/// Who alone may write a topic.
pub(super) const WRITERS: [(&str, &str); 7] = [
    (ORDER_FACTS.name, ORDERS),
    (STOCK_LEVELS.name, INVENTORY),
    (RESERVATIONS.name, INVENTORY),
    (PAYMENT_FACTS.name, PAYMENTS),
    (SHIPMENT_FACTS.name, SHIPPING),
    (CUSTOMER_FACTS.name, CUSTOMERS),
    (NOTIFICATIONS.name, NOTIFICATION),
];

/// The facts with which an order ends, and where it stands then.
pub(super) const ENDS: [(&str, Status); 3] = [
    (OrderShipped::NAME, Status::Shipped),
    (OrderInvalidated::NAME, Status::Invalid),
    (OrderCancelled::NAME, Status::Cancelled),
];

/// The topic that a message belongs on, by what it is; `None` for words that the shop has not.
pub(crate) fn topic_of(envelope: &Envelope) -> Option<String> {
    let in_table = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(name, _)| *name == envelope.name);
        found.map(|(_, at)| *at)
    };
    match envelope.kind {
        Kind::Event => in_table(EVENTS).map(str::to_owned),
        Kind::Command => in_table(COMMANDS).map(commands_of),
        Kind::Reply => envelope.step.as_ref()?.reply_to.as_ref().map(ToString::to_string),
    }
}

/// Every message, once.
pub(super) fn once(books: &Books) -> impl Iterator<Item = &Message> {
    let mut known = BTreeSet::new();
    books.messages.iter().filter(move |message| known.insert(message.envelope.id))
}

/// Every message that somebody of the shop has sent, once. What strangers send stands on no edge,
/// and is not for the shop to answer for.
pub(super) fn sent(books: &Books) -> Vec<(&Message, &Stamp)> {
    once(books).filter_map(|message| Some((message, message.envelope.stamp.as_ref()?))).collect()
}

/// What a message says, if it is a fact of this kind.
pub(super) fn fact<E: Event>(message: &Message) -> Option<E> {
    let is_one = message.envelope.kind == Kind::Event && message.envelope.name == E::NAME;
    serde_json::from_slice(&message.body).ok().filter(|_| is_one)
}

/// Every fact of one kind that the shop has said, once, with its envelope.
pub(super) fn facts<E: Event>(books: &Books) -> Vec<(&Envelope, E)> {
    let all = sent(books).into_iter();
    all.filter_map(|(message, _)| Some((&*message.envelope, fact(message)?))).collect()
}

/// How often each fact of a topic was said of each order.
pub(super) fn counts(books: &Books, topic: &str) -> BTreeMap<OrderId, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<OrderId, BTreeMap<String, usize>> = BTreeMap::new();
    for (Message { envelope, .. }, _) in sent(books) {
        if envelope.kind == Kind::Event && topic_of(envelope).as_deref() == Some(topic) {
            let of_order = counts.entry(envelope.key.to_string()).or_default();
            *of_order.entry(envelope.name.to_string()).or_default() += 1;
        }
    }
    counts
}

/// The ends that were said of each order.
pub(super) fn ends(books: &Books) -> BTreeMap<OrderId, Vec<(Status, &Envelope)>> {
    let mut ends: BTreeMap<OrderId, Vec<(Status, &Envelope)>> = BTreeMap::new();
    for (Message { envelope, .. }, _) in sent(books) {
        if let Some((_, status)) = ENDS.iter().find(|(name, _)| *name == envelope.name) {
            ends.entry(envelope.key.to_string()).or_default().push((*status, envelope));
        }
    }
    ends
}
