//! The purchase of an iPad, choreographed, in small: who hears what and says what, and no more.

use crate::reactor::check::support::{A_WHILE, answers, back, hears, otherwise, reactor, records};
use crate::reactor::{And, Choreography, Reactions, Reactor, Verdict, after};

records! {
    PlaceOrder CancelOrder
    OrderCreated OrderValidated OrderInvalidated OrderPaid OrderShipped
    OrderCancelRequested OrderCancelRefused OrderCancelled
    OrderValidation
    StockReserved StockRejected StockReleased StockCommitted
    PaymentAuthorized PaymentDeclined PaymentCaptured PaymentCaptureFailed PaymentVoided
    CancelTooLate
    ShipmentPrepared ShipmentRejected ShipmentDispatched ShipmentCancelled
    NotificationSent
}

crate::service! { ORDERS_SERVICE = "orders" {
    PlaceOrder = "order.place" -> (),
    CancelOrder = "order.cancel" -> (),
} }
crate::topic! { ORDERS = "shop.orders.v1", key order_id {
    OrderCreated = "order.created",
    OrderValidated = "order.validated",
    OrderInvalidated = "order.invalidated",
    OrderPaid = "order.paid",
    OrderShipped = "order.shipped",
    OrderCancelRequested = "order.cancel_requested",
    OrderCancelRefused = "order.cancel_refused",
    OrderCancelled = "order.cancelled",
} }
crate::topic! { VALIDATIONS = "shop.order-validations.v1" many writers, key order_id {
    OrderValidation = "order.checked",
} }
crate::topic! { RESERVATIONS = "shop.reservations.v1", key order_id {
    StockReserved = "stock.reserved",
    StockRejected = "stock.rejected",
    StockReleased = "stock.released",
    StockCommitted = "stock.committed",
} }
crate::topic! { PAYMENTS = "shop.payments.v1", key order_id {
    PaymentAuthorized = "payment.authorized",
    PaymentDeclined = "payment.declined",
    PaymentCaptured = "payment.captured",
    PaymentCaptureFailed = "payment.capture_failed",
    PaymentVoided = "payment.voided",
    CancelTooLate = "payment.cancel_too_late",
} }
crate::topic! { SHIPMENTS = "shop.shipments.v1", key order_id {
    ShipmentPrepared = "shipment.prepared",
    ShipmentRejected = "shipment.rejected",
    ShipmentDispatched = "shipment.dispatched",
    ShipmentCancelled = "shipment.cancelled",
} }
crate::topic! { NOTIFICATIONS = "shop.notifications.v1", key order_id {
    NotificationSent = "notification.sent",
} }

/// Before the order is valid it is cancelled at once; after that Payments is asked.
type Cancelled = (Option<OrderCancelled>, Option<OrderCancelRequested>);

reactor!(
    Orders = ORDERS_SERVICE,
    Reactions::new()
        .to::<PlaceOrder>(answers::<_, _, And<(), OrderCreated>>())
        .to::<CancelOrder>(answers::<_, _, And<(), Cancelled>>())
        .on::<OrderValidation>(
            hears::<_, _, Option<Verdict<OrderValidated, OrderInvalidated>>>().leaves_nothing(),
        )
        .on::<PaymentDeclined>(hears::<_, _, OrderCancelled>())
        .on::<PaymentCaptureFailed>(hears::<_, _, OrderCancelled>())
        .on::<ShipmentRejected>(hears::<_, _, Cancelled>())
        .on::<PaymentVoided>(hears::<_, _, OrderCancelled>())
        .on::<CancelTooLate>(hears::<_, _, OrderCancelRefused>())
        .on::<PaymentCaptured>(hears::<_, _, OrderPaid>())
        .on::<ShipmentDispatched>(hears::<_, _, OrderShipped>())
        .expect(
            "checks",
            after::<OrderCreated>()
                .until::<(OrderValidated, OrderInvalidated, OrderCancelled)>()
                .within(A_WHILE, otherwise::<_, _, Option<OrderCancelled>>),
        )
        .expect(
            "payment",
            after::<OrderValidated>()
                .until::<(PaymentCaptured, OrderCancelled)>()
                .within(A_WHILE, otherwise::<_, _, OrderCancelRequested>),
        )
);

reactor!(
    Details = "order-details",
    Reactions::new().on::<OrderCreated>(hears::<_, _, OrderValidation>().leaves_nothing())
);

reactor!(
    Fraud = "fraud",
    Reactions::new().on::<OrderCreated>(hears::<_, _, OrderValidation>().leaves_nothing())
);

type Reserved = Verdict<(StockReserved, OrderValidation), (StockRejected, OrderValidation)>;

reactor!(
    Inventory = "inventory",
    Reactions::new()
        .on::<OrderCreated>(
            hears::<_, _, Reserved>()
                .compensate_on::<OrderInvalidated>(back::<_, _, _, Option<StockReleased>>)
                .compensate_on::<OrderCancelled>(back::<_, _, _, Option<StockReleased>>),
        )
        .on::<PaymentCaptured>(hears::<_, _, StockCommitted>())
);

reactor!(
    Payments = "payments",
    Reactions::new()
        .on::<OrderValidated>(
            hears::<_, _, Verdict<PaymentAuthorized, PaymentDeclined>>()
                .compensate_on::<OrderCancelRequested>(back::<_, _, _, PaymentVoided>)
                .too_late::<OrderCancelRequested, CancelTooLate>(otherwise),
        )
        .on::<ShipmentPrepared>(
            hears::<_, _, Verdict<PaymentCaptured, PaymentCaptureFailed>>().pivot(),
        )
);

reactor!(
    Shipping = "shipping",
    Reactions::new()
        .on::<PaymentAuthorized>(
            hears::<_, _, Verdict<ShipmentPrepared, ShipmentRejected>>()
                .compensate_on::<OrderCancelled>(back::<_, _, _, Option<ShipmentCancelled>>),
        )
        .on::<PaymentCaptured>(hears::<_, _, ShipmentDispatched>())
);

reactor!(
    Notification = "notification",
    Reactions::new()
        .on::<OrderShipped>(hears::<_, _, NotificationSent>())
        .on::<OrderInvalidated>(hears::<_, _, NotificationSent>())
        .on::<OrderCancelled>(hears::<_, _, NotificationSent>())
);

/// Everybody but Inventory, of whom the tests have several.
pub(crate) fn without_inventory() -> Choreography {
    Choreography::new()
        .with::<Orders>()
        .with::<Details>()
        .with::<Fraud>()
        .with::<Payments>()
        .with::<Shipping>()
        .with::<Notification>()
        .published::<StockReserved>()
        .published::<StockRejected>()
        .published::<StockReleased>()
        .published::<StockCommitted>()
        .published::<ShipmentCancelled>()
        .published::<OrderPaid>()
        .published::<OrderCancelRefused>()
        .published::<NotificationSent>()
}

/// All of it.
pub(crate) fn purchase() -> Choreography {
    without_inventory().with::<Inventory>()
}
