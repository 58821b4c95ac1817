//! Customers, and the copies of them that other services hold: each just the fields that it needs.

use crate::contracts::{
    Address, Customer, CustomerErased, CustomerId, CustomerUpserted, Level, SaveCustomer,
};
use ballet::{Fault, Sources, Table, Tx, View};
use serde::{Deserialize, Serialize};

/// The customers. Only how often each has changed: who they are stands in what was said of them.
pub const VERSIONS: Table<CustomerId, u64> = Table::new("versions");

/// Writes a customer down.
///
/// # Errors
///
/// A fault if the table cannot be read.
pub async fn save(tx: &mut Tx, ask: &SaveCustomer) -> Result<CustomerUpserted, Fault> {
    let Customer { customer_id, name, email, address, level } = ask.customer.clone();
    let version = next(tx, &customer_id).await?;
    Ok(CustomerUpserted { customer_id, name, email, address, level, version })
}

/// Forgets a customer. The version goes on, so that somebody who comes back is newer than who left.
///
/// # Errors
///
/// A fault if the table cannot be read.
pub async fn erase(tx: &mut Tx, customer_id: &CustomerId) -> Result<CustomerErased, Fault> {
    next(tx, customer_id).await?;
    Ok(CustomerErased { customer_id: customer_id.clone() })
}

async fn next(tx: &mut Tx, customer_id: &CustomerId) -> Result<u64, Fault> {
    let version = tx.get(VERSIONS, customer_id).await?.unwrap_or(0) + 1;
    tx.put(VERSIONS, customer_id, &version)?;
    Ok(version)
}

/// Whom a parcel goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// The name.
    pub name: String,
    /// The address.
    pub address: Address,
    /// The version of the customer.
    pub version: u64,
}

/// Shipping's copy: where parcels go, and no mail address.
#[derive(Debug)]
pub struct Addresses;

impl View for Addresses {
    const NAME: &'static str = "addresses";
    type Key = CustomerId;
    type Row = Addressee;

    fn sources() -> Sources<Self> {
        Sources::new()
            .on::<CustomerUpserted>(|said| said.customer_id.clone(), Self::fold)
            .on::<CustomerErased>(|said| said.customer_id.clone(), |_, _| None)
    }
}

impl Addresses {
    pub(crate) fn fold(known: Option<Addressee>, said: &CustomerUpserted) -> Option<Addressee> {
        let CustomerUpserted { name, address, version, .. } = said.clone();
        let is_newer = known.as_ref().is_none_or(|known| known.version < version);
        if is_newer { Some(Addressee { name, address, version }) } else { known }
    }
}

/// Whom a letter goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// How well we know them.
    pub level: Level,
    /// The version of the customer.
    pub version: u64,
}

/// Notification's copy: where mail goes, and no street.
#[derive(Debug)]
pub struct Contacts;

impl View for Contacts {
    const NAME: &'static str = "contacts";
    type Key = CustomerId;
    type Row = Contact;

    fn sources() -> Sources<Self> {
        Sources::new()
            .on::<CustomerUpserted>(|said| said.customer_id.clone(), Self::fold)
            .on::<CustomerErased>(|said| said.customer_id.clone(), |_, _| None)
    }
}

impl Contacts {
    pub(crate) fn fold(known: Option<Contact>, said: &CustomerUpserted) -> Option<Contact> {
        let CustomerUpserted { name, email, level, version, .. } = said.clone();
        let is_newer = known.as_ref().is_none_or(|known| known.version < version);
        if is_newer { Some(Contact { name, email, level, version }) } else { known }
    }
}

#[cfg(test)]
mod tests {
    use super::{Addresses, Contacts};
    use crate::contracts::{Address, CustomerUpserted, Level};

    fn version(version: u64) -> CustomerUpserted {
        CustomerUpserted {
            customer_id: "c7".to_owned(),
            name: "Eva".to_owned(),
            email: "eva@shop.example".to_owned(),
            address: Address {
                line1: format!("Ring {version}"),
                city: "Graz".to_owned(),
                postcode: "8010".to_owned(),
                country: "AT".to_owned(),
            },
            level: Level::Gold,
            version,
        }
    }

    #[test]
    fn an_older_version_does_not_come_back() {
        let said = [3, 1, 2].map(version);
        let row = said.iter().fold(None, Addresses::fold);
        assert_eq!(row.map(|row| row.address.line1), Some("Ring 3".to_owned()));
    }

    #[test]
    fn each_copy_keeps_just_what_it_needs() {
        let fields = |row: serde_json::Value| {
            row.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let address = serde_json::to_value(Addresses::fold(None, &version(1))).unwrap();
        let contact = serde_json::to_value(Contacts::fold(None, &version(1))).unwrap();
        assert_eq!(fields(address), "address name version");
        assert_eq!(fields(contact), "email level name version");
    }
}
