//! The processes of the shop: one for every service, and none above them.

use crate::{
    Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments, ShadowFraud,
    Shipping,
};
use shop::cast::{Cast, Player};
use shop::contracts::{
    CUSTOMERS, DETAILS, FRAUD, INVENTORY, LIMITS, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING,
};
use shop::customers::{Addresses, Contacts};
use shop::fraud;

/// Everybody who plays.
pub const CAST: Cast = &[
    Player { name: ORDERS, start: |app, _| Box::pin(app.reactor(Orders).start()) },
    Player { name: DETAILS, start: |app, _| Box::pin(app.reactor(Details).start()) },
    Player { name: FRAUD, start: |app, _| Box::pin(app.reactor(Fraud).start()) },
    Player { name: fraud::SHADOW, start: |app, _| Box::pin(app.reactor(ShadowFraud).start()) },
    Player { name: LIMITS, start: |app, _| Box::pin(app.reactor(Limits).start()) },
    Player { name: INVENTORY, start: |app, _| Box::pin(app.reactor(Inventory).start()) },
    Player {
        name: PAYMENTS,
        start: |app, world| {
            let provider = world.provider.clone();
            Box::pin(app.reactor(Payments { provider }).start())
        },
    },
    Player {
        name: SHIPPING,
        start: |app, world| {
            let carrier = world.carrier.clone();
            Box::pin(app.view::<Addresses>().reactor(Shipping { carrier }).start())
        },
    },
    Player { name: CUSTOMERS, start: |app, _| Box::pin(app.reactor(Customers).start()) },
    Player {
        name: NOTIFICATION,
        start: |app, world| {
            let mail = world.mail.clone();
            Box::pin(app.view::<Contacts>().reactor(Notification { mail }).start())
        },
    },
];
