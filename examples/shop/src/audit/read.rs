//! Collects the books. A table is found by the names of its service and of itself, so who serves it
//! need not be known.

use crate::audit::{Books, Expected};
use crate::contracts::{ALERTS, INVENTORY, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING};
use crate::customers::{Addressee, Contact};
use crate::fakes::World;
use crate::{alerts, inventory, notification, orders, payments, shipping};
use ballet::{Error, Message, Reactions, Reactor, Record, Running, Table, TableKey};
use std::collections::BTreeMap;

/// Names of services, to look into their tables; nothing reacts here.
macro_rules! services {
    ($($service:ident = $name:expr;)+) => {
        $(
            struct $service;

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

/// Collects the books. `messages` are those of all topics, each partition in its order; what they
/// are read from is not the same everywhere, so whoever has it at hand reads them.
///
/// # Errors
///
/// [`ErrorKind::Store`](ballet::ErrorKind::Store) if the store cannot be read.
pub async fn read(
    app: &Running,
    messages: Vec<Message>,
    world: &World,
    expected: Expected,
) -> Result<Books, Error> {
    Ok(Books {
        expected,
        orders: all::<Orders, _, _>(app, orders::ORDERS).await?,
        shelves: all::<Inventory, _, _>(app, inventory::SHELVES).await?,
        reservations: all::<Inventory, _, _>(app, inventory::RESERVATIONS).await?,
        payments: all::<Payments, _, _>(app, payments::PAYMENTS).await?,
        shipments: all::<Shipping, _, _>(app, shipping::SHIPMENTS).await?,
        sent: all::<Notification, _, _>(app, notification::SENT).await?,
        addresses: all::<Views, String, Addressee>(app, Table::new("addresses")).await?,
        alerts: all::<Alerts, _, _>(app, alerts::ALERTS).await?,
        contacts: all::<Views, String, Contact>(app, Table::new("contacts")).await?,
        messages,
        authorizations: world.provider.authorizations(),
        parcels: world.carrier.parcels(),
        posted: world.mail.sent(),
        dead_letters: app.dead_letters(u32::MAX).await?,
    })
}

async fn all<R: Reactor, K: TableKey + Ord, V: Record>(
    app: &Running,
    table: Table<K, V>,
) -> Result<BTreeMap<K, V>, Error> {
    Ok(app.rows::<R, K, V>(table).await?.into_iter().collect())
}
