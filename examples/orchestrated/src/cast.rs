//! The processes of the shop: the coordinator, and one for every service that it asks.

use crate::{
    Alerts, Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments, Purchase,
    ShadowFraud, Shipping,
};
use ballet::{App, Saga, Topology};
use shop::cast::{Cast, Player, Starting};
use shop::contracts::{OrderCancelRequested, OrderCreated};
use shop::customers::{Addresses, Contacts};
use shop::settings::settings;

/// Everybody who plays, the coordinator first.
pub const CAST: Cast = &[
    Player { name: Purchase::NAME, start: |app, _| coordinate(app), topics: coordinated },
    Player::of::<Orders>(),
    Player::of::<Details>(),
    Player::of::<Fraud>(),
    Player::of::<ShadowFraud>(),
    Player::of::<Limits>(),
    Player::of::<Inventory>(),
    Player::outward::<Payments>(),
    Player::outward_with::<Shipping, Addresses>(),
    Player::of::<Customers>(),
    Player::outward_with::<Notification, Contacts>(),
    Player::of::<Alerts>(),
];

fn coordinate(app: App) -> Starting {
    let app = app
        .saga(Purchase::from(settings()))
        .begun_by::<OrderCreated>(|said| Some((said.order_id.clone(), said.order.clone())))
        .cancelled_by::<OrderCancelRequested>(|said| {
            Some((said.order_id.clone(), said.by.clone()))
        });
    Box::pin(app.start())
}

fn coordinated(topology: Topology) -> Topology {
    topology.saga::<Purchase>().hears::<OrderCreated>().hears::<OrderCancelRequested>()
}
