//! All reactors beside each other, as data: for the check that nothing is missing, and for the
//! drawing.

use crate::{
    Alerts, Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments,
    ShadowFraud, Shipping,
};
use ballet::Choreography;
use shop::contracts::{
    CustomerErased, CustomerUpserted, NotificationSent, OrderCancelRefused, OrderPaid,
    ShipmentCancelled, StockLevel, StockRejected, StockReserved,
};

/// The whole purchase, and what is said for readers outside of it.
#[must_use]
pub fn choreography() -> Choreography {
    Choreography::new()
        .with::<Orders>()
        .with::<Details>()
        .with::<Fraud>()
        .with::<ShadowFraud>()
        .with::<Limits>()
        .with::<Inventory>()
        .with::<Payments>()
        .with::<Shipping>()
        .with::<Notification>()
        .with::<Customers>()
        .with::<Alerts>()
        .published::<CustomerUpserted>()
        .published::<CustomerErased>()
        .published::<OrderPaid>()
        .published::<OrderCancelRefused>()
        .published::<StockReserved>()
        .published::<StockRejected>()
        .published::<StockLevel>()
        .published::<ShipmentCancelled>()
        .published::<NotificationSent>()
}
