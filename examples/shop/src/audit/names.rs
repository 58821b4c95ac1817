//! The names of services, for whoever looks into their tables and does not serve them.

use crate::contracts::{ALERTS, INVENTORY, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING};
use ballet::{Reactions, Reactor};

/// Nothing reacts here.
macro_rules! services {
    ($($service:ident = $name:expr;)+) => {
        $(
            pub(crate) struct $service;

            impl Reactor for $service {
                const NAME: &'static str = $name;

                fn reactions() -> Reactions<Self> {
                    Reactions::new()
                }
            }
        )+
    };
}

services! {
    Orders = ORDERS;
    Inventory = INVENTORY;
    Payments = PAYMENTS;
    Shipping = SHIPPING;
    Notification = NOTIFICATION;
    Alerts = ALERTS;
    // The store keeps views beside the tables, under this name.
    Views = "view";
}
