//! The processes of the shop: the coordinator, and a process for every service that it asks.

use crate::{
    Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments, Purchase,
    ShadowFraud, Shipping,
};
use ballet::{App, Saga};
use shop::cast::{Cast, Player, Starting};
use shop::contracts::{
    CUSTOMERS, DETAILS, FRAUD, INVENTORY, LIMITS, NOTIFICATION, ORDERS, OrderCancelRequested,
    OrderCreated, PAYMENTS, SHIPPING,
};
use shop::customers::{Addresses, Contacts};
use shop::fraud;

/// Everybody who plays, the coordinator first.
pub const CAST: Cast = &[
    Player { name: Purchase::NAME, start: |app, _| coordinate(app) },
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

fn coordinate(app: App) -> Starting {
    let app = app
        .saga(Purchase)
        .begun_by::<OrderCreated>(|said| Some((said.order_id.clone(), said.order.clone())))
        .cancelled_by::<OrderCancelRequested>(|said| {
            Some((said.order_id.clone(), said.by.clone()))
        });
    Box::pin(app.start())
}
