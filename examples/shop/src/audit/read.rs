//! Collects the books. A table is found by the names of its service and of itself, so who serves it
//! need not be known.

use crate::audit::names::{Alerts, Inventory, Notification, Orders, Payments, Shipping, Views};
use crate::audit::{Books, Expected};
use crate::contracts::{ALERTS, INVENTORY, NOTIFICATION, ORDERS, PAYMENTS, SHIPPING};
use crate::customers::{Addressee, Contact};
use crate::fakes::World;
use crate::{alerts, inventory, notification, orders, payments, shipping};
use ballet::store::DeadLetter;
use ballet::{Error, ErrorKind, Message, Reactor, Record, Running, Table, TableKey};
use std::collections::BTreeMap;

/// Where the tables are.
#[derive(Debug, Clone, Copy)]
pub enum Offices<'a> {
    /// In one store, which everybody shares.
    One(&'a Running),
    /// In a store for each service, by its name.
    Each(&'a BTreeMap<String, Running>),
}

impl<'a> Offices<'a> {
    fn of(self, service: &str) -> Result<&'a Running, Error> {
        let missing = || Error::new(ErrorKind::Store, format!("nobody keeps books of `{service}`"));
        match self {
            Self::One(app) => Ok(app),
            Self::Each(apps) => apps.get(service).ok_or_else(missing),
        }
    }

    async fn all<R: Reactor, K: TableKey + Ord, V: Record>(
        self,
        service: &str,
        table: Table<K, V>,
    ) -> Result<BTreeMap<K, V>, Error> {
        Ok(self.of(service)?.rows::<R, K, V>(table).await?.into_iter().collect())
    }

    async fn dead_letters(self) -> Result<Vec<DeadLetter>, Error> {
        let apps: Vec<&Running> = match self {
            Self::One(app) => vec![app],
            Self::Each(apps) => apps.values().collect(),
        };
        let mut all = Vec::new();
        for app in apps {
            all.extend(app.dead_letters(u32::MAX).await?);
        }
        Ok(all)
    }
}

/// Collects the books. `messages` are those of all topics, each partition in its order; what they
/// are read from is not the same everywhere, so whoever has it at hand reads them.
///
/// # Errors
///
/// [`ErrorKind::Store`] if a store cannot be read, or nobody keeps the books of a service.
pub async fn read(
    offices: Offices<'_>,
    messages: Vec<Message>,
    world: &World,
    expected: Expected,
) -> Result<Books, Error> {
    let addresses = Table::<String, Addressee>::new("addresses");
    let contacts = Table::<String, Contact>::new("contacts");
    Ok(Books {
        expected,
        orders: offices.all::<Orders, _, _>(ORDERS, orders::ORDERS).await?,
        shelves: offices.all::<Inventory, _, _>(INVENTORY, inventory::SHELVES).await?,
        reservations: offices.all::<Inventory, _, _>(INVENTORY, inventory::RESERVATIONS).await?,
        payments: offices.all::<Payments, _, _>(PAYMENTS, payments::PAYMENTS).await?,
        shipments: offices.all::<Shipping, _, _>(SHIPPING, shipping::SHIPMENTS).await?,
        sent: offices.all::<Notification, _, _>(NOTIFICATION, notification::SENT).await?,
        addresses: offices.all::<Views, _, _>(SHIPPING, addresses).await?,
        alerts: offices.all::<Alerts, _, _>(ALERTS, alerts::ALERTS).await?,
        contacts: offices.all::<Views, _, _>(NOTIFICATION, contacts).await?,
        messages,
        authorizations: world.provider.authorizations(),
        parcels: world.carrier.parcels(),
        posted: world.mail.sent(),
        dead_letters: offices.dead_letters().await?,
    })
}
